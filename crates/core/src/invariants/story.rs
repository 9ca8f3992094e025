//! Who wrote, what is remembered of it, and whether it ends: I13, I14, I17 to I20.

use super::{Commit, World, evidence::failed_for_a_reason};
use crate::{
    RecordSet, ZoneId,
    chain::{self, Head, Row},
    event::{Happened, Hash},
    fence::{self, Fence},
    shift::{Purpose, ZoneStage},
};

/// The shift has room for one open write; a newer intent takes its place, and its number keeps the older from landing.
pub(super) fn i13(world: &World<'_>) -> Result<(), String> {
    for intended in world.intents() {
        let before = intended.commit.before.generation;
        if intended.generation <= before {
            return Err(format!("write {} was intended after write {before}", intended.generation));
        }
    }
    match &world.shift.write {
        Some(write) if write.generation > world.shift.generation => {
            Err(format!("write {} is open, and the newest is {}", write.generation, world.shift.generation))
        }
        Some(_) | None => Ok(()),
    }
}

/// And at rest, what was confirmed is what is there.
pub(super) fn i14(world: &World<'_>) -> Result<(), String> {
    for commit in world.commits {
        let before = &commit.before;
        for event in &commit.events {
            if let Happened::Confirmed { generation, sets, .. } = &event.what {
                let what = format!("write {generation} was confirmed");
                let is_so = |zone: &ZoneId, listed: &[RecordSet]| {
                    sets.get(zone) == Some(&before.own_sets(zone, listed))
                };
                read_back(commit, &what, is_so)?;
            }
            if let Happened::Released {} = &event.what {
                let is_ours = |fence: Fence| fence.owner == world.owner && fence.shift == before.name;
                let is_gone = |zone: &ZoneId, listed: &[RecordSet]| {
                    let names = before.names(zone);
                    let mut fences =
                        names.iter().filter_map(|name| Fence::decode(fence::find(listed, name)?));
                    !fences.any(is_ours)
                };
                read_back(commit, "the fence was called removed", is_gone)?;
            }
        }
    }
    if world.at_rest && world.shift.write.is_none() && world.shift.has_written() {
        for (zone, known) in &world.shift.known {
            let found =
                world.zones.get(zone).map(|sets| world.shift.own_sets(zone, sets)).unwrap_or_default();
            if found != known.sets {
                return Err(format!("{zone} is remembered with {:?} and has {found:?}", known.sets));
            }
        }
    }
    Ok(())
}

/// Whether every zone of the open write was in sync, and then showed what it should.
fn read_back(
    commit: &Commit,
    what: &str,
    is_so: impl Fn(&ZoneId, &[RecordSet]) -> bool,
) -> Result<(), String> {
    for (zone, progress) in commit.before.write.iter().flat_map(|write| &write.zones) {
        let ZoneStage::InSync { at } = progress.stage else {
            return Err(format!("{what} before {zone} was in sync"));
        };
        let read = commit.reads.get(zone).filter(|read| read.at >= at);
        let listed = read.and_then(|read| read.listed.as_ref().ok());
        if !listed.is_some_and(|listed| is_so(zone, listed)) {
            return Err(format!("{what}, and {zone} was not read back so"));
        }
    }
    Ok(())
}

/// Going down may be done by a daemon that has lost its lease: it is refused or it helps.
pub(super) fn i17(world: &World<'_>) -> Result<(), String> {
    if world.writers > 1 {
        return Err(format!("{} daemons take themselves for the writer", world.writers));
    }
    for landed in world.landed {
        let down = matches!(landed.purpose(), Some(Purpose::Revert | Purpose::StepBack { .. }));
        for (before, after) in landed.fences() {
            if let (Some(before), Some(after)) = (before, after)
                && before.owner == after.owner
                && before.epoch > after.epoch
                && !down
            {
                let (earlier, later) = (after.epoch, before.epoch);
                return Err(format!(
                    "write {} of daemon {earlier} landed after daemon {later}",
                    landed.generation
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn i18(world: &World<'_>) -> Result<(), String> {
    failed_for_a_reason(world)?;
    for landed in world.landed {
        let Some(intended) = landed.intent.as_ref().and_then(|intent| intent.intended()) else {
            return Err(format!("write {} landed, and nobody had intended it", landed.generation));
        };
        if intended.event.actor.0.is_empty() {
            return Err(format!("write {} has no actor", landed.generation));
        }
    }
    let before = world.checked.checked_sub(1).and_then(|place| world.history.get(place));
    let hash = before.map_or_else(Hash::default, |event| event.hash.clone());
    let head = Head { version: world.checked as u64, hash };
    let unchecked = world.history.iter().skip(world.checked).map(Row::of);
    let rows = unchecked.collect::<Result<Vec<Row>, _>>().map_err(|error| error.to_string())?;
    chain::follow(&world.shift.name, head, &rows).map_err(|broken| broken.to_string())?;
    match world.history.last() {
        Some(last) if last.seq != world.shift.version || last.hash != world.shift.head => {
            Err(format!("the shift is at version {}, its history at {}", world.shift.version, last.seq))
        }
        Some(_) | None => Ok(()),
    }
}

/// Reverts are not counted: what the budget leaves is theirs.
pub(super) fn i19(world: &World<'_>) -> Result<(), String> {
    if world.requests > world.requests_max {
        return Err(format!(
            "{} requests in ten seconds, {} are allowed",
            world.requests, world.requests_max
        ));
    }
    Ok(())
}

pub(super) fn i20(world: &World<'_>) -> Result<(), String> {
    world.overdue.map_or(Ok(()), |overdue| Err(overdue.to_owned()))
}
