//! The values of records: what Route 53 accepts for each type, in its own words of refusal.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, RecordType};

/// Types Route 53 knows.
pub(crate) const TYPES: [&str; 17] = [
    "SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA",
    "SSHFP", "SVCB", "HTTPS",
];

/// What is wrong with a value, as Route 53 says it; `None` when it is fine.
pub(crate) fn refusal(record_type: &str, value: &str) -> Option<String> {
    let problem = match record_type {
        "A" => value
            .parse::<Ipv4Addr>()
            .err()
            .map(|_| "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)".to_owned()),
        "AAAA" => value
            .parse::<Ipv6Addr>()
            .err()
            .map(|_| "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)".to_owned()),
        "TXT" | "SPF" => character_strings(value).err().map(str::to_owned),
        other => rdata(other, value)
            .is_none()
            .then(|| format!("{other}RRDATAIllegalValue (Value is not valid for type {other})")),
    }?;
    Some(format!("Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"))
}

/// A value on the wire of DNS; `None` where it cannot be written there.
pub(crate) fn rdata(record_type: &str, value: &str) -> Option<RData> {
    match record_type {
        "TXT" | "SPF" => {
            let strings = character_strings(value).ok()?;
            Some(RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect())))
        }
        other => {
            let wire_type: RecordType = other.parse().ok()?;
            RData::try_from_str(wire_type, &absolute(other, value)).ok()
        }
    }
}

/// Route 53 takes every name in a value for a complete one, with or without its last dot.
fn absolute(record_type: &str, value: &str) -> String {
    let name_at = match record_type {
        "CNAME" | "NS" | "PTR" => 0,
        "MX" | "HTTPS" | "SVCB" => 1,
        "SRV" => 3,
        _ => return value.to_owned(),
    };
    let mut words: Vec<String> = value.split_whitespace().map(str::to_owned).collect();
    if let Some(name) = words.get_mut(name_at)
        && !name.ends_with('.')
    {
        name.push('.');
    }
    words.join(" ")
}

/// The quoted strings of a TXT value, with `\ooo`, `\"` and `\\` undone.
fn character_strings(value: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    const UNQUOTED: &str = "InvalidCharacterString (Value should be enclosed in quotation marks)";
    const UNFINISHED: &str = "InvalidCharacterString (Unterminated quoted string)";
    let mut strings = Vec::new();
    let mut bytes = value.bytes().peekable();
    loop {
        while bytes.next_if(|byte| *byte == b' ' || *byte == b'\t').is_some() {}
        match bytes.next() {
            None => break,
            Some(b'"') => {}
            Some(_) => return Err(UNQUOTED),
        }
        let mut string = Vec::new();
        loop {
            match bytes.next().ok_or(UNFINISHED)? {
                b'"' => break,
                b'\\' => string.push(escaped(&mut bytes).ok_or(UNFINISHED)?),
                other => string.push(other),
            }
        }
        if string.len() > 255 {
            return Err("CharacterStringTooLong (Value is too long)");
        }
        strings.push(string);
    }
    if strings.is_empty() { Err(UNQUOTED) } else { Ok(strings) }
}

fn escaped(bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Option<u8> {
    let first = bytes.next()?;
    if !(b'0'..=b'7').contains(&first) {
        return Some(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next_if(|digit| (b'0'..=b'7').contains(digit))?;
        value = value * 8 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_type() {
        let long = format!("\"{}\"", "x".repeat(256));
        let full = format!("\"{}\" \"{}\"", "x".repeat(255), "y".repeat(255));
        for (record_type, value, refused_with) in [
            ("A", "192.0.2.1", None),
            ("A", "192.0.2.256", Some("ARRDATAIllegalIPv4Address")),
            ("AAAA", "2001:db8::1", None),
            ("AAAA", "192.0.2.1", Some("AAAARRDATAIllegalIPv6Address")),
            ("TXT", "\"gen=1;owner=me\"", None),
            ("TXT", "\"a \\\"quoted\\\" word\" \"and\\040more\"", None),
            ("TXT", "gen=1", Some("enclosed in quotation marks")),
            ("TXT", "\"gen=1", Some("Unterminated")),
            ("TXT", long.as_str(), Some("CharacterStringTooLong")),
            ("TXT", full.as_str(), None),
            ("CNAME", "lb.example.net", None),
            ("MX", "10 mail.example.com", None),
            ("MX", "mail.example.com", Some("MXRRDATA")),
            ("SRV", "1 2 443 host.example.com", None),
            ("HTTPS", "1 . alpn=h2", None),
            ("CAA", "0 issue \"amazon.com\"", None),
        ] {
            let refused = refusal(record_type, value);
            match refused_with {
                None => assert_eq!(refused, None, "{record_type} {value}"),
                Some(part) => {
                    assert!(
                        refused.as_deref().is_some_and(|text| text.contains(part)),
                        "{value}: {refused:?}"
                    );
                }
            }
        }
    }
}
