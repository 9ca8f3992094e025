//! The fence: a TXT record beside a managed name that says who moves it, and with which write it was last moved.
//!
//! Every batch deletes the fence as it was read and creates the next one. Route 53 refuses a DELETE whose value is
//! not current, so a batch that was overtaken can never land; and after a lost answer the fence says whether the
//! batch did. It also carries the baseline weights, so that a revert needs neither a daemon nor a database.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{RecordName, RecordSet, RecordType, Routing, Weight};

/// Weights by type and set identifier.
pub type FenceBaseline = BTreeMap<RecordType, BTreeMap<String, Weight>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The installation: the identifier that its database drew when it was made.
    pub owner: String,
    pub shift: String,
    /// Rises with every write of the shift.
    pub generation: u64,
    /// Rises with every change of hands of the account's lease.
    pub epoch: u64,
    /// Empty when it does not fit into one TXT value.
    pub baseline: FenceBaseline,
}

/// Short, because a person who looks with `dig` during a cutover wants the present one.
const TTL_SECONDS: u32 = 60;

/// More writes than any shift makes; what says that there were more is no fence of ours.
const GENERATION_MAX: u64 = 1 << 53;

/// Route 53 takes at most 255 characters in one string of a TXT value,
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>.
const STRING_MAX: usize = 255;

/// Route 53 takes at most 4,000 characters in one value (same page); the rest is left for quotes and spaces.
const TEXT_MAX: usize = 3_800;

impl Fence {
    /// The record set that holds this fence for `name`.
    pub fn record_set(&self, name: &RecordName) -> RecordSet {
        RecordSet {
            name: name.fence(),
            record_type: RecordType::Txt.as_str().to_owned(),
            routing: Routing::Simple,
            ttl_seconds: Some(TTL_SECONDS),
            values: vec![quote(&self.encode())],
            alias: None,
            health_check_id: None,
            traffic_policy_instance_id: None,
        }
    }

    /// The fence that a record set holds, if it is one. Whatever else stands there is not ours to read.
    pub fn decode(set: &RecordSet) -> Option<Fence> {
        if set.record_type != RecordType::Txt.as_str() {
            return None;
        }
        let [value] = set.values.as_slice() else { return None };
        let text = unquote(value)?;
        let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
        for field in text.split(' ') {
            let (key, value) = field.split_once('=')?;
            fields.insert(key, value);
        }
        if fields.get("crossfade") != Some(&"1") {
            return None;
        }
        Some(Fence {
            owner: unescape(fields.get("owner")?)?,
            shift: unescape(fields.get("shift")?)?,
            generation: fields.get("generation")?.parse().ok().filter(|number| *number <= GENERATION_MAX)?,
            epoch: fields.get("epoch")?.parse().ok()?,
            baseline: decode_baseline(fields.get("baseline")?)?,
        })
    }

    fn encode(&self) -> String {
        let head = format!(
            "crossfade=1 owner={} shift={} generation={} epoch={} baseline=",
            escape(&self.owner),
            escape(&self.shift),
            self.generation,
            self.epoch
        );
        let baseline = encode_baseline(&self.baseline);
        if head.len() + baseline.len() > TEXT_MAX { head } else { head + &baseline }
    }
}

/// The fence of `name` among listed record sets: `None` when nothing stands there.
pub fn find<'a>(listed: &'a [RecordSet], name: &RecordName) -> Option<&'a RecordSet> {
    let name = name.fence();
    listed.iter().find(|set| set.name == name && set.record_type == RecordType::Txt.as_str())
}

fn encode_baseline(baseline: &FenceBaseline) -> String {
    let groups: Vec<String> = baseline
        .iter()
        .map(|(record_type, weights)| {
            let members: Vec<String> =
                weights.iter().map(|(id, weight)| format!("{}:{weight}", escape(id))).collect();
            format!("{record_type}/{}", members.join(","))
        })
        .collect();
    groups.join(";")
}

fn decode_baseline(text: &str) -> Option<FenceBaseline> {
    let mut baseline = FenceBaseline::new();
    for group in text.split(';').filter(|group| !group.is_empty()) {
        let (record_type, members) = group.split_once('/')?;
        let mut weights = BTreeMap::new();
        for member in members.split(',') {
            let (id, weight) = member.split_once(':')?;
            weights.insert(unescape(id)?, Weight(weight.parse().ok()?));
        }
        baseline.insert(record_type.parse().ok()?, weights);
    }
    Some(baseline)
}

/// Percent-encodes everything but letters, digits, `-`, `_` and `.`, so that no separator or quote survives.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn quote(text: &str) -> String {
    // The encoded text is ASCII, so every chunk is a whole string.
    let strings: Vec<String> = text
        .as_bytes()
        .chunks(STRING_MAX)
        .map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk)))
        .collect();
    strings.join(" ")
}

fn unquote(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        let (string, after) = rest.strip_prefix('"')?.split_once('"')?;
        out.push_str(string);
        rest = after.trim_start();
    }
    Some(out)
}
