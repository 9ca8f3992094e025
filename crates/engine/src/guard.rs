//! What a replica may do with a lease that it no longer trusts: lower a share, on ground that it knows. `lease` says
//! why.

use crossfade_core::{
    RecordSet,
    batch::{Action, Batch},
    decide::Effect,
    fence::Fence,
};

use crate::{round::is_going_down, slot::Slot};

/// Whether an effect may be begun.
pub(crate) fn permits(slot: &Slot, effect: &Effect) -> bool {
    if slot.holding.is_trusted() {
        return true;
    }
    if slot.holding.is_over() || !is_going_down(&slot.shift) {
        return false;
    }
    match effect {
        Effect::Read { .. } | Effect::Ask { .. } | Effect::Look { .. } => true,
        Effect::Submit { batch, .. } => is_on_known_ground(slot, batch),
    }
}

/// Returns when an effect that was begun may not be waited for any longer.
pub(crate) async fn ends(slot: &Slot) {
    if is_going_down(&slot.shift) {
        // Its answer is wanted in any case; what may follow is asked then.
        return std::future::pending().await;
    }
    slot.holding.distrusted().await;
}

/// The highest epoch among this installation's fences.
pub(crate) fn newest_epoch(listed: &[RecordSet], installation: &str) -> Option<u64> {
    let fences = listed.iter().filter_map(Fence::decode);
    fences.filter(|fence| fence.owner == installation).map(|fence| fence.epoch).max()
}

/// Whether Route 53 will refuse the batch if anybody else has gone on with the shift: it replaces fences, and all of
/// them are this replica's, or older. An overwrite replaces none.
fn is_on_known_ground(slot: &Slot, batch: &Batch) -> bool {
    let replaced = batch.changes.iter().filter(|change| change.action == Action::Delete);
    let mut fences = replaced.filter_map(|change| Fence::decode(&change.set)).peekable();
    fences.peek().is_some()
        && fences.all(|fence| {
            fence.shift == slot.shift.name
                && fence.generation <= slot.shift.generation
                && fence.epoch <= slot.holding.lease.epoch
        })
}
