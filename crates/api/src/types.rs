//! The API's JSON: what is sent, and what a client reads.
//!
//! These types are the contract. They are apart from the core's, so that the core can change without the wire.

use std::collections::BTreeMap;

use crossfade_core::{
    RecordName, RecordType, Share, Weight, ZoneId,
    chain::{Head, Row},
    event::Event,
    gate::{GateReport, StepSensitivity, Tail},
    plan::{Mistake, Plan},
    report::Next,
    shift::{Hold, Stage},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Code;

/// Where a shift stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    pub name: String,
    /// One sentence on the state, one on why, one on what follows.
    pub headline: String,
    /// `scheduled`, `running`, `completed`, `reverting`, `reverted` or `cancelled`.
    pub phase: String,
    /// The sequence number of the newest event.
    pub version: u64,
    /// 1 for the plan it was made from; one more with every changed plan.
    pub revision: u32,
    pub step: Step,
    /// How many steps the ramp has.
    pub steps: usize,
    pub share: Shares,
    /// As the shift last left them; empty before it has looked.
    pub weights: Vec<Group>,
    /// As they were before the shift first wrote to them; empty before it has looked.
    pub baseline: Vec<Group>,
    pub holds: Vec<Hold>,
    pub gates: Vec<GateReport>,
    /// What each gate can see at the present step and at those to come, with the traffic that there is. Only where one
    /// shift is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitivity: Vec<StepSensitivity>,
    pub next: Option<Next>,
    /// What the side that the traffic has left still gets: after 100 %, and after a revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// The verbs that would be taken now.
    pub possible: Vec<String>,
    pub created_at: Timestamp,
    pub labels: BTreeMap<String, String>,
    /// Who answers for it, by the plan.
    pub owner: Option<String>,
    pub runbook: Option<String>,
    pub plan: Plan,
}

/// `index` and `share` are null where the shift is at none of its steps: on its way to the baseline, or at its end
/// there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From 0, as in `plan.ramp.steps`.
    pub index: Option<usize>,
    pub share: Option<Share>,
    pub stage: Stage,
}

/// Percentages of the traffic for the `to` side; null where unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Last meant.
    pub wanted: Option<Share>,
    /// By the weights that were last confirmed in Route 53.
    pub set: Option<Share>,
    /// Of the requests that were counted lately.
    pub observed: Option<Share>,
}

/// The weights of one record group by set identifier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub zone: ZoneId,
    pub name: RecordName,
    #[serde(rename = "type")]
    pub record_type: RecordType,
    pub weights: BTreeMap<String, Weight>,
}

/// One page of the list of shifts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shifts {
    pub items: Vec<Shift>,
    /// Those of the page that cannot be read: in their order, but apart from the others. The next page begins after them,
    /// too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Where the next page begins; null on the last one.
    pub next: Option<String>,
}

/// A shift of which nothing can be said but its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unreadable {
    pub name: String,
    pub problem: Problem,
}

/// One page of any other list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub next: Option<String>,
}

/// A page of a history exactly as it is kept. What `history` shows of an event was read; this is what was hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Where the shift's own row said that the history ends, when this page was read; null where there is no such row.
    pub head: Option<Head>,
    /// `data` is a text.
    pub items: Vec<Row>,
    /// Where the next page begins; null on the last one.
    pub next: Option<String>,
}

/// What a verb did: it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub events: Vec<Event>,
    pub shift: Shift,
}

/// The body of a verb. All of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only of `pause`: nothing is written until it is resumed, not even a revert by a gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeze: bool,
}

/// The body of a verb for many shifts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetVerb {
    /// Labels that a shift must have, all of them. `{}` is every shift; there is no default.
    pub selector: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeze: bool,
}

/// What a verb for many shifts did, shift by shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    pub items: Vec<FleetItem>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetItem {
    pub name: String,
    pub outcome: Outcome,
    /// Empty unless it is done.
    pub events: Vec<Event>,
    /// As the shift is now.
    pub headline: Option<String>,
    /// Why it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// There was nothing to do in its state.
    Skipped,
    /// It should have been done and was not.
    Failed,
}

/// A refusal, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// A reference to the page about the code.
    #[serde(rename = "type")]
    pub about: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Of a plan or another body, one for each mistake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
    /// For a verb that is refused: those that would be taken now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possible: Option<Vec<String>>,
    /// For claimed records: the shift that has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
}
