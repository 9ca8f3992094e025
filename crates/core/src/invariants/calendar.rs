//! When it may go up: I12. The calendar is read anew here, by what the clocks show and nothing else, so that a mistake
//! of [`crate::calendar`] is not made twice.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::World;
use crate::{
    plan::{After, Day, Edge, Freeze, Plan, Schedule, TimeOfDay, Window},
    shift::{Phase, Purpose, ZoneStage},
};

/// A batch that was decided on in time may wait behind another one of the same write.
const SENT_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// What was seen of another shift longer ago says nothing of it now.
const LOOKED_WITHIN: SignedDuration = SignedDuration::from_secs(10);

/// By the clock of the daemon that decided. What was sent in time may land a moment later.
pub(super) fn i12(world: &World<'_>) -> Result<(), String> {
    for (index, step) in world.steps() {
        let before = &step.commit.before;
        if let Some(why) = closed(&before.plan, step.event.at) {
            return Err(format!("step {} was intended although {why}", index + 1));
        }
        for after in before.plan.after() {
            let looked = step.commit.others.get(after.shift());
            if let Some(age) = looked.map(|other| step.event.at.duration_since(other.at))
                && age > LOOKED_WITHIN
            {
                let (shift, age) = (after.shift(), age.as_secs());
                return Err(format!(
                    "step {} was intended on a look at shift {shift} {age} s ago",
                    index + 1
                ));
            }
            let other = looked.and_then(|other| other.found.as_ref());
            let far_enough = other.is_some_and(|other| match (&other.phase, after) {
                (Phase::Completed { .. }, _) => true,
                (Phase::Running { .. }, After::AtShare(at)) => at.share.percent() <= other.share.percent(),
                (
                    Phase::Running { .. }
                    | Phase::Scheduled
                    | Phase::Reverting { .. }
                    | Phase::Reverted { .. }
                    | Phase::Cancelled { .. },
                    _,
                ) => false,
            });
            if !far_enough {
                let shift = after.shift();
                return Err(format!(
                    "step {} was intended although shift {shift} is at {other:?}",
                    index + 1
                ));
            }
        }
    }
    for sent in world.sent {
        let Some(write) = &sent.shift.write else { continue };
        // A step that has landed in one zone is finished in the others: halves are worse than either.
        let begun = write.zones.values().any(|zone| zone.stage != ZoneStage::Intended);
        if !matches!(write.purpose, Purpose::Step { .. }) || begun {
            continue;
        }
        // A clock that was set back since the step was intended shows a time before that.
        let clock = sent.clock.max(write.since);
        let earlier = closed(&sent.shift.plan, clock - SENT_WITHIN);
        if let (Some(why), Some(_)) = (closed(&sent.shift.plan, clock), earlier) {
            return Err(format!("step {} was sent although {why}", write.share));
        }
    }
    Ok(())
}

/// Why the calendar does not let the plan go up at this instant.
fn closed(plan: &Plan, now: Timestamp) -> Option<String> {
    let schedule = plan.schedule.as_ref()?;
    let local = schedule.timezone.rules().to_datetime(now);
    if schedule.start.as_ref().is_some_and(|start| now < start.timestamp()) {
        return Some(format!("it starts later than {now}"));
    }
    let frozen = |freeze: &&Freeze| {
        let begun = match &freeze.from {
            Edge::Day(day) => *day <= local.date(),
            Edge::Instant(instant) => instant.timestamp() <= now,
        };
        let over = match &freeze.to {
            Edge::Day(day) => *day <= local.date(),
            Edge::Instant(instant) => instant.timestamp() <= now,
        };
        begun && !over
    };
    if let Some(freeze) = schedule.freezes.iter().find(frozen) {
        return Some(format!("there is a freeze from {} to {}, and it is {local}", freeze.from, freeze.to));
    }
    (!inside(schedule, local)).then(|| format!("it is {local}, outside of all windows"))
}

fn inside(schedule: &Schedule, local: jiff::civil::DateTime) -> bool {
    let shows = |window: &Window, day: Date| {
        let clock = |time: TimeOfDay, day: Date| {
            let (time, next_day) = time.on_clock();
            let day = if next_day { day.tomorrow() } else { Ok(day) };
            day.map(|day| day.to_datetime(time))
        };
        let last = if window.to < window.from { day.tomorrow() } else { Ok(day) };
        let (Ok(from), Ok(to)) = (clock(window.from, day), last.and_then(|last| clock(window.to, last)))
        else {
            return false;
        };
        window.days.contains(&Day::of(day)) && from <= local && local < to
    };
    let days = [local.date().yesterday(), Ok(local.date())];
    schedule.windows.is_empty()
        || schedule.windows.iter().any(|window| days.iter().flatten().any(|day| shows(window, *day)))
}
