//! Batches without an acknowledgement: what is certain, and what is not.

use crossfade_core::{ZoneId, batch::Batch, fence::Fence};

use super::{Fault, WWW, ZonesWorld, fence, listed, owned, split, swap, weights, writing};
use crate::zones::SubmitError;

const BEFORE: [(&str, u8); 2] = [("cloud", 10), ("legacy", 90)];
const AFTER: [(&str, u8); 2] = [("cloud", 25), ("legacy", 75)];

pub async fn a_throttled_batch_is_not_applied(world: &impl ZonesWorld) {
    check(world, Fault::Throttled, |error| matches!(error, SubmitError::Throttled(_))).await;
}

pub async fn a_busy_zone_says_so(world: &impl ZonesWorld) {
    check(world, Fault::Busy, |error| matches!(error, SubmitError::Busy(_))).await;
}

pub async fn a_forbidden_batch_is_not_applied(world: &impl ZonesWorld) {
    check(world, Fault::Denied, |error| matches!(error, SubmitError::Denied(_))).await;
}

pub async fn a_failing_server_leaves_it_open(world: &impl ZonesWorld) {
    check(world, Fault::InternalError, |error| matches!(error, SubmitError::Unanswered(_))).await;
}

pub async fn a_lost_batch_is_unanswered(world: &impl ZonesWorld) {
    check(world, Fault::LostBeforeApply, |error| matches!(error, SubmitError::Unanswered(_))).await;
}

pub async fn a_lost_answer_is_unanswered_and_the_batch_shows(world: &impl ZonesWorld) {
    let (zone, batch) = prepared(world).await;
    world.fault(Fault::LostAfterApply).await;
    let error = world.zones().submit(&batch).await;
    assert!(matches!(error, Err(SubmitError::Unanswered(_))), "{error:?}");
    assert_eq!(weights(world, &zone, WWW).await, owned(&AFTER));
    assert_eq!(listed(world, &zone, &[WWW]).await.iter().find_map(Fence::decode), Some(fence(1)));
    // Sent once more, it is refused: what it deletes is no longer current.
    let again = world.zones().submit(&batch).await;
    assert!(matches!(again, Err(SubmitError::Refused(_))), "{again:?}");
}

/// The batch meets the fault and is not applied; sent again, it is.
async fn check(world: &impl ZonesWorld, fault: Fault, expected: fn(&SubmitError) -> bool) {
    let (zone, batch) = prepared(world).await;
    world.fault(fault).await;
    match world.zones().submit(&batch).await {
        Err(error) => assert!(expected(&error), "{fault:?} became {error:?}"),
        Ok(change) => panic!("{fault:?} became {change:?}"),
    }
    assert_eq!(weights(world, &zone, WWW).await, owned(&BEFORE), "{fault:?}");
    writing::submit(world, &batch).await;
    assert_eq!(weights(world, &zone, WWW).await, owned(&AFTER), "{fault:?}");
}

async fn prepared(world: &impl ZonesWorld) -> (ZoneId, Batch) {
    let zone = split(world).await;
    let seen = listed(world, &zone, &[WWW]).await;
    let batch = swap(&zone, WWW, &seen, &AFTER, 1);
    (zone, batch)
}
