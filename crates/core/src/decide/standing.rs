//! Where a shift stands, as its gates need to know it.

use jiff::{SignedDuration, Timestamp};

use crate::{
    gate::Standing,
    shift::{Cause, Shift},
};

pub(super) fn standing(shift: &Shift) -> Standing {
    Standing {
        moved_at: judged_since(shift),
        settled_at: shift.settled_at,
        share: shift.landed,
        ttl: shift.ttl(),
        waits_until: waits_until(shift),
        gates: shift.plan.gates.iter().filter(|gate| !gate.observe_only).count(),
    }
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

/// When whoever waits for the gates has waited too long. `None` before the traffic has settled.
fn waits_until(shift: &Shift) -> Option<Timestamp> {
    let next = shift.next_step()?;
    let settled = shift.settled_at?;
    let since = shift.resumed_at.map_or(settled, |resumed| resumed.max(settled));
    let allowed = shift.plan.max_wait().max(hold_time(shift, next));
    // Nobody lives to see what is out of range.
    since.checked_add(allowed).ok()
}
