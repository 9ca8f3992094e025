//! What follows from where a shift stands and what was seen.
//!
//! [`decide`] answers either with events, to be committed before anything else, or with effects, which follow from
//! what is committed already. So whatever an effect does was written down first, and a program that dies between
//! the two decides the same again. Effects carry absolute weights: to repeat one is harmless.
//!
//! Up needs everything, down needs nothing: `climb` asks for the calendar, the hold time, settled traffic,
//! passing gates and a zone as it was left; a revert asks for none of them.

mod calendar;
mod climb;
mod derived;
mod holds;
mod standing;
#[cfg(test)]
mod tests;
mod write;
mod zone;

use std::{cell::OnceCell, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};

pub use self::calendar::{Other, Progress};
use self::{derived::Derived, zone::Compared};
use crate::{
    RecordSet, ZoneId,
    batch::Batch,
    calendar::Closed,
    event::{ChangeId, Event, Happened},
    gate::{self, Answer, GateReport, Verdict},
    plan::OnFail,
    report::{Next, Report},
    shift::{Cause, Phase, Shift, Write},
};

/// What was last seen of the world. Everything in it may be old; every part says how old.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    pub zones: BTreeMap<ZoneId, ZoneRead>,
    pub changes: BTreeMap<ChangeId, ChangeRead>,
    /// By the gate's name.
    pub gates: BTreeMap<String, Answer>,
    /// Why a request lately did not get through, though nothing was changed by it.
    pub trouble: Option<Trouble>,
    /// The write of which every attempt has had an answer that was written down. See [`Observation::wrote_down`].
    pub answered: Option<u64>,
    /// The shifts that this one comes after, by name.
    pub others: BTreeMap<String, Other>,
}

/// The record sets at the shift's names and their fences' names.
#[derive(Clone, Debug)]
pub struct ZoneRead {
    pub at: Timestamp,
    pub listed: Result<Vec<RecordSet>, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeRead {
    pub at: Timestamp,
    pub state: ChangeState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeState {
    Pending,
    InSync,
    /// Route 53 knows of no such change.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Trouble {
    pub at: Timestamp,
    pub sentence: String,
}

/// What a decision needs to know of the daemon that makes it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The installation, as it stands in fences.
    pub owner: String,
    pub epoch: u64,
    /// How long a change whose id was lost is given to reach all name servers.
    pub propagation: SignedDuration,
}

/// Something to be done, now that it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Read {
        zone: ZoneId,
    },
    Ask {
        change: ChangeId,
    },
    Submit {
        generation: u64,
        batch: Batch,
    },
    /// Looks another shift up in the store.
    Look {
        shift: String,
    },
}

/// An unread decision is a decision not made.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// To be committed first; then decide again.
    pub happened: Vec<Happened>,
    /// Empty while there is anything to be committed.
    pub effects: Vec<Effect>,
    /// When to look again if nothing else happens, and what for.
    pub wake: Option<(Timestamp, &'static str)>,
    /// Without [`gate::tail`]: nothing is decided by it.
    pub report: Report,
}

/// What one part of a decision came to.
enum Verge {
    Happen(Vec<Happened>),
    Do(Vec<Effect>),
    /// Nothing to do before this.
    Until(Timestamp, &'static str),
    /// Nothing to do at all.
    Rest,
}

/// A listing this old still says what a batch may be compared with: an edit made since is caught by the comparison.
const FRESH: SignedDuration = SignedDuration::from_secs(30);

/// Between two looks at records that do not fit the plan, belong to somebody else, or were changed by them.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// After a read that failed, where nothing presses.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

impl Observation {
    /// A zone was read. That says nothing of whether it can be written, so a trouble stays while a batch is to be sent.
    pub fn saw(&mut self, shift: &Shift, zone: ZoneId, read: ZoneRead) {
        let to_be_sent = shift.write.as_ref().is_some_and(Write::is_to_be_sent);
        if read.listed.is_ok() && !to_be_sent {
            self.trouble = None;
        }
        self.zones.insert(zone, read);
    }

    /// To be told of everything that this daemon has committed. Of a write that it finds open it does not know whether
    /// it was sent; of one that it has intended itself it does, as long as it forgets `answered` before it sends.
    pub fn wrote_down(&mut self, events: &[Event]) {
        for event in events {
            if let Happened::Intended { generation, .. }
            | Happened::Refused { generation, .. }
            | Happened::Unanswered { generation, .. }
            | Happened::Accepted { generation, .. } = &event.what
            {
                self.answered = Some(*generation);
            }
        }
    }
}

/// What deciding again about the same shift can make use of; see [`gate::Memory`]. It may be dropped at any time.
#[derive(Debug, Default)]
pub struct Memory {
    /// In the order of the plan's gates.
    gates: Vec<gate::Memory>,
    zones: Option<zone::Memory>,
    derived: Option<Derived>,
}

/// The decision, from nothing but what is given.
pub fn decide(shift: &Shift, seen: &Observation, rules: &Rules, now: Timestamp) -> Decision {
    decide_again(shift, seen, rules, now, &mut Memory::default())
}

/// The same, sparing what was worked out before.
pub fn decide_again(
    shift: &Shift,
    seen: &Observation,
    rules: &Rules,
    now: Timestamp,
    memory: &mut Memory,
) -> Decision {
    let derived = Derived::of(shift, &mut memory.derived);
    let standing = standing::standing(shift, derived, seen, now);
    memory.gates.resize_with(shift.plan.gates.len(), gate::Memory::default);
    let mut observed = None;
    let judged = shift.plan.gates.iter().zip(&mut memory.gates).map(|(gate, memory)| {
        let (report, share) = gate::judge_again(gate, seen.gates.get(&gate.name), standing, now, memory);
        observed = observed.or(share);
        report
    });
    let gates: Vec<GateReport> = judged.collect();
    let mut look = Look {
        shift,
        derived,
        seen,
        rules,
        now,
        gates,
        compared: Compared::default(),
        closed: OnceCell::new(),
    };
    match shift.phase {
        Phase::Running { .. } | Phase::Reverting { .. } => look.compare(&mut memory.zones),
        Phase::Scheduled | Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
            // What is left to write after the end may find the zone reverted, too.
            if shift.write.is_some() {
                look.compare(&mut memory.zones);
            }
        }
    }
    let verge = look.verge();
    let report = Report { next: look.next(), gates: look.gates, observed, tail: None };
    let (happened, effects, wake) = match verge {
        Verge::Happen(happened) => (happened, Vec::new(), None),
        Verge::Do(effects) => (Vec::new(), effects, None),
        Verge::Until(at, why) => (Vec::new(), Vec::new(), Some((at, why))),
        Verge::Rest => (Vec::new(), Vec::new(), None),
    };
    Decision { happened, effects, wake, report }
}

/// One look at a shift: everything a decision is made of.
struct Look<'a> {
    shift: &'a Shift,
    derived: &'a Derived,
    seen: &'a Observation,
    rules: &'a Rules,
    now: Timestamp,
    gates: Vec<GateReport>,
    compared: Compared,
    /// What the calendar says, once it was asked.
    closed: OnceCell<Option<Closed>>,
}

impl Look<'_> {
    fn verge(&self) -> Verge {
        match self.shift.phase {
            Phase::Scheduled => self.scheduled(),
            Phase::Running { next, .. } => self.running(next),
            Phase::Reverting { .. } => self.reverting(),
            // What is left to write after the end is the fence's removal.
            Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
                self.shift.write.as_ref().map_or_else(|| self.giving_up(), |write| self.advance(write))
            }
        }
    }

    fn scheduled(&self) -> Verge {
        match self.shift.plan.start() {
            Some(start) if start > self.now => Verge::Until(start, "the plan's start"),
            Some(_) if self.shift.holds.is_empty() => Verge::Happen(vec![Happened::Started {}]),
            Some(_) | None => Verge::Rest,
        }
    }

    fn running(&self, next: usize) -> Verge {
        // Safety first: a failed gate acts whatever else is going on.
        if let Some(happened) = self.failed_gate() {
            return Verge::Happen(happened);
        }
        if let Some(write) = &self.shift.write {
            return self.advance(write);
        }
        if let Some(happened) = self.expired_approval(next) {
            return Verge::Happen(happened);
        }
        if let Some(verge) = self.asked() {
            return verge;
        }
        if let Some(happened) = self.found_reverted() {
            return Verge::Happen(happened);
        }
        if self.shift.plan.step(next).is_some()
            && let Some(looks) = self.look_at_others()
        {
            return Verge::Do(looks);
        }
        let changed = self.changed_holds(next);
        if !changed.is_empty() {
            return Verge::Happen(changed);
        }
        self.failed_reads().unwrap_or_else(|| self.climb(next))
    }

    fn reverting(&self) -> Verge {
        if let Some(write) = &self.shift.write {
            return self.advance(write);
        }
        let changed = self.changed_holds(usize::MAX);
        if !changed.is_empty() {
            return Verge::Happen(changed);
        }
        // Without an open write the revert has been found done, or was undone by somebody else.
        if self.all_read() && self.shows_baseline() {
            if !self.lacks_its_fence() {
                return Verge::Happen(vec![Happened::Reverted {}]);
            }
            if !self.waits_for_a_person() {
                return Verge::Happen(vec![self.shift.intend_revert()]);
            }
        }
        if let Some(read) = self.read_missing(None) {
            return Verge::Do(read);
        }
        // Whoever has undone it may put it right.
        self.failed_reads().unwrap_or_else(|| self.look_again())
    }

    /// The records were given up, and the fence still stands.
    fn giving_up(&self) -> Verge {
        let shift = self.shift;
        if !shift.is_given_up() || !shift.may_have_written() || self.waits_for_a_person() {
            return Verge::Rest;
        }
        Verge::Happen(vec![shift.intend_release()])
    }

    /// Whether nothing is written even where the way is down, or out. Whoever only paused waits for neither.
    fn waits_for_a_person(&self) -> bool {
        let refused = self.shift.holds.get(&Cause::Fault).is_some_and(|hold| hold.until_resumed);
        self.shift.is_frozen() || refused
    }

    /// What follows from a failed gate, if anything does that has not followed already.
    fn failed_gate(&self) -> Option<Vec<Happened>> {
        if self.shift.is_frozen() || self.shift.moved_at.is_none() {
            return None;
        }
        let failed = |(report, gate): (&GateReport, &crate::plan::Gate)| {
            report.stands(Verdict::Fail).then(|| (report.clone(), gate.on_fail))
        };
        let failures: Vec<_> = self.gates.iter().zip(&self.shift.plan.gates).filter_map(failed).collect();
        let (gate, on_fail) = failures.into_iter().max_by_key(|(_, on_fail)| match on_fail {
            OnFail::Revert => 2,
            OnFail::StepBack => 1,
            OnFail::Pause => 0,
        })?;
        let held = self.shift.holds.get(&Cause::Gate).is_some_and(|hold| hold.until_resumed);
        match on_fail {
            OnFail::Revert => {
                Some(vec![Happened::GateFailed { gate, on_fail: OnFail::Revert }, self.shift.intend_revert()])
            }
            // The metrics of the higher share go on failing for a while: one step at a time, each with its say.
            OnFail::StepBack if held && !self.settled() => None,
            OnFail::StepBack => Some(match self.shift.step_below() {
                Some(index) => vec![
                    Happened::GateFailed { gate, on_fail: OnFail::StepBack },
                    self.shift.intend_step_back(index),
                ],
                None => {
                    vec![Happened::GateFailed { gate, on_fail: OnFail::Revert }, self.shift.intend_revert()]
                }
            }),
            OnFail::Pause if held => None,
            OnFail::Pause => Some(vec![Happened::GateFailed { gate, on_fail: OnFail::Pause }]),
        }
    }

    fn settled(&self) -> bool {
        self.shift.write.is_none() && self.shift.settled_at.is_some_and(|settled| settled <= self.now)
    }

    fn next(&self) -> Option<Next> {
        let shift = self.shift;
        match shift.phase {
            Phase::Scheduled => {
                shift.plan.start().map(|at| Next { at: Some(at), what: "the shift starts".to_owned() })
            }
            Phase::Running { next, .. } => Some(self.next_step(next)),
            Phase::Reverting { .. } => Some(Next { at: None, what: "the shift is reverted".to_owned() }),
            Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => None,
        }
    }

    fn hold_time(&self, next: usize) -> SignedDuration {
        standing::hold_time(self.shift, next)
    }

    /// Zones whose newest read failed, to be read again after a while. `None` when there are none.
    fn failed_reads(&self) -> Option<Verge> {
        let failed =
            |zone: &ZoneId| self.seen.zones.get(zone).filter(|read| read.listed.is_err()).map(|read| read.at);
        let oldest = self.shift.zone_ids().filter_map(failed).min()?;
        let again = oldest + READ_AGAIN_AFTER;
        if self.now < again {
            return Some(Verge::Until(again, "a zone is read again"));
        }
        let failed = self.shift.zones().into_iter().filter(|zone| failed(zone).is_some());
        Some(Verge::Do(failed.map(|zone| Effect::Read { zone }).collect()))
    }

    /// Reads zones that nobody watches again, every minute.
    fn look_again(&self) -> Verge {
        let read = |zone: &ZoneId| self.seen.zones.get(zone).map(|read| read.at);
        match self.shift.zone_ids().map(read).min().flatten().map(|at| at + LOOK_AGAIN_AFTER) {
            Some(again) if self.now < again => Verge::Until(again, "the zone is read again"),
            Some(_) | None => {
                Verge::Do(self.shift.zones().into_iter().map(|zone| Effect::Read { zone }).collect())
            }
        }
    }

    /// Reads of the zones that were never read, or not since `after`. `None` when none is missing.
    fn read_missing(&self, after: Option<Timestamp>) -> Option<Vec<Effect>> {
        let old = |zone: &ZoneId| {
            self.seen.zones.get(zone).is_none_or(|read| after.is_some_and(|after| read.at < after))
        };
        if !self.shift.zone_ids().any(old) {
            return None;
        }
        Some(self.shift.zones().into_iter().filter(old).map(|zone| Effect::Read { zone }).collect())
    }
}
