//! Gates: what the metrics say about the traffic that was moved.
//!
//! A verdict is a pure function of the gate, every datapoint known so far and the clock, so late and corrected
//! datapoints simply take their place. Only [`Verdict::Pass`] lets a shift go up. Missing, partial or late data never
//! pass. A [`Memory`] spares the work of saying the same again; [`judge`] does without.
//!
//! One module judges each kind of question, from what was last read and where the shift stands. For errors, `judge`
//! stands between the shift and [`evaluate`], which knows only counts: `meter` gathers evidence against the
//! `to` side, `proof` evidence for it, `limits` says what both are measured by, `signs` what the traffic says
//! beside its errors, and `blast_radius` how many requests have failed that need not have.
//! `docs/gate.md` has what it promises and what it does not.

mod alarms;
mod before;
mod blast_radius;
mod clean;
mod evaluate;
mod judge;
mod lately;
mod latency;
mod likelihood;
mod limits;
mod memory;
mod meter;
mod probe;
mod proof;
mod rows;
mod sensitivity;
mod sentence;
mod series;
mod signs;
mod source;
mod tail;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::judge::divisor;
pub use self::{
    alarms::{
        AlarmData, AlarmNumbers, AlarmQuery, AlarmReading, AlarmShown, AlarmState, Shown, alarm_queries,
    },
    before::{Advice, advice, burstiness},
    blast_radius::is_spent,
    evaluate::{Code, Config, Evaluation, Observed, Reading, Row, State, evaluate},
    judge::config,
    lately::{RECENT_PERIODS, observed_share},
    latency::{LatencyData, LatencyNumbers, Timed},
    limits::Increase,
    memory::Memory,
    meter::Scored,
    probe::{
        Family, PROBES_KEPT, ProbeData, ProbeNumbers, ProbeOutcome, ProbeRead, ProbeShown, ProbeTarget,
        off_limits, probe_targets,
    },
    sensitivity::{Sensitivity, StepSensitivity, Traffic, of_plan, of_shift},
    series::Series,
    signs::Silence,
    source::{
        MetricQuery, Point, Provider, Statistic, Timing, latency_queries, periods, queries, request_queries,
        timings,
    },
    tail::{Losing, Side, Tail, losing, tail},
};
use crate::{
    Share,
    plan::{Gate, Question},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// Not enough evidence yet.
    Wait,
    /// Something is odd: the shift stays where it is.
    Hold,
    Fail,
}

/// Requests and errors of one endpoint in one period. `None` is a datapoint that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub start: Timestamp,
    pub requests: Option<u64>,
    pub errors: Option<u64>,
}

/// What was read of one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    pub periods: Series,
    /// Why these may not be all: such data can fail a gate, but not pass it.
    pub incomplete: Option<String>,
}

/// What was last read for a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateData {
    pub fetched_at: Timestamp,
    pub to: Fetched,
    pub from: Option<Fetched>,
}

/// What was read longer ago than this says nothing about now.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// Where the shift stands, as far as a gate needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// From when on what is seen is evidence: when traffic was first moved, or when a failure of before was answered.
    /// `None` before traffic was moved.
    pub moved_at: Option<Timestamp>,
    /// When the present run first moved traffic, whatever evidence counts by now.
    pub began_at: Option<Timestamp>,
    /// When the present step's traffic had settled; `None` before that.
    pub settled_at: Option<Timestamp>,
    /// The share that the `to` side has been given, in the record group where it is largest.
    pub share: Share,
    /// And where it is smallest, if the groups differ: how much traffic each has is not known, so the share of the whole
    /// may be anywhere between.
    pub share_least: Option<Share>,
    /// How long resolvers keep an answer.
    pub ttl: SignedDuration,
    /// A step that has not passed by then is stalled.
    pub waits_until: Option<Timestamp>,
    /// Gates that judge the shift, and share its false alarms.
    pub gates: usize,
}

/// Sums over the periods that a verdict was made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub requests: u64,
    pub errors: u64,
}

/// What was last seen of what a gate asks about.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Counts(GateData),
    Alarms(AlarmData),
    Latencies(LatencyData),
    Probes(ProbeData),
}

/// A verdict with its sentence and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    pub name: String,
    pub verdict: Verdict,
    pub code: String,
    pub sentence: String,
    /// The verdict is for those who look on: it neither holds nor fails the shift.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observe_only: bool,
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// What a verdict was made on, by the kind of the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Numbers {
    Errors(ErrorNumbers),
    Alarms(AlarmNumbers),
    Latency(LatencyNumbers),
    Probe(ProbeNumbers),
}

/// The numbers of a gate that asks for errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorNumbers {
    /// The newest periods of the `to` side, settled or not.
    pub recent: Counts,
    /// The newest periods of the `from` side, where the plan names it.
    pub recent_from: Option<Counts>,
    /// The settled periods of the present step that the proof of health is made of.
    pub step: Counts,
    /// The error rate above which the newest period counts against the `to` side, as a ratio.
    pub limit: f64,
    pub min_requests: u64,
    /// How much of the evidence that makes the gate fail has come together, from 0 to 1.
    #[serde(default)]
    pub score: Option<f64>,
    /// The step's error rate is below this with 80 % confidence, as a ratio.
    #[serde(default)]
    pub upper_bound: Option<f64>,
    /// The gate passes once `upper_bound` is below this ratio.
    #[serde(default)]
    pub advance_limit: Option<f64>,
    /// The usual error rate of the `from` side, as a ratio.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// Requests that failed at this step and would not have on the `from` side, where they have a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excess_step: Option<u64>,
    /// Likewise since traffic was first moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excess_shift: Option<u64>,
}

impl GateReport {
    /// The numbers of a gate that asks for errors.
    pub fn errors(&self) -> Option<&ErrorNumbers> {
        match &self.numbers {
            Numbers::Errors(numbers) => Some(numbers),
            Numbers::Alarms(_) | Numbers::Latency(_) | Numbers::Probe(_) => None,
        }
    }

    /// Whether it keeps the shift from going on.
    pub fn stands(&self, verdict: Verdict) -> bool {
        self.verdict == verdict && !self.observe_only
    }
}

impl Answer {
    /// Counts of requests and errors, if it is made of them.
    pub fn counts(&self) -> Option<&GateData> {
        match self {
            Answer::Counts(data) => Some(data),
            Answer::Alarms(_) | Answer::Latencies(_) | Answer::Probes(_) => None,
        }
    }

    /// What alarms say, if it is that.
    pub fn alarms(&self) -> Option<&AlarmData> {
        match self {
            Answer::Alarms(data) => Some(data),
            Answer::Counts(_) | Answer::Latencies(_) | Answer::Probes(_) => None,
        }
    }

    /// Latencies, if it is made of them.
    pub fn latencies(&self) -> Option<&LatencyData> {
        match self {
            Answer::Latencies(data) => Some(data),
            Answer::Counts(_) | Answer::Alarms(_) | Answer::Probes(_) => None,
        }
    }

    /// What probes came to, if it is that.
    pub fn probes(&self) -> Option<&ProbeData> {
        match self {
            Answer::Probes(data) => Some(data),
            Answer::Counts(_) | Answer::Alarms(_) | Answer::Latencies(_) => None,
        }
    }
}

/// What a gate says of what was last seen of it, from nothing else; `None` is nothing yet.
pub fn judge(gate: &Gate, answer: Option<&Answer>, standing: Standing, now: Timestamp) -> GateReport {
    judge_again(gate, answer, standing, now, &mut Memory::default()).0
}

/// The same, sparing what was worked out before. With it comes the share that is observed.
pub fn judge_again(
    gate: &Gate,
    answer: Option<&Answer>,
    standing: Standing,
    now: Timestamp,
    memory: &mut Memory,
) -> (GateReport, Option<Share>) {
    // An answer to another question, as after a change of the plan, is none.
    let (told, observed) = match &gate.question {
        Question::Errors(errors) => {
            judge::judge(errors, answer.and_then(Answer::counts), standing, now, memory)
        }
        Question::Alarms(alarms) => {
            (alarms::judge(alarms, answer.and_then(Answer::alarms), standing, now), None)
        }
        Question::Latency(latency) => {
            (latency::judge(latency, answer.and_then(Answer::latencies), standing, now), None)
        }
        Question::Probe(_) => (probe::judge(answer.and_then(Answer::probes), standing, now), None),
    };
    let Told { verdict, code, sentence, numbers } = told;
    let (name, observe_only) = (gate.name.clone(), gate.observe_only);
    (GateReport { name, verdict, code, sentence, observe_only, numbers }, observed)
}

/// What one kind of gate says.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) verdict: Verdict,
    pub(crate) code: String,
    pub(crate) sentence: String,
    pub(crate) numbers: Numbers,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing {
            moved_at: None,
            began_at: None,
            settled_at: None,
            share: Share::ZERO,
            share_least: None,
            ttl: SignedDuration::from_secs(60),
            waits_until: None,
            gates: 1,
        }
    }
}
