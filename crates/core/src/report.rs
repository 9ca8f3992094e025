//! Where a shift stands, in one sentence: what it does, why, and what happens next and when.
//!
//! The command line, the API and the dashboard show the same sentence, and it is made here.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Share,
    event::Happened,
    gate::{self, GateReport, Tail, Verdict},
    shift::{Cause, Hold, Phase, Purpose, Shift, Stage},
};

/// What the last look at a shift showed, beyond what is remembered. A cache: the next look makes it anew.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub gates: Vec<GateReport>,
    /// The share of requests that reached the `to` side lately.
    pub observed: Option<Share>,
    pub next: Option<Next>,
    /// What the side that the traffic has left still gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
}

/// What happens next, and when at the earliest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Next {
    /// `None` where it waits for something that has no time.
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    pub what: String,
}

/// One sentence on the state, one on why, one on what follows.
pub fn headline(shift: &Shift, report: Option<&Report>, now: Timestamp) -> String {
    let mut sentence = state(shift, now);
    if let Some(hold) = foremost(shift) {
        sentence.push_str(&format!(" Held by {} since {}: {}.", hold.by, short(hold.since), hold.sentence));
        if let Some(reason) = &hold.reason {
            sentence.push_str(&format!(" Reason given: {reason}."));
        }
    }
    if let Some(gate) =
        report.and_then(|report| report.gates.iter().max_by_key(|gate| (!gate.observe_only, gate.verdict)))
        && shift.next_step().is_some()
        && (shift.moved_at.is_some() || gate.verdict != Verdict::Pass)
    {
        sentence.push_str(&format!(" Gate {}: {}.", gate.name, gate.sentence));
    }
    if let Some(tail) = tail(shift, report) {
        sentence.push(' ');
        sentence.push_str(&tail.sentence);
    }
    sentence.push(' ');
    sentence.push_str(&outlook(shift, report));
    sentence
}

/// The tail that was last seen, if it is of the side that the traffic has left by now.
pub fn tail<'a>(shift: &Shift, report: Option<&'a Report>) -> Option<&'a Tail> {
    let losing = gate::losing(shift)?;
    report?.tail.as_ref().filter(|tail| tail.side == losing.side)
}

fn state(shift: &Shift, now: Timestamp) -> String {
    match &shift.phase {
        Phase::Scheduled => "Scheduled; nothing has been written.".to_owned(),
        Phase::Running { .. } => running(shift, now),
        Phase::Completed { at, finalized } => {
            format!("Completed at {} on {}{}.", short(*at), shift.landed, owned(shift, *finalized))
        }
        Phase::Reverting { since } => {
            format!("Reverting to the baseline weights since {}.", short(*since))
        }
        Phase::Reverted { at, finalized } => {
            let owned = owned(shift, *finalized);
            format!("Reverted at {}: the records have their baseline weights{owned}.", short(*at))
        }
        Phase::Cancelled { at } => {
            let fenced = if shift.holds_records() { "; their fence still stands" } else { "" };
            format!(
                "Cancelled at {}: the records were left as they are, on {}{fenced}.",
                short(*at),
                shift.landed
            )
        }
    }
}

fn owned(shift: &Shift, finalized: bool) -> &'static str {
    match (finalized, shift.holds_records()) {
        (false, _) => "",
        (true, true) => "; the records are being given up, and their fence still stands",
        (true, false) => "; the records are given up",
    }
}

fn running(shift: &Shift, now: Timestamp) -> String {
    let steps = shift.plan.ramp.steps.len();
    let step = shift.step_index() + 1;
    match (shift.stage(now), &shift.write) {
        (Stage::Waiting, _) => format!("Waiting before step 1 of {steps}; nothing has been moved."),
        (Stage::Applying, Some(write)) => match write.purpose {
            Purpose::Step { .. } | Purpose::StepBack { .. } => {
                format!("Going to {} (step {step} of {steps}): the weights are being written.", write.share)
            }
            Purpose::Adopt => format!("Adopting the zone's weights, {}.", write.share),
            Purpose::Reassert => format!("Writing the weights of {} again.", write.share),
            Purpose::Stay | Purpose::Revert | Purpose::Release => {
                format!("At {}: the fence is being renewed.", write.share)
            }
        },
        (Stage::Propagating, _) => {
            format!("At {} (step {step} of {steps}): waiting for all name servers of Route 53.", shift.wanted)
        }
        (Stage::Settling, _) => format!(
            "At {} (step {step} of {steps}): resolvers may still answer with the old weights until {}.",
            shift.wanted,
            shift.settled_at.map_or_else(String::new, short)
        ),
        (Stage::Observing | Stage::Applying, _) => {
            format!(
                "Observing {} (step {step} of {steps}) since {}.",
                shift.wanted,
                shift.settled_at.map_or_else(String::new, short)
            )
        }
    }
}

/// The hold that a person should read first: a person's own, then whatever only a person can end.
pub fn foremost(shift: &Shift) -> Option<&Hold> {
    let urgency = |hold: &&Hold| match hold.cause {
        Cause::Drift => 0,
        Cause::Fault => 1,
        Cause::Operator => 2,
        Cause::Gate => 3,
        Cause::NoData => 4,
        Cause::Approval => 5,
        Cause::Calendar => 6,
        Cause::Dependency => 7,
    };
    shift.holds.values().min_by_key(urgency)
}

fn outlook(shift: &Shift, report: Option<&Report>) -> String {
    if shift.is_given_up() {
        return giving_up(shift);
    }
    // The report is from the last look, and may be from another phase.
    let next = report.and_then(|report| report.next.as_ref()).filter(|_| shift.next_step().is_some());
    if let Some(hold) = foremost(shift) {
        let reverting = matches!(shift.phase, Phase::Reverting { .. });
        return match hold.cause {
            Cause::Drift if reverting => "`revert` writes the baseline weights once more.".to_owned(),
            Cause::Drift => {
                "Nothing is written until somebody decides: `adopt` takes the zone's weights, `reassert` writes ours."
                    .to_owned()
            }
            _ if hold.until_resumed => "It stays there until `resume`.".to_owned(),
            Cause::Approval => "It goes on after `approve`.".to_owned(),
            Cause::Calendar | Cause::Dependency if next.is_some() => next.map(upcoming).unwrap_or_default(),
            Cause::Operator
            | Cause::Gate
            | Cause::Fault
            | Cause::NoData
            | Cause::Calendar
            | Cause::Dependency => "It goes on by itself when that ends.".to_owned(),
        };
    }
    match next {
        Some(next) => upcoming(next),
        None => match shift.phase {
            Phase::Scheduled => match shift.plan.start() {
                Some(start) => format!("It begins with `start`, or by itself at {}.", short(start)),
                None => "It begins with `start`.".to_owned(),
            },
            Phase::Completed { finalized: false, .. } => {
                "`revert` still works; `finalize` gives the records up.".to_owned()
            }
            Phase::Reverted { finalized: false, .. } => {
                "Nothing restarts by itself: `retry` begins again, `finalize` gives the records up."
                    .to_owned()
            }
            Phase::Running { .. } | Phase::Reverting { .. } => "It goes on by itself.".to_owned(),
            Phase::Completed { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => {
                "Nothing follows.".to_owned()
            }
        },
    }
}

/// What happened, for somebody who looks on; `None` for what only the daemon needs to remember.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is told is listed; the rest is inner life")]
pub fn told(what: &Happened) -> Option<String> {
    Some(match what {
        Happened::Created { .. } => "created".to_owned(),
        Happened::Started {} => "started".to_owned(),
        Happened::Intended { share, weights, .. } => {
            let sets = weights.values().next().into_iter().flatten();
            let weights: Vec<String> = sets.map(|(id, weight)| format!("{id} {weight}")).collect();
            format!("going to {share}: {}", weights.join(", "))
        }
        Happened::AdvanceRequested {} => "the next step was asked for".to_owned(),
        Happened::Approved { step } => format!("step {} was approved", step + 1),
        Happened::AdvanceDropped { because } => format!("what was asked for was not done: {because}"),
        Happened::WriteDropped { because, .. } => format!("not written after all: {because}"),
        Happened::Confirmed { .. } => "in sync, and read back as written".to_owned(),
        Happened::GateFailed { gate, .. } => format!("gate {} failed: {}", gate.name, gate.sentence),
        Happened::ApprovalExpired { sentence, .. } => sentence.clone(),
        Happened::HoldBegan { hold } => format!("held: {}", hold.sentence),
        Happened::HoldEnded { hold } => format!("no longer held: {}", hold.sentence),
        Happened::Paused { .. } => "paused".to_owned(),
        Happened::Resumed {} => "resumed".to_owned(),
        Happened::RevertRequested {} => "a revert was asked for".to_owned(),
        Happened::StepBackRequested { to } => format!("stepping back to {to}"),
        Happened::AdoptRequested {} => "the zone's weights are to be adopted".to_owned(),
        Happened::ReassertRequested {} => "the shift's weights are to be written again".to_owned(),
        Happened::Completed {} => "completed".to_owned(),
        Happened::Reverted {} => "reverted: the records have their baseline weights".to_owned(),
        Happened::Cancelled {} => "cancelled".to_owned(),
        Happened::Retried {} => "to begin again from the first step".to_owned(),
        Happened::Finalized {} => "the records are given up".to_owned(),
        _ => return None,
    })
}

/// What is left to be done after `cancel` and `finalize` is the fence's removal.
fn giving_up(shift: &Shift) -> String {
    if !shift.holds_records() {
        "Nothing follows.".to_owned()
    } else if shift.is_frozen() {
        "The fence stands, and the records belong to this shift, until `resume`: nothing is written while it is frozen."
            .to_owned()
    } else if shift.holds.values().any(|hold| hold.until_resumed) {
        "The fence stands, and the records belong to this shift, until it can be removed: `resume` tries again."
            .to_owned()
    } else if let Some(at) = shift.arrived_by() {
        format!(
            "The fence is removed at {} at the earliest: until then it refuses a write that has had no answer.",
            short(at)
        )
    } else {
        "The fence is removed next.".to_owned()
    }
}

fn upcoming(next: &Next) -> String {
    match next.at {
        Some(at) => format!("Next: {}, at {} at the earliest.", next.what, short(at)),
        None => format!("Next: {}.", next.what),
    }
}

/// To the second: nobody plans a cutover by the millisecond.
fn short(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
