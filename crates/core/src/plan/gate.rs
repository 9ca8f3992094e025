//! Gates: what is asked about the traffic that was moved, and what a bad answer does.

mod alarms;
mod blast_radius;
mod latency;
mod probe;
mod source;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    alarms::{Acknowledgement, Alarms, NamedAlarms},
    blast_radius::BlastRadius,
    latency::{Latency, LatencySides, Percentile, SlowerBy},
    probe::{Probe, Probed, Scheme},
    source::{Source, Unit},
};
pub(super) use self::{
    probe::STATUSES,
    source::{CLOUDFRONT_REGION, default_period},
};
use super::{Percent, Span};

/// A question to metrics about the traffic that was moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
pub struct Gate {
    /// Lower-case letters, digits and hyphens, at most 63; unique in the plan.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,63}$"))]
    pub name: String,
    #[serde(flatten)]
    pub question: Question,
    #[serde(default)]
    pub on_fail: OnFail,
    /// The verdict is shown and recorded, and neither holds nor fails the shift.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe_only: bool,
}

/// What a gate asks. The kind follows from its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Question {
    Errors(Errors),
    Alarms(Alarms),
    Latency(Latency),
    Probe(Probed),
}

/// Whether the `to` side makes more errors than it may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Errors {
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
    /// Failed requests more than usual, beyond which the gate fails, whatever the rate and `min_errors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blast_radius: Option<BlastRadius>,
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

/// What a failed gate does, at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    #[default]
    Revert,
    StepBack,
    Pause,
}

impl Gate {
    /// What it asks, if it asks for errors.
    pub fn errors(&self) -> Option<&Errors> {
        match &self.question {
            Question::Errors(errors) => Some(errors),
            Question::Alarms(_) | Question::Latency(_) | Question::Probe(_) => None,
        }
    }

    /// What it asks the endpoints themselves, if it does.
    pub fn probe(&self) -> Option<&Probe> {
        match &self.question {
            Question::Probe(probed) => Some(&probed.probe),
            Question::Errors(_) | Question::Alarms(_) | Question::Latency(_) => None,
        }
    }
}

impl Errors {
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

/// One in a hundred: a rate that most services stay well under, and no user forgives for long.
pub(super) fn default_max_error_rate() -> Percent {
    Percent(1.0)
}

/// A cutover that is watched for three days is taken back by noise once in thirty-three times at most.
pub(super) fn default_false_alarms_per_day() -> f64 {
    0.01
}

/// Half as many errors again are within what a week of a service shows.
pub(super) fn default_ratio() -> f64 {
    1.5
}

/// Of services with next to no errors, half as many again are next to none; half a point is what users may notice.
pub(super) fn default_points() -> Percent {
    Percent(0.5)
}

pub(super) fn default_min_requests() -> u64 {
    100
}

/// A client that retries can make five errors of one.
pub(super) fn default_min_errors() -> u64 {
    10
}

/// In the middle of what load balancers show: a minute counts as a thousand independent requests at most.
pub(super) fn default_burstiness() -> f64 {
    0.001
}

/// A service of one country is asked for through a hundred resolvers or more, and a few of them are busy.
pub(super) fn default_resolvers() -> u32 {
    50
}

/// Load balancers' metrics are usually there after one to two minutes; late ones still count against.
pub(super) fn default_metric_delay() -> Span {
    Span(SignedDuration::from_secs(120))
}
