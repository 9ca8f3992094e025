//! A resource record set: what a zone holds, what a change names, what DNS answers from.

use serde::{Deserialize, Serialize};

use crate::route53::names;

/// One resource record set, complete. Two are equal exactly when Route 53 would let one delete the other.
///
/// Names are kept as Route 53 lists them: lower case, trailing dot, unusual characters as `\052`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Domain name. Any form on input; canonical once it is in a zone.
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `TXT`, …
    #[serde(rename = "type")]
    pub record_type: String,
    /// Seconds; absent on alias records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// The values in presentation form; empty on alias records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Where an alias record points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// Tells the members of a group apart; absent on simple records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// 0 to 255 in a weighted group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// The AWS region of a latency record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `PRIMARY` or `SECONDARY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<String>,
    /// Continent, country and subdivision codes of a geolocation record, in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo_location: Option<GeoLocation>,
    /// Multivalue answer routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    /// A health check registered in the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
}

/// The target of an alias record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The target's hosted zone: a zone of the world, or a load balancer's canonical zone.
    pub zone_id: String,
    /// The target's name.
    pub name: String,
    /// Whether the target's health counts for this record.
    #[serde(default)]
    pub evaluate_target_health: bool,
}

/// Where a geolocation record answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoLocation {
    /// Two-letter continent code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continent_code: Option<String>,
    /// Two-letter country code, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdivision_code: Option<String>,
}

/// How a record set takes part in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Simple,
    Weighted,
    Latency,
    Failover,
    Geolocation,
    MultiValue,
}

/// The identity of a record set, in the order in which Route 53 lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordKey {
    name: Vec<u8>,
    pub(crate) record_type: String,
    pub(crate) set_identifier: String,
}

impl Record {
    /// A record set that is alone at its name and type.
    pub fn simple<V: Into<String>>(
        name: &str,
        record_type: &str,
        ttl: u32,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            record_type: record_type.to_owned(),
            ttl: Some(ttl),
            values: values.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// A member of a weighted group.
    pub fn weighted<V: Into<String>>(
        name: &str,
        record_type: &str,
        ttl: u32,
        set_identifier: &str,
        weight: u8,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            set_identifier: Some(set_identifier.to_owned()),
            weight: Some(weight),
            ..Self::simple(name, record_type, ttl, values)
        }
    }

    /// A weighted alias to a load balancer, or to another name of a zone.
    pub fn alias_weighted(
        name: &str,
        record_type: &str,
        set_identifier: &str,
        weight: u8,
        target: Alias,
    ) -> Self {
        Self {
            name: name.to_owned(),
            record_type: record_type.to_owned(),
            alias: Some(target),
            set_identifier: Some(set_identifier.to_owned()),
            weight: Some(weight),
            ..Self::default()
        }
    }

    /// An alias that is alone at its name and type.
    pub fn alias(name: &str, record_type: &str, target: Alias) -> Self {
        Self {
            name: name.to_owned(),
            record_type: record_type.to_owned(),
            alias: Some(target),
            ..Self::default()
        }
    }

    /// The same record, with a health check.
    #[must_use]
    pub fn with_health_check(self, health_check_id: &str) -> Self {
        Self { health_check_id: Some(health_check_id.to_owned()), ..self }
    }

    /// The same record with its names in canonical form; unusable names are left as they are.
    pub(crate) fn canonical(mut self) -> Self {
        self.name = names::canonical(&self.name).unwrap_or(self.name);
        if let Some(alias) = &mut self.alias {
            alias.name = names::canonical(&alias.name).unwrap_or_else(|_| alias.name.clone());
        }
        self
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::new(&self.name, &self.record_type, self.set_identifier.as_deref().unwrap_or_default())
    }

    pub(crate) fn policy(&self) -> Policy {
        if self.weight.is_some() {
            Policy::Weighted
        } else if self.region.is_some() {
            Policy::Latency
        } else if self.failover.is_some() {
            Policy::Failover
        } else if self.geo_location.is_some() {
            Policy::Geolocation
        } else if self.multi_value_answer.is_some() {
            Policy::MultiValue
        } else {
            Policy::Simple
        }
    }

    /// Equality as a DELETE sees it: the order of the values does not count.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let sorted = |record: &Self| {
            let mut record = record.clone();
            record.values.sort();
            record
        };
        sorted(self) == sorted(other)
    }
}

impl RecordKey {
    /// `name` must be canonical.
    pub(crate) fn new(name: &str, record_type: &str, set_identifier: &str) -> Self {
        Self {
            name: names::sort_key(name),
            record_type: record_type.to_owned(),
            set_identifier: set_identifier.to_owned(),
        }
    }
}

impl Policy {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Weighted => "weighted",
            Self::Latency => "latency",
            Self::Failover => "failover",
            Self::Geolocation => "geolocation",
            Self::MultiValue => "multivalue answer",
        }
    }
}
