//! The plan: which records move, from where to where, in which steps, when, and on what evidence.
//!
//! These are the types; `parse` reads them from YAML, TOML or JSON and names every mistake with its line.

mod decommission;
mod gate;
mod parse;
mod schedule;
mod schema;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::{SignedDuration, Zoned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use self::{
    decommission::Decommission,
    gate::{
        Acknowledgement, Alarms, BlastRadius, ErrorRate, Errors, Gate, Latency, LatencySides, NamedAlarms,
        OnFail, Percentile, Probe, Probed, Question, Scheme, SlowerBy, Source, ToleratedIncrease, Unit,
    },
    parse::{Format, Mistake, Mistakes, parse},
    schedule::{
        After, Approval, AtShare, Day, Deadline, Edge, Freeze, Schedule, Then, TimeOfDay, Window, Zone,
        circle,
    },
    schema::schema,
};
use crate::{RecordType, Share};

/// The document a user writes. Its JSON form is canonical: it is what the history keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Lower-case letters, digits and hyphens, at most 63; unique.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,63}$"))]
    pub name: String,
    /// What moves, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// An address of the web, for whoever is woken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^https?://"))]
    pub runbook: Option<String>,
    /// For finding shifts, and for acting on many at once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// An account of the daemon's configuration.
    #[serde(default = "default_account")]
    pub account: String,
    /// The record groups that move, together.
    #[schemars(length(min = 1))]
    pub records: Vec<Records>,
    /// The legacy side: set identifiers with their relative shares inside the side.
    #[schemars(extend("minProperties" = 1))]
    pub from: Side,
    /// The cloud side, likewise.
    #[schemars(extend("minProperties" = 1))]
    pub to: Side,
    pub ramp: Ramp,
    /// Waited after the last resolver should have forgotten the old answer, before evidence counts.
    #[serde(default = "default_settle_margin")]
    pub settle_margin: Span,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// When the side that the traffic has left is safe to decommission. Default: below 1 request a minute for 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decommission: Option<Decommission>,
    /// Questions to metrics; every one must pass before a shift goes up.
    #[schemars(length(min = 1))]
    pub gates: Vec<Gate>,
}

/// Set identifier to relative share inside the side. At least one is above zero.
pub type Side = BTreeMap<String, u32>;

/// Record groups of one name. They all move together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// A zone's id, or its name where only one zone has it.
    pub zone: String,
    /// The domain name of the record sets.
    pub name: String,
    #[schemars(length(min = 1))]
    pub types: Vec<RecordType>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    #[schemars(schema_with = "schema::number_or_step")]
    pub steps: Vec<Step>,
    /// For steps that do not name their own: the shortest time a step is observed before the next.
    pub hold: Span,
    /// Observed at the last share before the shift is completed. Default: the hold time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Span>,
    /// A step that is not proven healthy by then holds until somebody resumes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
}

/// A target share, and how long to hold it. Written as a number where nothing but the share is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub share: Share,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// Waits for a person before this step.
    #[serde(default, skip_serializing_if = "Approval::is_not_needed")]
    pub approval: Approval,
}

impl Plan {
    pub fn step(&self, index: usize) -> Option<&Step> {
        self.ramp.steps.get(index)
    }

    /// The shortest time that a step is observed once its traffic has settled.
    pub fn hold(&self, index: usize) -> SignedDuration {
        self.step(index).and_then(|step| step.hold).unwrap_or(self.ramp.hold).0
    }

    pub fn bake(&self) -> SignedDuration {
        self.ramp.bake.unwrap_or(self.ramp.hold).0
    }

    pub fn max_wait(&self) -> SignedDuration {
        self.ramp.max_wait()
    }

    /// The shifts that have to have come far enough before this one goes up.
    pub fn after(&self) -> &[After] {
        self.schedule.as_ref().map_or(&[], |schedule| &schedule.after)
    }

    pub fn decommission(&self) -> Decommission {
        self.decommission.unwrap_or_default()
    }

    pub fn start(&self) -> Option<jiff::Timestamp> {
        self.schedule.as_ref()?.start.as_ref().map(Zoned::timestamp)
    }
}

impl Ramp {
    /// The larger of two hours and four hold times, unless the plan says otherwise.
    pub fn max_wait(&self) -> SignedDuration {
        let otherwise = SignedDuration::from_hours(2).max(self.hold.0.saturating_mul(4));
        self.max_wait.map_or(otherwise, |span| span.0)
    }
}

fn default_account() -> String {
    "default".to_owned()
}

fn default_settle_margin() -> Span {
    Span(SignedDuration::from_secs(30))
}

/// A length of time, written as `30m`, `1h 30m` or `90s`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub SignedDuration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<SignedDuration>().map_err(|_| {
            format!("{text:?} is not a length of time: write hours, minutes and seconds, as in 30m or 1h 30m")
        })?;
        if span.is_negative() {
            return Err(format!("{text:?} is negative"));
        }
        Ok(Span(span))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "examples": ["90s", "30m", "1h 30m"],
            "description": "A length of time in hours, minutes and seconds",
        })
    }
}

/// A percentage, written as `1%` or `0.5%`.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl Percent {
    /// 1 % is 0.01.
    pub fn ratio(self) -> f64 {
        self.0 / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(Percent)
            .ok_or_else(|| format!("{text:?} is not a percentage: write it as in 1% or 0.5%"))
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%$", "examples": ["1%", "0.5%"] })
    }
}
