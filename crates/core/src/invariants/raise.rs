//! What it takes to go up: I6, I7, I10, I11, and I15. `evidence` has what gates pass on.

use jiff::SignedDuration;

use super::{Commit, Landed, World, evidence::flows, is_person, seconds};
use crate::{
    GroupKey,
    batch::{members, weights_of},
    event::Happened,
    fence::{self, Fence},
    gate::Verdict,
    plan::Step,
    shift::{Asked, Cause, Purpose, Shift, Write, ZoneStage},
    weights::share_of,
};

/// How long a daemon may go on without having heard of a pause: the time for which it trusts its lease.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// What was sent before somebody paused may land after it; nothing more is sent.
pub(super) fn i6(world: &World<'_>) -> Result<(), String> {
    for (index, step) in world.steps() {
        let holds: Vec<&str> = step.commit.before.holds.values().map(|hold| hold.code.as_str()).collect();
        if !holds.is_empty() {
            return Err(format!("step {} was intended while held: {}", index + 1, holds.join(", ")));
        }
    }
    for sent in world.sent {
        let Some(write) = &sent.shift.write else { continue };
        if sent.shift.is_frozen() {
            return Err(format!("write {} was sent while frozen", sent.generation));
        }
        // A step that has landed in one zone is finished in the others: halves are worse than either.
        if write.zones.values().any(|zone| zone.stage != ZoneStage::Intended) {
            continue;
        }
        let paused = sent.shift.holds.get(&Cause::Operator);
        // Whoever pauses first, and asks then, means it.
        if write.purpose == Purpose::Reassert && paused.is_some_and(|hold| hold.since > write.since) {
            return Err(format!("write {} was sent after a pause", sent.generation));
        }
        if !matches!(write.purpose, Purpose::Step { .. }) {
            continue;
        }
        if paused.is_some() {
            return Err(format!("step {} was sent while paused", write.share));
        }
        if let Some(paused) =
            sent.paused_since.filter(|paused| sent.at.duration_since(*paused) > HEARD_WITHIN)
        {
            let late = seconds(sent.at.duration_since(paused));
            return Err(format!("step {} was sent {late:.1} s after a pause", write.share));
        }
    }
    Ok(())
}

/// A person's `advance` waives what the gates cannot say yet, not what they say.
pub(super) fn i7(world: &World<'_>) -> Result<(), String> {
    for (index, step) in world.steps() {
        let before = &step.commit.before;
        let waived = matches!(before.asked, Some(Asked::Advance { .. }));
        let enough = |verdict| verdict == Verdict::Pass || (waived && verdict == Verdict::Wait);
        let planned = before.plan.gates.iter().map(|gate| (&gate.name, gate.observe_only));
        let judged = step.gates.iter().map(|gate| (&gate.name, gate.observe_only));
        if !planned.eq(judged) || !step.gates.iter().all(|gate| gate.observe_only || enough(gate.verdict)) {
            let said: Vec<String> =
                step.gates.iter().map(|gate| format!("{} {:?}", gate.name, gate.verdict)).collect();
            return Err(format!("step {} was intended on [{}]", index + 1, said.join(", ")));
        }
        if before.plan.step(index).is_none_or(|planned| planned.share != step.share) {
            return Err(format!("step {} leads to {}, which is not the plan's", index + 1, step.share));
        }
    }
    for intended in world.intents() {
        let person = match (&intended.commit.before.asked, intended.purpose) {
            (Some(Asked::Adopt { by }), Purpose::Adopt)
            | (Some(Asked::Reassert { by }), Purpose::Reassert) => {
                is_person(&crate::event::Actor(by.clone()))
            }
            // The same write with a higher number, because a fence shows one that was forgotten.
            (_, Purpose::Adopt | Purpose::Reassert) => {
                let open = intended.commit.before.write.as_ref();
                open.is_some_and(|write| write.purpose == intended.purpose)
            }
            (
                _,
                Purpose::Step { .. }
                | Purpose::StepBack { .. }
                | Purpose::Revert
                | Purpose::Stay
                | Purpose::Release,
            ) => true,
        };
        if !person {
            return Err(format!(
                "write {} takes or overwrites a zone, and nobody asked for it",
                intended.generation
            ));
        }
    }
    for sent in world.sent {
        let Some(Write { purpose: Purpose::Step { index }, share, zones, .. }) = &sent.shift.write else {
            continue;
        };
        let begun = zones.values().any(|zone| zone.stage != ZoneStage::Intended);
        if !begun && sent.shift.plan.step(*index).is_none_or(|planned| planned.share != *share) {
            return Err(format!("step {} was sent to {share}, which is no longer the plan's", index + 1));
        }
    }
    for landed in world.landed {
        let turns = |group: &GroupKey| weights_of(&landed.before, group) != weights_of(&landed.after, group);
        if landed.purpose() == Some(Purpose::Adopt) && landed.shift.groups.iter().any(turns) {
            return Err(format!("write {} adopts, and changed weights", landed.generation));
        }
        let rises = rises(landed);
        if rises && matches!(landed.purpose(), Some(Purpose::StepBack { .. } | Purpose::Stay)) {
            return Err(format!("write {} is to go down, and went up", landed.generation));
        }
        if rises && !landed.saved && landed.purpose() != Some(Purpose::Revert) {
            return Err(format!("write {} went up before it was written down", landed.generation));
        }
    }
    Ok(())
}

pub(super) fn i10(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed.iter().filter(|landed| matches!(landed.purpose(), Some(Purpose::Step { .. })))
    {
        let before = weights(&landed.shift, &landed.before, &landed.batch.zone);
        let after = weights(&landed.shift, &landed.after, &landed.batch.zone);
        let share = |members| share_of(members, &landed.shift.plan.to);
        if let Some((group, _)) =
            after.iter().find(|(group, members)| share(members) < before.get(group).and_then(share))
        {
            return Err(format!("step {} lowered {group}", landed.generation));
        }
    }
    for (index, step) in world.steps() {
        let before = &step.commit.before;
        if before.next_step() != Some(index) {
            return Err(format!("step {} was intended, and {:?} was next", index + 1, before.next_step()));
        }
        // The first step leads away from the baseline, which may be the step's own share.
        if index > 0 && step.share <= before.landed {
            return Err(format!("step {} to {} was intended at {}", index + 1, step.share, before.landed));
        }
        let below = before.plan.ramp.steps.get(..index).unwrap_or_default();
        // A share read from a zone may be a step's own, rounded.
        let skips = |step: &&Step| step.share.percent() - before.landed.percent() > 0.5;
        if let Some(skipped) = below.iter().find(skips).filter(|_| before.has_written()) {
            return Err(format!(
                "step {} was intended at {}, past {}",
                index + 1,
                before.landed,
                skipped.share
            ));
        }
    }
    Ok(())
}

/// By the clock of the daemon that decided; how wrong it may be is the gate's matter, which misses datapoints then.
pub(super) fn i11(world: &World<'_>) -> Result<(), String> {
    for commit in world.commits {
        let before = &commit.before;
        let Some(next) = before.next_step() else { continue };
        for event in &commit.events {
            let goes_on = matches!(
                event.what,
                Happened::Completed {} | Happened::Intended { purpose: Purpose::Step { .. }, .. }
            );
            if !goes_on || (before.moved_at.is_none() && !flows(before)) {
                continue;
            }
            let Some(settled) = before.settled_at else {
                return Err(format!("it went on from {} before it had settled", before.landed));
            };
            let hold = if next >= before.plan.ramp.steps.len() {
                before.plan.bake()
            } else {
                next.checked_sub(1).map_or(SignedDuration::ZERO, |present| before.plan.hold(present))
            };
            let waived = matches!(before.asked, Some(Asked::Advance { .. }));
            let due = if waived { settled } else { settled + hold };
            if event.at < due {
                let early = seconds(due.duration_since(event.at));
                return Err(format!("it went on from {} {early:.0} s too early", before.landed));
            }
        }
        settled_late_enough(commit)?;
    }
    Ok(())
}

pub(super) fn i15(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        if !matches!(landed.purpose(), Some(Purpose::Step { .. } | Purpose::Stay)) {
            continue;
        }
        // The fence alone, put there before the records are given up as they are.
        if landed.batch.changes.iter().all(|change| change.set.record_type == "TXT") {
            continue;
        }
        let Some(known) = landed.shift.known.get(&landed.batch.zone) else {
            return Err(format!("step {} landed on a zone that nobody had looked at", landed.generation));
        };
        for group in landed.shift.groups.iter().filter(|group| group.zone == landed.batch.zone) {
            let sorted = |sets| {
                let mut sets: Vec<_> = members(sets, group).collect();
                sets.sort_by_key(|set| set.set_identifier());
                sets
            };
            if sorted(&landed.before) != sorted(&known.sets) {
                return Err(format!(
                    "write {} landed on an edit of {group} by somebody else",
                    landed.generation
                ));
            }
        }
        for name in landed.shift.names(&landed.batch.zone) {
            let found =
                fence::find(&landed.before, &name).and_then(Fence::decode).map(|fence| fence.generation);
            if found != known.generation {
                let (number, left) = (landed.generation, known.generation);
                return Err(format!("write {number} landed on fence {found:?} instead of {left:?}"));
            }
        }
    }
    Ok(())
}

fn settled_late_enough(commit: &Commit) -> Result<(), String> {
    let Some(write) = &commit.before.write else { return Ok(()) };
    for event in &commit.events {
        let Happened::Confirmed { settled_at, sets, .. } = &event.what else { continue };
        let in_sync = write.zones.values().filter_map(|zone| match zone.stage {
            ZoneStage::InSync { at } => Some(at),
            ZoneStage::Intended | ZoneStage::Accepted { .. } => None,
        });
        let ttl = sets.values().flatten().map(crate::RecordSet::cached_seconds).max().unwrap_or(0);
        let cached = SignedDuration::from_secs(i64::from(ttl)) + commit.before.plan.settle_margin.0;
        let due = in_sync.max().map(|at| at + cached);
        if due.is_none_or(|due| *settled_at < due) {
            return Err(format!(
                "write {} is said to settle at {settled_at}, and may not before {due:?}",
                write.generation
            ));
        }
    }
    Ok(())
}

/// Whether a batch has raised a group. One without any weight answered with all its members alike before.
fn rises(landed: &Landed) -> bool {
    let before = weights(&landed.shift, &landed.before, &landed.batch.zone);
    let after = weights(&landed.shift, &landed.after, &landed.batch.zone);
    let share = |members| share_of(members, &landed.shift.plan.to);
    after.iter().any(|(group, members)| {
        let before = before.get(group).and_then(share);
        before.is_some() && before < share(members)
    })
}

fn weights(shift: &Shift, sets: &[crate::RecordSet], zone: &crate::ZoneId) -> crate::batch::GroupWeights {
    let groups = shift.groups.iter().filter(|group| group.zone == *zone);
    groups.map(|group| (group.clone(), weights_of(sets, group))).collect()
}
