//! What happened to a shift, in order, chained by hashes so that a changed or missing event shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    GroupKey, RecordSet, Share, ZoneId,
    batch::GroupWeights,
    gate::GateReport,
    plan::{OnFail, Plan, Then},
    shift::{Hold, Purpose},
};

/// Who did it: a person's name, or the daemon's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub String);

impl Actor {
    /// The daemon, acting on the plan.
    pub fn daemon() -> Actor {
        Actor("crossfade".to_owned())
    }
}

/// A change's identifier without the `/change/` prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub String);

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 1, without gaps, in each shift.
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: Happened,
    pub actor: Actor,
    #[serde(default)]
    pub reason: Option<String>,
    pub hash: Hash,
}

/// An event before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub at: Timestamp,
    pub what: Happened,
    pub actor: Actor,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Happened {
    // What people did.
    Created {
        plan: Box<Plan>,
        groups: Vec<GroupKey>,
    },
    Revised {
        plan: Box<Plan>,
    },
    Started {},
    Paused {
        freeze: bool,
    },
    Resumed {},
    AdvanceRequested {},
    Approved {
        step: usize,
    },
    StepBackRequested {
        to: Share,
    },
    RevertRequested {},
    AdoptRequested {},
    ReassertRequested {},
    Retried {},
    Cancelled {},
    Finalized {},

    // What the daemon decided.
    /// The record sets as they were, whole, before the first write.
    BaselineTaken {
        sets: BTreeMap<ZoneId, Vec<RecordSet>>,
    },
    HoldBegan {
        hold: Hold,
    },
    HoldEnded {
        hold: Hold,
    },
    /// A gate failed, and this is what follows.
    GateFailed {
        gate: GateReport,
        on_fail: OnFail,
    },
    /// Nobody approved a step in time, and this is what follows.
    ApprovalExpired {
        /// Counted from 0.
        step: usize,
        then: Then,
        sentence: String,
    },
    /// An `advance`, or an `adopt`, that could not be followed.
    AdvanceDropped {
        because: String,
    },
    /// A write is about to be sent. Nothing is ever sent without this.
    Intended {
        generation: u64,
        purpose: Purpose,
        /// The share meant for the `to` side.
        share: Share,
        weights: GroupWeights,
        /// What every gate said when it was decided.
        #[serde(default)]
        gates: Vec<GateReport>,
    },
    /// The write was given up before it landed, for this reason.
    WriteDropped {
        generation: u64,
        because: String,
    },

    // What Route 53 answered.
    /// The batch was applied: by its answer, or, after a lost answer, by the fence (then without a change).
    Accepted {
        generation: u64,
        zone: ZoneId,
        change: Option<ChangeId>,
    },
    /// No answer came. The batch may have been applied or not, or may be applied later.
    Unanswered {
        generation: u64,
        zone: ZoneId,
        error: String,
    },
    Refused {
        generation: u64,
        zone: ZoneId,
        error: String,
    },
    InSync {
        generation: u64,
        zone: ZoneId,
    },
    /// Read back after INSYNC; evidence counts from `settled_at`.
    Confirmed {
        generation: u64,
        settled_at: Timestamp,
        sets: BTreeMap<ZoneId, Vec<RecordSet>>,
    },
    /// The fence shows a write of this shift that the history does not have, and the weights are the baseline's:
    /// somebody reverted without the daemon, or the daemon did while it had no database.
    FoundReverted {
        generation: u64,
        sets: BTreeMap<ZoneId, Vec<RecordSet>>,
    },

    // Where it ended.
    Completed {},
    Reverted {},
    /// The fence is gone; the records belong to nobody.
    Released {},
}

impl Happened {
    /// The event's `kind` and its `data` as canonical JSON text (keys sorted, no spaces).
    pub fn to_parts(&self) -> Result<(String, String), serde_json::Error> {
        #[derive(Deserialize)]
        struct Parts {
            kind: String,
            data: serde_json::Value,
        }
        let parts: Parts = serde_json::from_value(serde_json::to_value(self)?)?;
        Ok((parts.kind, serde_json::to_string(&parts.data)?))
    }

    pub fn from_parts(kind: &str, data: &str) -> Result<Happened, serde_json::Error> {
        let data: serde_json::Value = serde_json::from_str(data)?;
        serde_json::from_value(serde_json::json!({ "kind": kind, "data": data }))
    }
}

/// A BLAKE3 hash in lower-case hexadecimal; empty before the first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(pub String);

/// The hash of an event: over the hash before it, the shift's name and everything the row keeps.
///
/// `at` is RFC 3339 and `data` the text exactly as stored, so that a check needs no parser's opinion.
#[expect(clippy::too_many_arguments, reason = "these are the columns of a row, each once")]
pub fn seal(
    before: &Hash,
    shift: &str,
    seq: u64,
    at: &str,
    kind: &str,
    actor: &str,
    reason: Option<&str>,
    data: &str,
) -> Hash {
    // A JSON array keeps the fields apart whatever they contain.
    let row = serde_json::json!([before.0, shift, seq, at, kind, actor, reason, data]);
    Hash(blake3::hash(row.to_string().as_bytes()).to_hex().to_string())
}

impl Draft {
    /// Gives the draft its place after `seq` and `before`.
    pub fn sealed(self, shift: &str, seq: u64, before: &Hash) -> Result<Event, serde_json::Error> {
        let (kind, data) = self.what.to_parts()?;
        let at = self.at.to_string();
        let hash = seal(before, shift, seq, &at, &kind, &self.actor.0, self.reason.as_deref(), &data);
        Ok(Event { seq, at: self.at, what: self.what, actor: self.actor, reason: self.reason, hash })
    }
}
