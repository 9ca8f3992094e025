//! Record sets as Route 53 keeps them: what a shift reads, and what it writes back with only the weight changed.

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hosted zone's identifier without the `/hostedzone/` prefix, such as `Z0123456789ABC`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneId(pub String);

impl ZoneId {
    /// Takes the identifier with or without the prefix the API puts before it.
    pub fn new(id: &str) -> ZoneId {
        ZoneId(id.trim_start_matches('/').trim_start_matches("hostedzone/").to_owned())
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A domain name in one spelling: lower case, no dot at the end, `*` as itself, and every other character
/// outside `a-z 0-9 - _ .` as Route 53 escapes it (`\` and three octal digits).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct RecordName(String);

impl RecordName {
    pub fn new(name: &str) -> RecordName {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.trim_end_matches('.').as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            if first == b'\\'
                && tail.len() >= 3
                && let Some(byte) = octal(&tail[..3])
            {
                bytes.push((byte, true));
                rest = &tail[3..];
            } else {
                bytes.push((first, false));
            }
        }
        let mut out = String::with_capacity(bytes.len());
        for (byte, escaped) in bytes {
            let byte = byte.to_ascii_lowercase();
            // An escaped dot belongs to its label; a bare one separates labels.
            if matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*') || (byte == b'.' && !escaped) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("\\{byte:03o}"));
            }
        }
        RecordName(out)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which this name's fence is kept. A TXT record may not stand beside a CNAME, hence a child.
    pub fn fence(&self) -> RecordName {
        match self.0.strip_prefix("*.") {
            Some(parent) => RecordName(format!("_crossfade._wildcard.{parent}")),
            None => RecordName(format!("_crossfade.{}", self.0)),
        }
    }

    /// Whether this name lies in the zone of that name.
    pub fn is_in(&self, zone: &RecordName) -> bool {
        self.0 == zone.0 || self.0.strip_suffix(zone.as_str()).is_some_and(|head| head.ends_with('.'))
    }
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

impl From<String> for RecordName {
    fn from(name: String) -> Self {
        RecordName::new(&name)
    }
}

impl From<RecordName> for String {
    fn from(name: RecordName) -> Self {
        name.0
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The types that Route 53 can weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    A,
    Aaaa,
    Caa,
    Cname,
    Https,
    Mx,
    Naptr,
    Ptr,
    Spf,
    Srv,
    Sshfp,
    Svcb,
    Tlsa,
    Txt,
}

impl RecordType {
    pub const ALL: [RecordType; 14] = [
        RecordType::A,
        RecordType::Aaaa,
        RecordType::Caa,
        RecordType::Cname,
        RecordType::Https,
        RecordType::Mx,
        RecordType::Naptr,
        RecordType::Ptr,
        RecordType::Spf,
        RecordType::Srv,
        RecordType::Sshfp,
        RecordType::Svcb,
        RecordType::Tlsa,
        RecordType::Txt,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Caa => "CAA",
            RecordType::Cname => "CNAME",
            RecordType::Https => "HTTPS",
            RecordType::Mx => "MX",
            RecordType::Naptr => "NAPTR",
            RecordType::Ptr => "PTR",
            RecordType::Spf => "SPF",
            RecordType::Srv => "SRV",
            RecordType::Sshfp => "SSHFP",
            RecordType::Svcb => "SVCB",
            RecordType::Tlsa => "TLSA",
            RecordType::Txt => "TXT",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a record type that Route 53 can weight")]
pub struct NotAType(pub String);

impl FromStr for RecordType {
    type Err = NotAType;

    fn from_str(text: &str) -> Result<Self, NotAType> {
        RecordType::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| NotAType(text.to_owned()))
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a record group is found by: all weighted record sets of one zone, name and type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupKey {
    pub zone: ZoneId,
    pub name: RecordName,
    pub record_type: RecordType,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.zone, self.name, self.record_type)
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<GroupKey> for String {
    fn from(key: GroupKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for GroupKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(zone), Some(name), Some(record_type)) => Ok(GroupKey {
                zone: ZoneId::new(zone),
                name: RecordName::new(name),
                record_type: record_type.parse().map_err(|e: NotAType| e.to_string())?,
            }),
            _ => Err(format!("{text:?} is not of the form zone/name/type")),
        }
    }
}

/// An integer from 0 to 255; a record set is answered with the probability weight / sum of the group's weights.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(pub u8);

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How Route 53 chooses among the record sets of one name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    Simple,
    Weighted {
        set_identifier: String,
        weight: Weight,
    },
    /// Latency, geolocation, failover and the rest, by the name of the API's field. Crossfade never writes these.
    Other(String),
}

/// Where an alias points; all three fields belong to the record's identity in a DELETE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasTarget {
    pub hosted_zone_id: String,
    pub dns_name: String,
    pub evaluate_target_health: bool,
}

/// One resource record set, whole, as listed. Only [`RecordSet::with_weight`] makes a changed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    pub name: RecordName,
    /// As the API spells it. A string, because a listing also holds types that cannot be weighted (NS, SOA, DS).
    pub record_type: String,
    pub routing: Routing,
    /// Seconds; absent for aliases.
    pub ttl_seconds: Option<u32>,
    pub values: Vec<String>,
    pub alias: Option<AliasTarget>,
    pub health_check_id: Option<String>,
    /// Set when a traffic policy made this record: it can only be changed through the policy.
    pub traffic_policy_instance_id: Option<String>,
}

/// Seconds for which resolvers keep the answer of an alias to an AWS load balancer, whose TTL cannot be set.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html>
pub const ALIAS_TTL_SECONDS: u32 = 60;

impl RecordSet {
    pub fn set_identifier(&self) -> Option<&str> {
        match &self.routing {
            Routing::Weighted { set_identifier, .. } => Some(set_identifier),
            Routing::Simple | Routing::Other(_) => None,
        }
    }

    pub fn weight(&self) -> Option<Weight> {
        match &self.routing {
            Routing::Weighted { weight, .. } => Some(*weight),
            Routing::Simple | Routing::Other(_) => None,
        }
    }

    /// The same record set with another weight, and nothing else changed. `None` when it is not weighted.
    pub fn with_weight(&self, weight: Weight) -> Option<RecordSet> {
        let set_identifier = self.set_identifier()?.to_owned();
        Some(RecordSet { routing: Routing::Weighted { set_identifier, weight }, ..self.clone() })
    }

    /// How long a resolver that keeps to the rules may answer with it, in seconds.
    pub fn cached_seconds(&self) -> u32 {
        self.ttl_seconds.unwrap_or(ALIAS_TTL_SECONDS)
    }
}

/// A hosted zone, as found by its id or its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    pub id: ZoneId,
    pub name: RecordName,
    pub private: bool,
}
