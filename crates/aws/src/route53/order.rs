//! The order in which Route 53 lists names.
//!
//! Names are listed by their labels in reverse, written with dots, the last included: `com.example.www.`. That puts
//! `_crossfade.www` behind `www`, and characters below the dot in ASCII (such as `-` and `*`) before names that end
//! there. <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html>
//!
//! What it does not say is whether an escaped character sorts as itself or as it is spelled. So the order is never
//! trusted further than it has to be: [`certainly_before`] holds only if it does under every reading.

use std::cmp::Ordering;

use crossfade_core::RecordName;

/// The documented order.
pub(super) fn compare(a: &RecordName, b: &RecordName) -> Ordering {
    as_bytes(a).cmp(&as_bytes(b))
}

/// Whether `a` is listed before `b`, however the documentation is read.
pub(super) fn certainly_before(a: &RecordName, b: &RecordName) -> bool {
    as_bytes(a) < as_bytes(b) && as_spelled(a) < as_spelled(b) && by_label(a) < by_label(b)
}

/// Every character as itself.
fn as_bytes(name: &RecordName) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.as_str().len() + 1);
    for label in by_label(name) {
        out.extend(label);
        out.push(b'.');
    }
    out
}

/// Every character as listed: `*` as `\052`.
fn as_spelled(name: &RecordName) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.as_str().len() + 1);
    for label in name.as_str().rsplit('.') {
        out.extend(label.replace('*', "\\052").into_bytes());
        out.push(b'.');
    }
    out
}

/// Label by label, as name servers order names.
fn by_label(name: &RecordName) -> Vec<Vec<u8>> {
    // A dot inside a label is spelled `\056`, so every dot separates.
    name.as_str().rsplit('.').map(unescaped).collect()
}

fn unescaped(label: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                out.push(byte);
                rest = &tail[3..];
            }
            Some(_) | None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_their_labels_in_reverse() {
        let sorted = [
            "example.com",
            "*.example.com",
            "a-b.example.com",
            "a.example.com",
            "x.a.example.com",
            "ab.example.com",
            "www.example.com",
            "1.www.example.com",
            "_crossfade.www.example.com",
            "a.www.example.com",
            "www2.example.com",
            "example.net",
        ];
        let names: Vec<RecordName> = sorted.iter().map(|name| RecordName::new(name)).collect();
        let mut again = names.clone();
        again.reverse();
        again.sort_by(compare);
        assert_eq!(again, names);
    }

    #[test]
    fn what_depends_on_the_reading_is_not_certain() {
        let before = |a, b| certainly_before(&RecordName::new(a), &RecordName::new(b));
        assert!(before("www.example.com", "_crossfade.www.example.com"));
        assert!(before("_crossfade.www.example.com", "zzz.example.com"));
        assert!(!before("www.example.com", "www.example.com"));
        // `-` is below the dot, but above the end of a label.
        assert!(!before("a-b.example.com", "a.example.com"));
        assert!(!before("a.example.com", "a-b.example.com"));
        // `*` is below the letters, its spelling is below them too; but not below `0`.
        assert!(before("*.example.com", "a.example.com"));
        assert!(!before("*.example.com", "0.example.com"));
    }
}
