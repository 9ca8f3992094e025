//! A gate that asks alarms.

use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether somebody else's alarms are quiet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alarms {
    pub alarms: NamedAlarms,
}

/// Alarms of CloudWatch, on metrics or composite ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedAlarms {
    #[schemars(length(min = 1))]
    pub names: Vec<String>,
    /// Where they all are. Default: the account's own region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Alarms that are known to be red already, and may be for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
}

/// Somebody's word that an alarm which was red before any traffic was moved says nothing about that traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// One of `names`.
    pub name: String,
    pub reason: String,
    /// It counts before this instant, as in `2026-12-08T18:00:00[Europe/Paris]`. A date counts to its end, in UTC.
    #[schemars(with = "String")]
    pub until: Zoned,
}

impl NamedAlarms {
    /// The acknowledgement that covers this alarm now.
    pub fn acknowledgement(&self, name: &str, now: Timestamp) -> Option<&Acknowledgement> {
        self.acknowledged.iter().find(|one| one.name == name && now < one.until.timestamp())
    }
}
