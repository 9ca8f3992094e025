//! JSON, by way of raw values: slices of the text, whose beginnings are their places.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Mistake, Mistakes,
    tree::{DEEPEST, Entry, Lines, Node, Place, Value, small, too_deep},
};

pub(super) fn read(text: &str) -> Result<Node, Mistakes> {
    let raw: &RawValue = parse(text, Place::START)?;
    node(raw, &Text { text, lines: Lines::new(text) }, 0)
}

struct Text<'a> {
    text: &'a str,
    lines: Lines<'a>,
}

impl Text<'_> {
    fn place(&self, raw: &RawValue) -> Place {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.lines.place(offset)
    }
}

fn node(raw: &RawValue, text: &Text<'_>, depth: usize) -> Result<Node, Mistakes> {
    let place = text.place(raw);
    if depth > DEEPEST {
        return Err(too_deep(place));
    }
    let json = raw.get();
    let value = match json.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = parse(json, place)?;
            let entries = members.into_iter().map(|(key, member)| entry(key, member, text, depth));
            Value::Table(entries.collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(json, place)?;
            Value::List(items.into_iter().map(|item| node(item, text, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(parse(json, place)?),
        Some(b't' | b'f') => Value::Flag(parse(json, place)?),
        Some(b'n') => Value::Nothing,
        Some(_) | None => Value::Number(parse(json, place)?),
    };
    Ok(Node { place, value })
}

fn entry(key: &RawValue, member: &RawValue, text: &Text<'_>, depth: usize) -> Result<Entry, Mistakes> {
    let place = text.place(key);
    Ok(Entry { key: parse(key.get(), place)?, place, node: node(member, text, depth + 1)? })
}

/// `start` is where in the whole text this part of it begins.
fn parse<'a, T: Deserialize<'a>>(json: &'a str, start: Place) -> Result<T, Mistakes> {
    serde_json::from_str(json).map_err(|error| {
        let line = small(error.line()).saturating_sub(1).saturating_add(start.line);
        let before = if error.line() <= 1 { start.column - 1 } else { 0 };
        let place = Place { line, column: small(error.column()).saturating_add(before).max(1) };
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Mistakes(vec![Mistake::in_text(place, format!("this is not JSON: {message}"))])
    })
}

/// An object's members as written; a map would lose the ones that are there twice.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'a> Visitor<'a> for Collect {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
