//! What a batch does to a zone: I1 to I5, and I16.

use super::{Landed, World};
use crate::{
    RecordSet,
    batch::{members, weights_of},
    event::Happened,
    fence,
    shift::{Phase, Purpose},
};

/// Over what landed. Somebody else may delete a member or set all weights to zero; a write of ours may not, and must
/// not leave it like that. Whoever gives records up writes fences, and leaves the records as they were found.
pub(super) fn i1(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed.iter().filter(|landed| !landed.shift.is_given_up()) {
        for group in landed.shift.groups.iter().filter(|group| group.zone == landed.batch.zone) {
            let after = weights_of(&landed.after, group);
            if after.values().all(|weight| weight.0 == 0) {
                return Err(format!("write {} left {group} with {after:?}", landed.generation));
            }
            let lost = members(&landed.before, group)
                .find(|set| !after.contains_key(set.set_identifier().unwrap_or_default()));
            if let Some(lost) = lost {
                return Err(format!(
                    "write {} took {:?} out of {group}",
                    landed.generation,
                    lost.set_identifier()
                ));
            }
        }
    }
    Ok(())
}

/// Only a revert creates what is not there, and creates it as the baseline has it.
pub(super) fn i2(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        let (before, after) = (traffic(landed, &landed.before), traffic(landed, &landed.after));
        let twin = |sets: &[&RecordSet], set: &RecordSet| {
            sets.iter().find(|other| same_key(other, set)).map(|other| shape(other))
        };
        for set in &after {
            let was = twin(&before, set).or_else(|| {
                let baseline = landed.shift.baseline.as_ref()?.get(&landed.batch.zone)?;
                let reverts = landed.purpose() == Some(Purpose::Revert);
                twin(&baseline.iter().filter(|_| reverts).collect::<Vec<_>>(), set)
            });
            if was != Some(shape(set)) {
                return Err(format!("write {} made {set:?} of {was:?}", landed.generation));
            }
        }
        if let Some(set) = before.iter().find(|set| twin(&after, set).is_none()) {
            return Err(format!("write {} deleted {set:?}", landed.generation));
        }
    }
    Ok(())
}

/// The product has no floor for the legacy side: a plan may go to 100 %. What it keeps instead is the way back, and
/// that is in the fence until `finalize` or `cancel`.
pub(super) fn i3(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        if !landed.fences().any(|(before, after)| before.is_some() && after.is_none()) {
            continue;
        }
        let given_up = match landed.shift.phase {
            Phase::Cancelled { .. } => true,
            Phase::Completed { finalized, .. } | Phase::Reverted { finalized, .. } => finalized,
            Phase::Scheduled | Phase::Running { .. } | Phase::Reverting { .. } => false,
        };
        if !given_up {
            return Err(format!(
                "write {} removed a fence, and nobody had given the records up",
                landed.generation
            ));
        }
    }
    for commit in world.commits {
        let taken = commit.events.iter().any(|event| matches!(event.what, Happened::BaselineTaken { .. }));
        if taken && commit.before.baseline.is_some() {
            return Err("the baseline was taken a second time".to_owned());
        }
    }
    Ok(())
}

/// A revert's last resort compares nothing, and so may land late; it leads to the baseline only.
pub(super) fn i4(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed.iter().filter(|landed| !landed.overwrites()) {
        for (before, after) in landed.fences() {
            if let (Some(before), Some(after)) = (&before, &after)
                && before.owner == after.owner
                && before.shift == after.shift
                && before.generation >= after.generation
            {
                return Err(format!("write {} landed after write {}", after.generation, before.generation));
            }
        }
        for name in landed.shift.names(&landed.batch.zone) {
            let Some(stood) = fence::find(&landed.before, &name) else { continue };
            if !landed.batch.changes.iter().any(|change| change.set == *stood) {
                return Err(format!(
                    "write {} landed over a fence that it did not name: {:?}",
                    landed.generation, stood.values
                ));
            }
        }
    }
    Ok(())
}

/// What a revert leads to is what is there, and a release leads to no traffic. A step back made after somebody deleted the
/// fence compares the records alone; it lowers the share whenever it lands.
pub(super) fn i5(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        let down = match landed.purpose() {
            Some(Purpose::Revert | Purpose::Release) => true,
            Some(Purpose::StepBack { .. }) => !landed.batch.replaces_a_fence(),
            Some(Purpose::Step { .. } | Purpose::Adopt | Purpose::Reassert | Purpose::Stay) | None => false,
        };
        if let Some(over) = landed.over.filter(|_| !down) {
            return Err(format!(
                "write {} of shift {} landed although it was {over}",
                landed.generation, landed.shift.name
            ));
        }
    }
    Ok(())
}

pub(super) fn i16(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        let zone = &landed.batch.zone;
        let groups = || landed.shift.groups.iter().filter(|group| group.zone == *zone);
        for change in &landed.batch.changes {
            let set = &change.set;
            let is_member =
                groups().any(|group| group.name == set.name && group.record_type.as_str() == set.record_type);
            let is_fence = set.record_type == "TXT" && groups().any(|group| group.name.fence() == set.name);
            if !is_member && !is_fence {
                return Err(format!(
                    "write {} touched {} {} in {zone}",
                    landed.generation, set.name, set.record_type
                ));
            }
            let named =
                |id: &str| landed.shift.plan.from.contains_key(id) || landed.shift.plan.to.contains_key(id);
            if let Some(id) = set.set_identifier().filter(|id| !named(id))
                && let Some(before) = landed.before.iter().find(|before| same_key(before, set))
                && before != set
            {
                return Err(format!(
                    "write {} changed {id:?}, which the plan does not name",
                    landed.generation
                ));
            }
        }
    }
    Ok(())
}

/// The record sets that answer, not the fences.
fn traffic<'a>(landed: &Landed, sets: &'a [RecordSet]) -> Vec<&'a RecordSet> {
    let names = landed.shift.names(&landed.batch.zone);
    sets.iter().filter(|set| names.contains(&set.name)).collect()
}

fn same_key(a: &RecordSet, b: &RecordSet) -> bool {
    a.name == b.name && a.record_type == b.record_type && a.set_identifier() == b.set_identifier()
}

/// A record set without its weight.
fn shape(set: &RecordSet) -> RecordSet {
    set.with_weight(crate::Weight(0)).unwrap_or_else(|| set.clone())
}
