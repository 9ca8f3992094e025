//! Texts that have to look like something.

use super::cursor::{Cursor, Read, quote};
use crate::{RecordName, ZoneId};

const LONGEST_SLUG: usize = 63;
const LONGEST_ADDRESS: usize = 2048;
const LONGEST_NAME: usize = 253;
const LONGEST_NAME_PART: usize = 63;
const LONGEST_REGION: usize = 32;

/// The name of a plan or of a gate.
pub(super) fn slug(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() || text.len() > LONGEST_SLUG || !text.bytes().all(plain) {
        let message = format!("{} is not a name", quote(&text));
        let hint = format!("use 1 to {LONGEST_SLUG} lower-case letters, digits and hyphens");
        return Err(at.refuse(message, hint));
    }
    Ok(text)
}

/// An account of the daemon's configuration, whose keys are TOML's.
pub(super) fn account(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if text.is_empty() || text.len() > LONGEST_SLUG || !text.bytes().all(plain) {
        let message = format!("{} is not the name of an account", quote(&text));
        return Err(at.refuse(message, "give the NAME of an [accounts.NAME] of the daemon's configuration"));
    }
    Ok(text)
}

pub(super) fn text_up_to(at: &Cursor<'_>, longest: usize) -> Read<String> {
    let text = at.text()?;
    match text.chars().count() {
        length if length > longest => {
            let message = format!("{length} characters are more than {longest}");
            Err(at.refuse(message, "shorten the text"))
        }
        _ => Ok(text),
    }
}

/// A text that is there.
pub(super) fn filled(at: &Cursor<'_>, longest: usize) -> Read<String> {
    let text = text_up_to(at, longest)?;
    if text.trim().is_empty() {
        return Err(at.refuse("the text is empty", format!("give 1 to {longest} characters")));
    }
    Ok(text)
}

/// The dashboard makes it a link, so that only addresses of the web will do.
pub(super) fn web_address(at: &Cursor<'_>) -> Read<String> {
    let text = text_up_to(at, LONGEST_ADDRESS)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = format!("{} is not an address of the web", quote(&text));
        return Err(at.refuse(message, "begin it with https:// and leave no blanks in it"));
    }
    Ok(text)
}

pub(super) fn region(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > LONGEST_REGION || text.split('-').count() < 3 || !text.bytes().all(plain) {
        let message = format!("{} is not a region of AWS", quote(&text));
        return Err(at.refuse(message, "write it as in eu-west-1"));
    }
    Ok(text)
}

/// A domain name, as the user wrote it.
pub(super) fn domain_name(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    what_is_wrong(&text).map_or(Ok(text), |(message, hint)| Err(at.refuse(message, hint)))
}

/// A hosted zone's id, or a domain name.
pub(super) fn zone(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    if is_zone_id(&text) {
        return Ok(text);
    }
    match what_is_wrong(&text) {
        Some((message, _)) => Err(at.refuse(
            message,
            "give a hosted zone's id, as in Z0123456789ABC, or its name, as in example.com",
        )),
        None => Ok(text),
    }
}

/// One spelling for all the ways to write the same zone.
pub(super) fn same_zone(text: &str) -> String {
    if is_zone_id(text) { ZoneId::new(text).0 } else { RecordName::new(text).as_str().to_owned() }
}

fn is_zone_id(text: &str) -> bool {
    let ZoneId(id) = ZoneId::new(text);
    let rest = id.strip_prefix('Z').unwrap_or_default();
    (2..=32).contains(&id.len())
        && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && !rest.is_empty()
}

fn what_is_wrong(name: &str) -> Option<(String, &'static str)> {
    let bad = |what: &str, hint| Some((format!("{} is not a domain name: {what}", quote(name)), hint));
    let hint = "write it as in www.example.com";
    if !name.is_ascii() {
        return bad("it has letters outside of ASCII", "write such a name in its xn-- form");
    }
    let parts = name.strip_suffix('.').unwrap_or(name).split('.');
    let mut length = 0;
    for (i, part) in parts.enumerate() {
        let Some(bytes) = unescaped_length(part, i == 0) else {
            return bad(&format!("{} cannot be a part of one", quote(part)), hint);
        };
        if bytes == 0 || bytes > LONGEST_NAME_PART {
            return bad("each part between dots has 1 to 63 characters", hint);
        }
        length += bytes + 1;
    }
    if length > LONGEST_NAME + 1 {
        return bad("it is longer than 253 characters", hint);
    }
    None
}

/// How long a part of a name is when its escapes (`\` and three octal digits) are undone. `None` when it has a
/// character that cannot be there.
fn unescaped_length(part: &str, first: bool) -> Option<usize> {
    if part == "*" {
        return first.then_some(1);
    }
    let mut rest = part.as_bytes();
    let mut length = 0;
    while let Some((byte, tail)) = rest.split_first() {
        rest = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => tail,
            b'\\' => match tail {
                [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', tail @ ..] => tail,
                _ => return None,
            },
            _ => return None,
        };
        length += 1;
    }
    Some(length)
}
