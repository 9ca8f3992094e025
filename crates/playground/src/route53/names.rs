//! Domain names as Route 53 keeps them: lower case, a trailing dot, and everything unusual as `\ooo` (octal).

use thiserror::Error;

#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error("the name '{0}' has an empty label")]
    EmptyLabel(String),
    #[error("the name '{0}' has a label longer than 63 characters")]
    LabelTooLong(String),
    #[error("the name '{0}' is longer than 255 characters")]
    TooLong(String),
    #[error("the name '{0}' has an escape that is not three octal digits")]
    BadEscape(String),
}

/// The form in which records are stored and listed: `*.Example.com` becomes `\052.example.com.`.
pub(crate) fn canonical(name: &str) -> Result<String, NameError> {
    let labels = labels(name)?;
    if labels.iter().map(|label| label.len() + 1).sum::<usize>() > 255 {
        return Err(NameError::TooLong(name.to_owned()));
    }
    let mut written = String::with_capacity(name.len() + 1);
    for label in &labels {
        if label.is_empty() {
            return Err(NameError::EmptyLabel(name.to_owned()));
        }
        if label.len() > 63 {
            return Err(NameError::LabelTooLong(name.to_owned()));
        }
        written.push_str(&escaped_label(label));
    }
    Ok(written)
}

/// A label as Route 53 writes it, with its dot.
pub(crate) fn escaped_label(label: &[u8]) -> String {
    let mut written = String::with_capacity(label.len() + 1);
    for byte in label {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => written.push(char::from(*byte)),
            other => written.push_str(&format!("\\{other:03o}")),
        }
    }
    written.push('.');
    written
}

/// The bytes by which Route 53 orders names: labels reversed, escapes undone, every label ended by a dot.
pub(crate) fn sort_key(canonical: &str) -> Vec<u8> {
    let Ok(mut labels) = labels(canonical) else { return canonical.as_bytes().to_vec() };
    labels.reverse();
    let mut key = Vec::with_capacity(canonical.len());
    for label in labels {
        key.extend(label);
        key.push(b'.');
    }
    key
}

/// Whether `name` is the zone's apex or below it. Both canonical.
pub(crate) fn is_within(name: &str, zone: &str) -> bool {
    name == zone || name.strip_suffix(zone).is_some_and(|head| head.ends_with('.'))
}

/// The name without its first label; `None` at the root.
pub(crate) fn parent(canonical: &str) -> Option<&str> {
    let (_, rest) = canonical.split_once('.')?;
    (!rest.is_empty()).then_some(rest)
}

/// The labels' bytes, lower-cased, escapes undone.
pub(crate) fn labels(name: &str) -> Result<Vec<Vec<u8>>, NameError> {
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    if trimmed.is_empty() {
        return Err(NameError::Empty);
    }
    let mut labels = vec![Vec::new()];
    let mut bytes = trimmed.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => labels.push(Vec::new()),
            b'\\' => {
                let escaped = octal(&mut bytes).ok_or_else(|| NameError::BadEscape(name.to_owned()))?;
                push(&mut labels, escaped.to_ascii_lowercase());
            }
            other => push(&mut labels, other.to_ascii_lowercase()),
        }
    }
    Ok(labels)
}

fn octal(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut value = 0_u16;
    for _ in 0..3 {
        let digit = bytes.next().filter(|digit| (b'0'..=b'7').contains(digit))?;
        value = value * 8 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

fn push(labels: &mut [Vec<u8>], byte: u8) {
    if let Some(label) = labels.last_mut() {
        label.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_route_53_lists_them() {
        for (sent, kept) in [
            ("WWW.Example.com", "www.example.com."),
            ("www.example.com.", "www.example.com."),
            ("*.example.com", "\\052.example.com."),
            ("\\052.example.com.", "\\052.example.com."),
            ("a@b.example.com", "a\\100b.example.com."),
            ("_crossfade.www.example.com", "_crossfade.www.example.com."),
        ] {
            assert_eq!(canonical(sent).as_deref(), Ok(kept), "{sent}");
        }
        for bad in ["", ".", "a..example.com", "a\\9.example.com", "a\\777.example.com"] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
        assert!(canonical(&format!("{}.example.com", "a".repeat(64))).is_err());
    }

    #[test]
    fn names_sort_by_their_labels_reversed() {
        let mut names = [
            "www.example.com.",
            "example.com.",
            "\\052.example.com.",
            "a.www.example.com.",
            "b.example.com.",
        ];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(
            names,
            [
                "example.com.",
                "\\052.example.com.",
                "b.example.com.",
                "www.example.com.",
                "a.www.example.com."
            ]
        );
    }

    #[test]
    fn a_name_is_within_its_zone_by_whole_labels() {
        assert!(is_within("www.example.com.", "example.com."));
        assert!(is_within("example.com.", "example.com."));
        assert!(!is_within("badexample.com.", "example.com."));
    }
}
