//! The plan: which records move, from where to where, in which steps, when, and on what evidence.
//!
//! These are the types; `parse` reads them from YAML, TOML or JSON and names every mistake with its line.

mod parse;
mod schema;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::{SignedDuration, Zoned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub use self::{
    parse::{Format, Mistake, Mistakes, parse},
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Nothing moves before this instant, as in `2026-12-01T09:00:00[Europe/Paris]`; then the shift starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start: Option<Zoned>,
}

/// A question to metrics about the traffic that was moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Lower-case letters, digits and hyphens, at most 63; unique in the plan.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,63}$"))]
    pub name: String,
    pub error_rate: ErrorRate,
    /// The `to` side's errors divided by its requests may not exceed this.
    #[serde(default = "default_max_error_rate")]
    pub max_error_rate: Percent,
    /// How much worse than the `from` side is still fine; the stricter of both limits counts. Default where `from` is
    /// named: 1.5 times as many errors or half a point more, whichever is larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_increase: Option<ToleratedIncrease>,
    /// How often a day noise may fail the gate on a `to` side that is within its limit.
    #[serde(default = "default_false_alarms_per_day")]
    #[schemars(range(min = 0.000_001, max = 1.0))]
    pub false_alarms_per_day: f64,
    /// Requests that the `to` side must have served at this step before the gate can pass.
    #[serde(default = "default_min_requests")]
    #[schemars(range(min = 1))]
    pub min_requests: u64,
    /// The gate does not fail on fewer errors.
    #[serde(default = "default_min_errors")]
    #[schemars(range(min = 1))]
    pub min_errors: u64,
    /// How much errors come together: the correlation of two requests of the same period.
    #[serde(default = "default_burstiness")]
    #[schemars(range(min = 0.000_01, max = 0.1))]
    pub burstiness: f64,
    /// Equally busy resolvers that would spread the traffic as the real ones do: with fewer, the observed share may be
    /// farther from what is meant before that is odd.
    #[serde(default = "default_resolvers")]
    #[schemars(range(min = 1))]
    pub resolvers: u32,
    /// How long after its end a period's datapoints are taken to be complete.
    #[serde(default = "default_metric_delay")]
    pub metric_delay: Span,
    #[serde(default)]
    pub on_fail: OnFail,
}

/// Over the `from` side's error rate; the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToleratedIncrease {
    /// Times its error rate.
    #[serde(default = "default_ratio")]
    #[schemars(range(min = 1.0))]
    pub ratio: f64,
    /// Percentage points above its error rate.
    #[serde(default = "default_points")]
    pub points: Percent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    pub to: Source,
    /// The live legacy side, which the `to` side is measured by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
}

/// Where errors and requests of one endpoint are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "preset", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// An application load balancer.
    Alb {
        /// `app/name/id`, the end of the load balancer's ARN.
        #[schemars(regex(pattern = "^app/[A-Za-z0-9-]+/[A-Za-z0-9-]+$"))]
        load_balancer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// Any pair of counters.
    Custom {
        namespace: String,
        #[serde(default)]
        dimensions: BTreeMap<String, String>,
        /// Metrics whose sums are added up to the errors.
        #[schemars(length(min = 1))]
        errors: Vec<String>,
        /// Metrics whose sums are added up to the requests.
        #[schemars(length(min = 1))]
        requests: Vec<String>,
        /// 5 s to 5 min. Three bad periods fail the gate, whatever their length: a minute is usual.
        #[serde(default = "default_period")]
        period: Span,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
}

/// What a failed gate does, at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    #[default]
    Revert,
    StepBack,
    Pause,
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

impl Gate {
    /// How much worse than the `from` side is still fine. `None` where nothing is named to compare with.
    pub fn tolerated_increase(&self) -> Option<ToleratedIncrease> {
        self.error_rate.from.as_ref()?;
        Some(self.tolerated_increase.unwrap_or_default())
    }
}

impl Default for ToleratedIncrease {
    fn default() -> ToleratedIncrease {
        ToleratedIncrease { ratio: default_ratio(), points: default_points() }
    }
}

impl Source {
    pub fn region(&self) -> Option<&str> {
        match self {
            Source::Alb { region, .. } | Source::Custom { region, .. } => region.as_deref(),
        }
    }

    /// Length of the periods in which datapoints are asked for.
    pub fn period(&self) -> SignedDuration {
        match self {
            Source::Alb { .. } => SignedDuration::from_mins(1),
            Source::Custom { period, .. } => period.0,
        }
    }
}

fn default_account() -> String {
    "default".to_owned()
}

fn default_settle_margin() -> Span {
    Span(SignedDuration::from_secs(30))
}

/// One in a hundred: a rate that most services stay well under, and no user forgives for long.
fn default_max_error_rate() -> Percent {
    Percent(1.0)
}

/// A cutover that is watched for three days is taken back by noise once in thirty-three times at most.
fn default_false_alarms_per_day() -> f64 {
    0.01
}

/// Half as many errors again are within what a week of a service shows.
fn default_ratio() -> f64 {
    1.5
}

/// Of services with next to no errors, half as many again are next to none; half a point is what users may notice.
fn default_points() -> Percent {
    Percent(0.5)
}

fn default_min_requests() -> u64 {
    100
}

/// A client that retries can make five errors of one.
fn default_min_errors() -> u64 {
    10
}

/// In the middle of what load balancers show: a minute counts as a thousand independent requests at most.
fn default_burstiness() -> f64 {
    0.001
}

/// A service of one country is asked for through a hundred resolvers or more, and a few of them are busy.
fn default_resolvers() -> u32 {
    50
}

/// Load balancers' metrics are usually there after one to two minutes; late ones still count against.
fn default_metric_delay() -> Span {
    Span(SignedDuration::from_secs(120))
}

fn default_period() -> Span {
    Span(SignedDuration::from_secs(60))
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
