//! A shift: one run of a plan. Its state is the fold of its events; a snapshot of it is a cache.

mod command;
mod fold;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    command::{Command, TransitionError, command, create, revise},
    fold::{FoldError, fold},
};
use crate::{
    GroupKey, RecordName, RecordSet, Share, ZoneId,
    batch::{GroupWeights, members, weights_of},
    event::{ChangeId, Hash},
    fence::{Fence, FenceBaseline},
    plan::Plan,
};

/// Everything that is remembered of a shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    pub name: String,
    /// The sequence number of the newest event.
    pub version: u64,
    /// The hash of the newest event.
    pub head: Hash,
    pub plan: Plan,
    /// 1 for the plan it was made from; one more with every changed plan.
    pub revision: u32,
    pub created_at: Timestamp,
    pub phase: Phase,
    /// The record groups of the plan, with their zones resolved.
    pub groups: Vec<GroupKey>,
    /// The record sets as they were, whole, before the shift first wrote to them.
    pub baseline: Option<BTreeMap<ZoneId, Vec<RecordSet>>>,
    /// Each zone as the shift last left it.
    pub known: BTreeMap<ZoneId, Known>,
    /// The one open change, if there is one.
    pub write: Option<Write>,
    /// Of the newest write that was intended.
    pub generation: u64,
    /// The share that was last meant for the `to` side.
    pub wanted: Share,
    /// The share that was meant by the newest write that is known to have been applied.
    pub landed: Share,
    /// When this run first moved traffic, or moved it again after none was left.
    pub moved_at: Option<Timestamp>,
    /// When the traffic of the newest confirmed write had settled, or will have.
    pub settled_at: Option<Timestamp>,
    /// When a person last let the shift go on.
    pub resumed_at: Option<Timestamp>,
    /// When a person last let the shift go on after a gate had failed, having seen what it failed on.
    #[serde(default)]
    pub evidence_from: Option<Timestamp>,
    pub holds: BTreeMap<Cause, Hold>,
    /// Something a person asked for that needs a look at the zone first.
    pub asked: Option<Asked>,
    /// The step that a person has approved.
    pub approved: Option<usize>,
    /// When a write that names no fence was last open and some attempt of it without an answer. It may still arrive.
    #[serde(default)]
    pub unfenced_at: Option<Timestamp>,
    /// When a revert that overwrites was last open. It may arrive once more.
    #[serde(default)]
    pub overwritten_at: Option<Timestamp>,
    /// When a hold was last put down, or got another sentence.
    #[serde(default)]
    pub held_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Phase {
    Scheduled,
    Running {
        since: Timestamp,
        /// The step to go to next; the one before it is the present one.
        next: usize,
    },
    Completed {
        at: Timestamp,
        finalized: bool,
    },
    Reverting {
        since: Timestamp,
    },
    Reverted {
        at: Timestamp,
        finalized: bool,
    },
    Cancelled {
        at: Timestamp,
    },
}

/// A zone as the shift last left it: what a listing must show unless somebody else has written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The fence's; `None` before the first write.
    pub generation: Option<u64>,
    /// The members of the shift's groups.
    pub sets: Vec<RecordSet>,
}

/// An open change: intended, and not yet confirmed everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    pub generation: u64,
    pub purpose: Purpose,
    pub share: Share,
    pub weights: GroupWeights,
    pub since: Timestamp,
    pub zones: BTreeMap<ZoneId, ZoneWrite>,
    /// Whether a batch of it may expect that no fence stands there, so that nothing but the records' weights would
    /// refuse it later.
    #[serde(default)]
    pub unfenced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Purpose {
    /// Up, to this step.
    Step { index: usize },
    /// Down, to this step.
    StepBack { index: usize },
    /// To the baseline weights.
    Revert,
    /// The zone's weights, taken as the shift's own.
    Adopt,
    /// The shift's weights again, over somebody else's.
    Reassert,
    /// The present weights with a new fence, so that an overtaken batch can no longer land. Without weights, once the
    /// records are given up, the fence alone.
    Stay,
    /// The fence's end.
    Release,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneWrite {
    pub stage: ZoneStage,
    pub refusals: u32,
    /// When an attempt last ended without success: only a listing read after it can tell what became of it.
    pub attempted_at: Option<Timestamp>,
    /// Whether some attempt may have been sent whose answer is not known.
    #[serde(default)]
    pub unanswered: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum ZoneStage {
    /// Not known to have been applied.
    Intended,
    /// Applied. Without a change when its answer was lost and the fence told.
    Accepted {
        at: Timestamp,
        change: Option<ChangeId>,
    },
    InSync {
        at: Timestamp,
    },
}

/// Why a shift stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Operator,
    Drift,
    Fault,
    Gate,
    NoData,
    Calendar,
    Approval,
    Dependency,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub cause: Cause,
    /// Finer than the cause, and stable: `paused`, `frozen`, `stepped_back`, `stalled`, a gate's code…
    pub code: String,
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Who put it there.
    pub by: String,
    pub reason: Option<String>,
    pub sentence: String,
    /// Only a person ends it. The others end when their cause does.
    pub until_resumed: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Advance { by: String },
    Adopt { by: String },
    Reassert { by: String },
}

/// How far the present step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Waiting,
    Applying,
    Propagating,
    Settling,
    Observing,
}

/// The code of the hold under which nothing at all is written.
pub const FROZEN: &str = "frozen";

/// Refusals of its compare-and-swap after which a revert overwrites what is there.
pub(crate) const REFUSALS_BEFORE_OVERWRITE: u32 = 3;

/// How long after it was sent a request may still arrive.
///
/// AWS refuses a request whose signature says a time more than five minutes from its own,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>. The clock that measures this
/// may itself be off by as much and still be let in, hence twice that.
pub const ARRIVES_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The code of the hold for an approval that did not come in time.
pub const OVERDUE: &str = "approval_overdue";

/// The code of the hold that a failed gate leaves where it does not revert.
const FAILED: &str = "failed";

impl Phase {
    pub fn as_str(&self) -> &'static str {
        match self {
            Phase::Scheduled => "scheduled",
            Phase::Running { .. } => "running",
            Phase::Completed { .. } => "completed",
            Phase::Reverting { .. } => "reverting",
            Phase::Reverted { .. } => "reverted",
            Phase::Cancelled { .. } => "cancelled",
        }
    }
}

impl Shift {
    /// The step to go to next, while running.
    pub fn next_step(&self) -> Option<usize> {
        match self.phase {
            Phase::Running { next, .. } => Some(next),
            Phase::Scheduled
            | Phase::Completed { .. }
            | Phase::Reverting { .. }
            | Phase::Reverted { .. }
            | Phase::Cancelled { .. } => None,
        }
    }

    /// The index of the step that the shift is at, or heads for when it has not been moved.
    pub fn step_index(&self) -> usize {
        match self.phase {
            Phase::Running { next, .. } => next.saturating_sub(1),
            Phase::Completed { .. } => self.plan.ramp.steps.len().saturating_sub(1),
            Phase::Scheduled | Phase::Reverting { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
                0
            }
        }
    }

    pub fn stage(&self, now: Timestamp) -> Stage {
        if let Some(write) = &self.write {
            let applied = write.zones.values().all(|zone| zone.stage != ZoneStage::Intended);
            return if applied { Stage::Propagating } else { Stage::Applying };
        }
        match self.settled_at {
            None => Stage::Waiting,
            Some(settled) if now < settled => Stage::Settling,
            Some(_) => Stage::Observing,
        }
    }

    /// Whether the shift has ever written to its records.
    pub fn has_written(&self) -> bool {
        self.known.values().any(|known| known.generation.is_some())
    }

    /// Whether any write may have landed: one is recorded, or one is on its way.
    pub fn may_have_written(&self) -> bool {
        self.has_written() || self.write.is_some() || self.unfenced_at.is_some()
    }

    /// Whether the records are this shift's: no other may name them.
    pub fn holds_records(&self) -> bool {
        !self.is_given_up() || self.may_have_written()
    }

    /// Whether a person has given the records up. The fence may stand for a while yet.
    pub fn is_given_up(&self) -> bool {
        match self.phase {
            Phase::Cancelled { .. } => true,
            Phase::Completed { finalized, .. } | Phase::Reverted { finalized, .. } => finalized,
            Phase::Scheduled | Phase::Running { .. } | Phase::Reverting { .. } => false,
        }
    }

    /// When everything has arrived, or never will, that only a fence keeps from landing: not before this may the fence
    /// be removed. `None` when all that was sent has been answered.
    pub fn arrived_by(&self) -> Option<Timestamp> {
        Some(self.unfenced_at.max(self.overwritten_at)? + ARRIVES_WITHIN)
    }

    /// Whether there is anything left for the daemon to do.
    pub fn is_active(&self) -> bool {
        match self.phase {
            Phase::Scheduled | Phase::Running { .. } | Phase::Reverting { .. } => true,
            Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
                self.write.is_some() || (self.is_given_up() && self.may_have_written())
            }
        }
    }

    pub fn is_frozen(&self) -> bool {
        self.holds.get(&Cause::Operator).is_some_and(|hold| hold.code == FROZEN)
    }

    /// The weights that the shift last left, by group and set identifier.
    pub fn set_weights(&self) -> GroupWeights {
        self.weights_in(|zone| self.known.get(zone).map(|known| known.sets.as_slice()))
    }

    pub fn baseline_weights(&self) -> GroupWeights {
        self.weights_in(|zone| Some(self.baseline.as_ref()?.get(zone)?.as_slice()))
    }

    /// The weights that realise `share` in each group. Empty only for sides that no parsed plan has.
    pub fn weights_for(&self, share: Share) -> GroupWeights {
        let Ok(realised) = crate::weights::realise(share, &self.plan.from, &self.plan.to) else {
            return GroupWeights::new();
        };
        self.groups.iter().map(|group| (group.clone(), realised.weights.clone())).collect()
    }

    /// The part of the traffic that these weights give to the `to` side, over all groups the largest.
    pub fn share_of(&self, weights: &GroupWeights) -> Option<Share> {
        weights.values().filter_map(|members| crate::weights::share_of(members, &self.plan.to)).max()
    }

    /// How long after a change resolvers may still answer with the old weights.
    pub fn settling(&self) -> SignedDuration {
        self.ttl() + self.plan.settle_margin.0
    }

    /// How long resolvers keep an answer.
    pub fn ttl(&self) -> SignedDuration {
        let sets = self.known.values().flat_map(|known| &known.sets);
        let seconds = sets.map(RecordSet::cached_seconds).max().unwrap_or(0);
        SignedDuration::from_secs(i64::from(seconds))
    }

    /// The zones of the shift's groups, one for each group.
    pub fn zone_ids(&self) -> impl Iterator<Item = &ZoneId> {
        self.groups.iter().map(|group| &group.zone)
    }

    pub fn zones(&self) -> BTreeSet<ZoneId> {
        self.groups.iter().map(|group| group.zone.clone()).collect()
    }

    /// The names of the shift's groups in a zone.
    pub fn names(&self, zone: &ZoneId) -> BTreeSet<RecordName> {
        self.groups.iter().filter(|group| group.zone == *zone).map(|group| group.name.clone()).collect()
    }

    /// Of listed record sets, the members of this shift's groups.
    pub fn own_sets(&self, zone: &ZoneId, listed: &[RecordSet]) -> Vec<RecordSet> {
        let groups = self.groups.iter().filter(|group| group.zone == *zone);
        groups.flat_map(|group| members(listed, group).cloned()).collect()
    }

    /// The fences that a write of this generation leaves in a zone.
    pub fn fences(
        &self,
        zone: &ZoneId,
        owner: &str,
        epoch: u64,
        generation: u64,
    ) -> BTreeMap<RecordName, Fence> {
        let baseline = self.baseline_weights();
        let fence = |name: &RecordName| Fence {
            owner: owner.to_owned(),
            shift: self.name.clone(),
            generation,
            epoch,
            baseline: baseline
                .iter()
                .filter(|(group, _)| group.zone == *zone && group.name == *name)
                .map(|(group, weights)| (group.record_type, weights.clone()))
                .collect::<FenceBaseline>(),
        };
        self.names(zone).into_iter().map(|name| (name.clone(), fence(&name))).collect()
    }

    fn weights_in<'a>(&self, sets: impl Fn(&ZoneId) -> Option<&'a [RecordSet]>) -> GroupWeights {
        let groups = self.groups.iter();
        groups.filter_map(|group| Some((group.clone(), weights_of(sets(&group.zone)?, group)))).collect()
    }
}

impl Hold {
    /// Whether a gate has failed, and was answered without a revert.
    pub fn is_failed_gate(&self) -> bool {
        self.cause == Cause::Gate && self.code == FAILED
    }
}

impl Write {
    /// Whether some zone's batch has yet to be sent, or to be sent again.
    pub fn is_to_be_sent(&self) -> bool {
        self.zones.values().any(|zone| zone.stage == ZoneStage::Intended)
    }

    /// Whether it can only lower the share of the `to` side, and so needs nobody's leave.
    pub fn is_down(&self) -> bool {
        match self.purpose {
            Purpose::Revert | Purpose::StepBack { .. } | Purpose::Stay | Purpose::Release => true,
            Purpose::Step { .. } | Purpose::Adopt | Purpose::Reassert => false,
        }
    }
}
