//! Whether it is time to go up: the plan's calendar, other shifts that have to come first, and a person's approval.
//! None of it keeps a shift from going down.

use jiff::{SignedDuration, Timestamp};

use super::{Effect, Look};
use crate::{
    Share,
    calendar::{self, Closed},
    event::Happened,
    plan::{After, Deadline, Then},
    report::Next,
    shift::{Asked, Cause, Hold, OVERDUE, Phase, Shift},
};

/// What is known of other shifts is looked up again when it is older than this.
const OTHERS_KNOWN_FOR: SignedDuration = SignedDuration::from_secs(10);

/// Another shift, as the store had it.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    pub at: Timestamp,
    /// `None` when there is no such shift.
    pub found: Option<Progress>,
}

/// How far another shift has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// What has landed, or less if it is on its way down.
    pub share: Share,
}

/// A shift to come first that has not come far enough.
pub(super) struct Unmet<'a> {
    shift: &'a str,
    code: &'static str,
    /// `completed`, or `at 50 %`.
    wanted: String,
    sentence: String,
}

impl Other {
    pub fn new(shift: Option<&Shift>, at: Timestamp) -> Other {
        let progress =
            |shift: &Shift| Progress { phase: shift.phase.clone(), share: shift.landed.min(shift.wanted) };
        Other { at, found: shift.map(progress) }
    }
}

impl Look<'_> {
    pub(super) fn calendar_holds(&self, next: usize, holds: &mut Vec<Hold>) {
        // To be completed is no step up.
        let Some(step) = self.shift.plan.step(next) else { return };
        if let Some(closed) = self.closed() {
            holds.push(self.going_on(Cause::Calendar, closed.code, closed.sentence.clone()));
        }
        // Records that do not fit the plan are the more urgent reason of the same kind.
        if let Some(Unmet { code, sentence, .. }) = self.unmet()
            && !holds.iter().any(|hold| hold.cause == Cause::Dependency)
        {
            holds.push(self.going_on(Cause::Dependency, code, sentence));
        }
        if self.waits_for_approval(next) {
            let waits = format!("step {} ({}) waits for somebody's approval", next + 1, step.share);
            let (code, sentence) = match self.deadline(next) {
                None => ("approval", waits),
                Some((at, _)) if at <= self.now => (OVERDUE, format!("{waits}, which was due by {at:.0}")),
                Some((at, then)) => {
                    let then = match then {
                        Then::Hold => "it is overdue",
                        Then::StepBack => "it steps back",
                        Then::Revert => "it is reverted",
                    };
                    ("approval", format!("{waits}; without it, {then} at {at:.0}"))
                }
            };
            let since = self.asked_since().unwrap_or(self.now);
            holds.push(Hold { since, ..self.hold(Cause::Approval, code, sentence) });
        }
    }

    /// What the calendar says now.
    pub(super) fn closed(&self) -> Option<&Closed> {
        self.closed.get_or_init(|| calendar::closed(&self.shift.plan, self.now)).as_ref()
    }

    /// What follows from an approval that did not come in time. A shift that is frozen stays where it is, and one that
    /// has moved nothing has nothing to take back.
    pub(super) fn expired_approval(&self, next: usize) -> Option<Vec<Happened>> {
        let shift = self.shift;
        let (at, then) = self.deadline(next).filter(|(at, _)| *at <= self.now)?;
        if shift.is_frozen() || shift.moved_at.is_none() {
            return None;
        }
        let target = match then {
            Then::Hold => return None,
            Then::StepBack => shift.step_below(),
            Then::Revert => None,
        };
        let then = if target.is_some() { Then::StepBack } else { Then::Revert };
        let share = shift.plan.step(next)?.share;
        let sentence = format!("nobody approved step {} ({share}) by {at:.0}", next + 1);
        let write = target.map_or_else(|| shift.intend_revert(), |index| shift.intend_step_back(index));
        Some(vec![Happened::ApprovalExpired { step: next, then, sentence }, write])
    }

    /// The first of the shifts to come first that has not come far enough.
    pub(super) fn unmet(&self) -> Option<Unmet<'_>> {
        self.shift.plan.after().iter().find_map(|after| self.waits_for(after))
    }

    fn waits_for<'a>(&self, after: &'a After) -> Option<Unmet<'a>> {
        let shift = after.shift();
        let wanted = match after {
            After::Completed(_) => "completed".to_owned(),
            After::AtShare(at) => format!("at {}", at.share),
        };
        let (code, sentence) = match self.seen.others.get(shift).map(|other| &other.found) {
            None => ("after", format!("it is not known yet how far shift {shift} is")),
            Some(None) => (
                "after_missing",
                format!(
                    "it comes after shift {shift}, which does not exist: create it, or take it out of \
                     schedule.after"
                ),
            ),
            Some(Some(Progress { phase: Phase::Completed { .. }, .. })) => return None,
            Some(Some(Progress { phase, share })) => {
                let running = matches!(phase, Phase::Running { .. });
                if let After::AtShare(at) = after
                    && running
                    && *share >= at.share
                {
                    return None;
                }
                let stands = if running { format!("running at {share}") } else { phase.as_str().to_owned() };
                ("after", format!("it comes after shift {shift}, which has to be {wanted} and is {stands}"))
            }
        };
        Some(Unmet { shift, code, wanted, sentence })
    }

    /// Looks at the other shifts that a step up depends on, if what is known of them is old.
    pub(super) fn look_at_others(&self) -> Option<Vec<Effect>> {
        let known = |name: &str| {
            let other = self.seen.others.get(name);
            other.is_some_and(|other| self.now.duration_since(other.at) < OTHERS_KNOWN_FOR)
        };
        let names = self.shift.plan.after().iter().map(After::shift);
        let looks: Vec<Effect> =
            names.filter(|name| !known(name)).map(|name| Effect::Look { shift: name.to_owned() }).collect();
        (!looks.is_empty()).then_some(looks)
    }

    /// The next time at which it may be that nothing keeps the shift from going up any longer.
    pub(super) fn reopens(&self, next: usize) -> Option<(Timestamp, &'static str)> {
        let plan = &self.shift.plan;
        let observed = self.shift.settled_at.map(|settled| settled + self.hold_time(next));
        let step = plan.step(next);
        let opens = step.and_then(|_| self.closed()?.until);
        let others = self.seen.others.values().map(|other| other.at + OTHERS_KNOWN_FOR).min();
        let others = others.filter(|_| step.is_some() && self.unmet().is_some());
        let ahead = [
            (observed, "the hold time ends"),
            (opens, "the calendar opens"),
            (self.deadline(next).map(|(at, _)| at), "the approval is due"),
            (others, "another shift is looked at"),
        ];
        let ahead = ahead.into_iter().filter_map(|(at, why)| at.map(|at| (at, why)));
        ahead.filter(|(at, _)| *at > self.now).min()
    }

    /// The next step, and when it can be at the earliest.
    pub(super) fn next_step(&self, next: usize) -> Next {
        let shift = self.shift;
        let observed = shift.settled_at.map(|settled| settled + self.hold_time(next));
        let observed = observed.max(self.overwrite_arrives_by());
        let Some(step) = shift.plan.step(next) else {
            return Next { at: observed, what: "the shift is completed".to_owned() };
        };
        let mut what = format!("{} of the traffic", step.share);
        if let Some(Unmet { shift, wanted, .. }) = self.unmet() {
            what.push_str(&format!(", once shift {shift} is {wanted}"));
            return Next { at: None, what };
        }
        if self.waits_for_approval(next) {
            return match self.deadline(next).filter(|(at, _)| self.now < *at) {
                Some((at, Then::Revert)) => {
                    Next { at: Some(at), what: format!("a revert, unless {what} is approved") }
                }
                Some((at, Then::StepBack)) => {
                    Next { at: Some(at), what: format!("a step back, unless {what} is approved") }
                }
                Some((_, Then::Hold)) | None => {
                    Next { at: None, what: format!("{what}, once somebody approves it") }
                }
            };
        }
        if step.approval.is_needed() && shift.approved != Some(next) {
            what.push_str(", if somebody approves it");
        }
        let ready = observed.map_or(self.now, |at| at.max(self.now));
        match calendar::opens(&shift.plan, ready) {
            Some(at) if at == ready => Next { at: observed, what },
            at => Next { at, what },
        }
    }

    /// Whether nothing but an approval is missing, as far as time goes.
    fn waits_for_approval(&self, next: usize) -> bool {
        let shift = self.shift;
        // Whoever asks to advance waives the hold time, not the approval.
        let advance = matches!(shift.asked, Some(Asked::Advance { .. }));
        shift.plan.step(next).is_some_and(|step| step.approval.is_needed())
            && shift.approved != Some(next)
            && (shift.moved_at.is_none() || advance || self.observed_long_enough(next))
    }

    /// Since when this step waits for its approval, if it was remembered to.
    fn asked_since(&self) -> Option<Timestamp> {
        let since = self.shift.holds.get(&Cause::Approval).filter(|hold| !hold.until_resumed)?.since;
        // A hold from before the traffic settled was another step's.
        self.shift.settled_at.is_none_or(|settled| settled <= since).then_some(since)
    }

    /// Until when the approval of a step is waited for, and what then.
    fn deadline(&self, next: usize) -> Option<(Timestamp, Then)> {
        let Deadline { deadline, then } = self.shift.plan.step(next)?.approval.deadline()?;
        if !self.waits_for_approval(next) {
            return None;
        }
        let since = self.asked_since().unwrap_or(self.now);
        Some((since.checked_add(deadline.0).unwrap_or(Timestamp::MAX), *then))
    }

    /// A hold that may already be there for another reason of its kind: it began with the first of them.
    fn going_on(&self, cause: Cause, code: &str, sentence: String) -> Hold {
        let hold = self.hold(cause, code, sentence);
        let since = self.shift.holds.get(&cause).map_or(self.now, |old| old.since);
        Hold { since, ..hold }
    }
}
