//! Where a shift stands, as its gates need to know it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    Share, Weight,
    batch::weights_of,
    calendar,
    gate::Standing,
    shift::{Cause, Shift},
    weights::share_of,
};

use super::{Observation, derived::Derived};

pub(super) fn standing(shift: &Shift, derived: &Derived, seen: &Observation, now: Timestamp) -> Standing {
    let given = derived.given;
    // Only where nothing was left is it worth a look at each group.
    let moves = given.is_none_or(|(_, most)| most > Share::ZERO) || !is_at_nothing(shift, seen, now);
    Standing {
        moved_at: judged_since(shift).filter(|_| moves),
        began_at: shift.moved_at.filter(|_| moves),
        settled_at: shift.settled_at,
        share: given.map_or(shift.landed, |(_, most)| most),
        share_least: given.filter(|(least, most)| least < most).map(|(least, _)| least),
        ttl: derived.ttl,
        waits_until: waits_until(shift, now),
        gates: shift.plan.gates.iter().filter(|gate| !gate.observe_only && gate.errors().is_some()).count(),
    }
}

/// Whether the `to` side has settled on no traffic at all, by what is remembered and by what was last read: then there
/// is no evidence to wait for, as before the first step.
fn is_at_nothing(shift: &Shift, seen: &Observation, now: Timestamp) -> bool {
    let settled = shift.write.is_none() && shift.settled_at.is_some_and(|settled| settled <= now);
    if !settled || shift.groups.is_empty() {
        return false;
    }
    let nothing = |members: &BTreeMap<String, Weight>| share_of(members, &shift.plan.to) == Some(Share::ZERO);
    let remembered = shift.set_weights();
    shift.groups.iter().all(|group| {
        let read = seen.zones.get(&group.zone).and_then(|read| read.listed.as_ref().ok());
        remembered.get(group).is_some_and(nothing)
            && read.is_none_or(|listed| nothing(&weights_of(listed, group)))
    })
}

/// How long the present step is observed before `next`.
pub(super) fn hold_time(shift: &Shift, next: usize) -> SignedDuration {
    let plan = &shift.plan;
    match next.checked_sub(1) {
        None => SignedDuration::ZERO,
        Some(_) if next >= plan.ramp.steps.len() => plan.bake(),
        Some(present) => plan.hold(present),
    }
}

/// Periods from here on count against the `to` side. Those that a gate has failed on already, and that a step back or
/// a person has answered, do not fail it again.
fn judged_since(shift: &Shift) -> Option<Timestamp> {
    let moved_at = shift.moved_at?;
    let answered = shift.holds.get(&Cause::Gate).filter(|hold| hold.is_failed_gate()).and(shift.settled_at);
    Some(moved_at.max(answered.unwrap_or(moved_at)).max(shift.evidence_from.unwrap_or(moved_at)))
}

/// When whoever waits for the gates has waited too long. `None` before the traffic has settled, and while the calendar
/// was closed for part of that time: a quiet night that nobody waited through proves nothing against a step.
fn waits_until(shift: &Shift, now: Timestamp) -> Option<Timestamp> {
    let next = shift.next_step()?;
    let settled = shift.settled_at?;
    let since = shift.resumed_at.map_or(settled, |resumed| resumed.max(settled));
    let allowed = shift.plan.max_wait().max(hold_time(shift, next));
    if shift.plan.step(next).is_some()
        && let Ok(then) = now.checked_sub(allowed)
        && since <= then
        && !calendar::stays_open(&shift.plan, then, now)
    {
        return None;
    }
    // Nobody lives to see what is out of range.
    since.checked_add(allowed).ok()
}
