//! What people may ask of a shift, and when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Asked, Cause, FoldError, Phase, Purpose, Shift,
    fold::{extend, first_above},
};
use crate::{
    GroupKey, Share, Weight,
    batch::GroupWeights,
    event::{Actor, Draft, Event, Happened},
    plan::Plan,
};

/// An operator's verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Start,
    /// With `freeze`, nothing is written until it is resumed, not even a revert by a gate.
    Pause {
        freeze: bool,
    },
    Resume,
    /// Goes to the next step without waiting for the rest of the hold time or for more evidence.
    Advance,
    Approve,
    StepBack,
    Revert,
    Cancel,
    Retry,
    Adopt,
    Reassert,
    Finalize,
}

impl Command {
    /// Every verb, in the order in which a person would look for it.
    pub const ALL: [Command; 12] = [
        Command::Start,
        Command::Pause { freeze: false },
        Command::Resume,
        Command::Advance,
        Command::Approve,
        Command::StepBack,
        Command::Revert,
        Command::Cancel,
        Command::Retry,
        Command::Adopt,
        Command::Reassert,
        Command::Finalize,
    ];

    pub fn verb(self) -> &'static str {
        match self {
            Command::Start => "start",
            Command::Pause { .. } => "pause",
            Command::Resume => "resume",
            Command::Advance => "advance",
            Command::Approve => "approve",
            Command::StepBack => "step-back",
            Command::Revert => "revert",
            Command::Cancel => "cancel",
            Command::Retry => "retry",
            Command::Adopt => "adopt",
            Command::Reassert => "reassert",
            Command::Finalize => "finalize",
        }
    }

    /// The command of a verb; `pause` without `freeze`.
    pub fn of(verb: &str) -> Option<Command> {
        Command::ALL.into_iter().find(|command| command.verb() == verb)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// The verb makes no sense in this state.
    #[error("cannot {verb} {shift}, which is {phase}: {because}")]
    NotNow {
        shift: String,
        verb: &'static str,
        phase: &'static str,
        because: String,
        possible: Vec<&'static str>,
    },
    /// The verb makes sense, but a hold stands in its way.
    #[error("cannot {verb} {shift} while it is held: {}", sentences.join("; "))]
    Held { shift: String, verb: &'static str, sentences: Vec<String> },
    /// A revised plan may not change this.
    #[error(
        "a shift's {what} cannot be changed once it exists; cancel {shift} and apply the plan under another name"
    )]
    Fixed { shift: String, what: &'static str },
    #[error("the events do not follow from the state")]
    Fold(#[from] FoldError),
    #[error("an event could not be written as JSON: {0}")]
    Encoding(String),
}

impl From<serde_json::Error> for TransitionError {
    fn from(error: serde_json::Error) -> Self {
        TransitionError::Encoding(error.to_string())
    }
}

/// A new shift, and its first event.
pub fn create(
    plan: Plan,
    groups: Vec<GroupKey>,
    actor: &Actor,
    reason: Option<String>,
    now: Timestamp,
) -> Result<(Shift, Vec<Event>), TransitionError> {
    let name = plan.name.clone();
    let what = Happened::Created { plan: Box::new(plan), groups };
    extend(None, &name, vec![Draft { at: now, what, actor: actor.clone(), reason }])
}

/// The state after a person's verb, and the events that say so.
pub fn command(
    shift: &Shift,
    command: Command,
    actor: &Actor,
    reason: Option<String>,
    now: Timestamp,
) -> Result<(Shift, Vec<Event>), TransitionError> {
    let happened = shift.asked_for(command).map_err(|refusal| refusal.into_error(shift, command))?;
    shift.after(happened, actor, reason, now)
}

/// The state after a changed plan; `None` when it is the plan that the shift has.
pub fn revise(
    shift: &Shift,
    plan: Plan,
    groups: &[GroupKey],
    actor: &Actor,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Option<(Shift, Vec<Event>)>, TransitionError> {
    let fixed = |what| TransitionError::Fixed { shift: shift.name.clone(), what };
    if plan == shift.plan {
        return Ok(None);
    }
    match shift.phase {
        Phase::Scheduled | Phase::Running { .. } => {}
        Phase::Completed { .. }
        | Phase::Reverting { .. }
        | Phase::Reverted { .. }
        | Phase::Cancelled { .. } => {
            return Err(TransitionError::NotNow {
                shift: shift.name.clone(),
                verb: "revise",
                phase: shift.phase.as_str(),
                because: "only a plan that is scheduled or running can be revised".to_owned(),
                possible: shift.possible(),
            });
        }
    }
    if plan.name != shift.name {
        return Err(fixed("name"));
    }
    if plan.account != shift.plan.account {
        return Err(fixed("account"));
    }
    if groups != shift.groups {
        return Err(fixed("records"));
    }
    if plan.from != shift.plan.from || plan.to != shift.plan.to {
        return Err(fixed("sides"));
    }
    let other_steps = plan.ramp.steps != shift.plan.ramp.steps;
    let mut happened = vec![Happened::Revised { plan: Box::new(plan) }];
    // Whoever asked to go on to a step did not ask for another one in its place.
    if other_steps && matches!(shift.asked, Some(Asked::Advance { .. })) {
        happened.push(Happened::AdvanceDropped { because: "the plan has other steps now".to_owned() });
    }
    shift.after(happened, actor, reason, now).map(Some)
}

/// Why a verb is refused, before it is known by whom it was asked.
enum Refusal {
    NotNow(String),
    Held(Vec<String>),
}

impl Refusal {
    fn into_error(self, shift: &Shift, command: Command) -> TransitionError {
        let (name, verb) = (shift.name.clone(), command.verb());
        match self {
            Refusal::Held(sentences) => TransitionError::Held { shift: name, verb, sentences },
            Refusal::NotNow(because) => TransitionError::NotNow {
                shift: name,
                verb,
                phase: shift.phase.as_str(),
                because,
                possible: shift.possible(),
            },
        }
    }
}

fn not_now(because: &str) -> Refusal {
    Refusal::NotNow(because.to_owned())
}

impl Shift {
    /// The verbs that would be taken now.
    pub fn possible(&self) -> Vec<&'static str> {
        let taken = |command: &Command| self.asked_for(*command).is_ok();
        Command::ALL.into_iter().filter(taken).map(Command::verb).collect()
    }

    /// The state after these events, all at one instant and by one actor.
    pub fn after(
        &self,
        happened: Vec<Happened>,
        actor: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(Shift, Vec<Event>), TransitionError> {
        let draft = |what| Draft { at: now, what, actor: actor.clone(), reason: reason.clone() };
        extend(Some(self), &self.name, happened.into_iter().map(draft).collect())
    }

    fn asked_for(&self, command: Command) -> Result<Vec<Happened>, Refusal> {
        match command {
            Command::Start => self.start(),
            Command::Pause { freeze } => self.pause(freeze),
            Command::Resume => self.resume(),
            Command::Advance => self.advance(),
            Command::Approve => self.approve(),
            Command::StepBack => self.step_back(),
            Command::Revert => self.revert(),
            Command::Cancel => self.cancel(),
            Command::Retry => self.retry(),
            Command::Adopt => self.drifted().map(|()| vec![Happened::AdoptRequested {}]),
            Command::Reassert => self.drifted().map(|()| vec![Happened::ReassertRequested {}]),
            Command::Finalize => self.finalize(),
        }
    }

    fn start(&self) -> Result<Vec<Happened>, Refusal> {
        match self.phase {
            Phase::Scheduled => Ok(vec![Happened::Started {}]),
            Phase::Running { .. } => Err(not_now("it has started already")),
            Phase::Reverted { .. } => Err(not_now("`retry` starts it again from the first step")),
            Phase::Completed { .. } | Phase::Reverting { .. } | Phase::Cancelled { .. } => {
                Err(not_now("only a scheduled shift can be started"))
            }
        }
    }

    fn pause(&self, freeze: bool) -> Result<Vec<Happened>, Refusal> {
        match self.phase {
            Phase::Scheduled | Phase::Running { .. } => Ok(vec![Happened::Paused { freeze }]),
            Phase::Reverting { .. } => Err(not_now("a revert is not held up")),
            Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
                Err(not_now("nothing is moving"))
            }
        }
    }

    fn resume(&self) -> Result<Vec<Happened>, Refusal> {
        if self.holds.values().any(|hold| hold.until_resumed) {
            return Ok(vec![Happened::Resumed {}]);
        }
        Err(not_now("nothing holds it that a person could lift by resuming"))
    }

    fn advance(&self) -> Result<Vec<Happened>, Refusal> {
        let next = self.next_step().ok_or_else(|| not_now("it is not running"))?;
        if next >= self.plan.ramp.steps.len() {
            return Err(not_now("it is at its last step"));
        }
        if self.write.is_some() {
            return Err(not_now("a change is on its way to Route 53"));
        }
        if !self.holds.is_empty() {
            return Err(Refusal::Held(self.holds.values().map(|hold| hold.sentence.clone()).collect()));
        }
        if let Some(step) = self.plan.step(next)
            && step.approval.is_needed()
            && self.approved != Some(next)
        {
            return Err(not_now(&format!(
                "step {} ({}) needs somebody's approval first",
                next + 1,
                step.share
            )));
        }
        Ok(vec![Happened::AdvanceRequested {}])
    }

    fn approve(&self) -> Result<Vec<Happened>, Refusal> {
        let next = self.next_step().ok_or_else(|| not_now("it is not running"))?;
        match self.plan.step(next) {
            Some(step) if step.approval.is_needed() && self.approved != Some(next) => {
                Ok(vec![Happened::Approved { step: next }])
            }
            Some(_) | None => Err(not_now("the next step waits for nobody's approval")),
        }
    }

    fn step_back(&self) -> Result<Vec<Happened>, Refusal> {
        self.next_step().ok_or_else(|| not_now("it is not running"))?;
        let target = self
            .step_below()
            .ok_or_else(|| not_now("there is no step below; `revert` goes to the baseline"))?;
        let mut happened = vec![Happened::StepBackRequested { to: self.plan.ramp.steps[target].share }];
        happened.push(self.intend_step_back(target));
        Ok(happened)
    }

    fn revert(&self) -> Result<Vec<Happened>, Refusal> {
        let requested = Happened::RevertRequested {};
        match self.phase {
            Phase::Running { .. } | Phase::Completed { finalized: false, .. } if self.may_have_written() => {
                Ok(vec![requested, self.intend_revert()])
            }
            Phase::Reverting { .. } if self.write.is_some() => Ok(vec![requested]),
            Phase::Reverting { .. } => Ok(vec![requested, self.intend_revert()]),
            Phase::Scheduled | Phase::Running { .. } => {
                Err(not_now("it has written nothing yet; `cancel` or `pause` keeps it from starting"))
            }
            Phase::Reverted { .. } => Err(not_now("the records have their baseline weights")),
            Phase::Completed { .. } | Phase::Cancelled { .. } => {
                Err(not_now("its records were given up, and are not its own to change"))
            }
        }
    }

    fn cancel(&self) -> Result<Vec<Happened>, Refusal> {
        match self.phase {
            Phase::Scheduled | Phase::Running { .. } => Ok(self.giving_up(Happened::Cancelled {})),
            Phase::Reverting { .. } => {
                Err(not_now("let the revert end first; `finalize` then gives the records up"))
            }
            Phase::Completed { .. } | Phase::Reverted { .. } => {
                Err(not_now("it has ended; `finalize` gives the records up"))
            }
            Phase::Cancelled { .. } => Err(not_now("it is cancelled already")),
        }
    }

    fn finalize(&self) -> Result<Vec<Happened>, Refusal> {
        match self.phase {
            Phase::Completed { finalized: false, .. } | Phase::Reverted { finalized: false, .. } => {
                Ok(self.giving_up(Happened::Finalized {}))
            }
            Phase::Completed { .. } | Phase::Reverted { .. } => Err(not_now("it is finalized already")),
            Phase::Scheduled | Phase::Running { .. } | Phase::Reverting { .. } | Phase::Cancelled { .. } => {
                Err(not_now("only a completed or reverted shift can be finalized"))
            }
        }
    }

    fn retry(&self) -> Result<Vec<Happened>, Refusal> {
        match self.phase {
            Phase::Reverted { finalized: false, .. } => Ok(vec![Happened::Retried {}]),
            Phase::Reverted { .. } => {
                Err(not_now("its records were given up; apply the plan under another name"))
            }
            Phase::Scheduled
            | Phase::Running { .. }
            | Phase::Completed { .. }
            | Phase::Reverting { .. }
            | Phase::Cancelled { .. } => Err(not_now("only a reverted shift can be tried again")),
        }
    }

    fn drifted(&self) -> Result<(), Refusal> {
        self.next_step().ok_or_else(|| not_now("it is not running"))?;
        if !self.holds.contains_key(&Cause::Drift) {
            return Err(not_now("the zone is as the shift left it"));
        }
        match self.asked {
            None => Ok(()),
            Some(Asked::Advance { .. } | Asked::Adopt { .. } | Asked::Reassert { .. }) => {
                Err(not_now("an earlier request is being followed"))
            }
        }
    }

    fn giving_up(&self, happened: Happened) -> Vec<Happened> {
        let mut all = vec![happened];
        if self.may_have_written() {
            all.push(self.intend_release());
        }
        all
    }

    /// The highest step that lies below what was last applied or meant, whichever is higher.
    pub(crate) fn step_below(&self) -> Option<usize> {
        let present = self.wanted.max(self.landed);
        first_above(&self.plan, present).checked_sub(1).and_then(|at_or_below| {
            let below = |index: &usize| self.plan.ramp.steps[*index].share < present;
            (0..=at_or_below).rev().find(below)
        })
    }

    pub(crate) fn intend_revert(&self) -> Happened {
        let weights = self.baseline_weights();
        self.intend(Purpose::Revert, self.share_of(&weights).unwrap_or(Share::ZERO), weights)
    }

    pub(crate) fn intend_step_back(&self, index: usize) -> Happened {
        let share = self.plan.ramp.steps[index].share;
        // A group that the step above has not reached stays where it is.
        let aimed = self.weights_for(share);
        let weights = self.no_higher(aimed.clone(), &self.set_weights());
        // Where all of them stay, nothing is at the step's share.
        let stay = weights.iter().all(|(group, members)| aimed.get(group) != Some(members));
        let highest = self.share_of(&weights).filter(|_| stay);
        self.intend(Purpose::StepBack { index }, highest.map_or(share, |highest| highest.min(share)), weights)
    }

    /// These weights, but for groups that are at a lower share: they stay where they are.
    pub(crate) fn no_higher(&self, mut weights: GroupWeights, present: &GroupWeights) -> GroupWeights {
        for (group, wanted) in &mut weights {
            let Some(found) = present.get(group).filter(|found| self.would_rise(found, wanted)) else {
                continue;
            };
            wanted.clone_from(found);
        }
        weights
    }

    /// Whether these weights would give the `to` side more of a group. Members that they do not name keep theirs. A group
    /// without any weight answers with all its members alike, which is no share.
    pub(crate) fn would_rise(
        &self,
        present: &BTreeMap<String, Weight>,
        wanted: &BTreeMap<String, Weight>,
    ) -> bool {
        let mut after = present.clone();
        after.extend(wanted.clone());
        let share = |members| crate::weights::share_of(members, &self.plan.to);
        share(present).is_some() && share(present) < share(&after)
    }

    pub(crate) fn intend_release(&self) -> Happened {
        self.intend(Purpose::Release, self.landed, GroupWeights::new())
    }

    pub(crate) fn intend(&self, purpose: Purpose, share: Share, weights: GroupWeights) -> Happened {
        Happened::Intended { generation: self.generation + 1, purpose, share, weights, gates: Vec::new() }
    }
}
