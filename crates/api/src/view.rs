//! From the core's state to the API's JSON.

use crossfade_core::{
    Share,
    batch::GroupWeights,
    gate,
    report::{Report, headline, tail},
    shift::{Phase, Shift},
};
use jiff::Timestamp;

use crate::types;

/// A shift that somebody looks at by itself, with what its gates can see, which takes longer to say than all the rest.
pub(crate) fn one(shift: &Shift, report: Option<&Report>, now: Timestamp) -> types::Shift {
    let sensitivity = report.map(|report| gate::of_shift(shift, report)).unwrap_or_default();
    types::Shift { sensitivity, ..self::shift(shift, report, now) }
}

/// A shift as it is shown. The report is what the engine last saw; without one, what depends on it is unknown.
pub(crate) fn shift(shift: &Shift, report: Option<&Report>, now: Timestamp) -> types::Shift {
    let plan = &shift.plan;
    types::Shift {
        name: shift.name.clone(),
        headline: headline(shift, report, now),
        phase: shift.phase.as_str().to_owned(),
        version: shift.version,
        revision: shift.revision,
        step: step(shift, now),
        steps: plan.ramp.steps.len(),
        share: types::Shares {
            wanted: wanted(shift),
            set: shift.share_of(&shift.set_weights()),
            observed: report.and_then(|report| report.observed),
        },
        weights: groups(shift.set_weights()),
        baseline: groups(shift.baseline_weights()),
        holds: shift.holds.values().cloned().collect(),
        gates: report.map(|report| report.gates.clone()).unwrap_or_default(),
        next: report.and_then(|report| report.next.clone()),
        tail: tail(shift, report).cloned(),
        sensitivity: Vec::new(),
        possible: shift.possible().into_iter().map(str::to_owned).collect(),
        created_at: shift.created_at,
        labels: plan.labels.clone(),
        owner: Some(plan.owner.clone()).filter(|owner| !owner.is_empty()),
        runbook: plan.runbook.clone(),
        plan: plan.clone(),
    }
}

fn step(shift: &Shift, now: Timestamp) -> types::Step {
    let index = match shift.phase {
        Phase::Scheduled | Phase::Running { .. } | Phase::Completed { .. } => Some(shift.step_index()),
        Phase::Reverting { .. } | Phase::Reverted { .. } | Phase::Cancelled { .. } => None,
    };
    let share = index.and_then(|index| shift.plan.step(index)).map(|step| step.share);
    types::Step { index, share, stage: shift.stage(now) }
}

/// Nothing is wanted before the first write and after the records were given up.
fn wanted(shift: &Shift) -> Option<Share> {
    (shift.may_have_written() && shift.holds_records()).then_some(shift.wanted)
}

fn groups(weights: GroupWeights) -> Vec<types::Group> {
    weights
        .into_iter()
        .map(|(group, weights)| types::Group {
            zone: group.zone,
            name: group.name,
            record_type: group.record_type,
            weights,
        })
        .collect()
}
