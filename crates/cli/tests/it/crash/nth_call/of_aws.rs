//! The n-th call to Route 53 or CloudWatch fails.
//!
//! Three calls in a row fail, because the AWS SDK makes a read up to three times. A write is made once: after one that
//! failed come two failures of whatever is next.

use crossfade_playground::{Fault, FaultKind};
use futures::future::join_all;

use super::{completed, each_call};
use crate::harness::World;

const KINDS: [FaultKind; 4] =
    [FaultKind::InternalError, FaultKind::Throttle, FaultKind::LostBeforeApply, FaultKind::LostAfterApply];

/// Of one operation, by the SDK.
const ATTEMPTS: u32 = 3;

/// Calls that the shortest shift makes: the zones found and read, two writes, each asked for and read back, metrics.
const LEAST: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_completed_whichever_call_to_aws_fails() {
    join_all(KINDS.map(|kind| async move {
        let failed = each_call(&format!("{kind:?}"), |nth| shift_with(kind.clone(), nth)).await;
        assert!(failed.len() >= LEAST, "{kind:?}: only {} calls", failed.len());
    }))
    .await;
}

async fn shift_with(kind: FaultKind, nth: u32) -> Option<()> {
    let world = World::quiet_at(None).await;
    let fault = Fault::next(kind).after(nth).times(ATTEMPTS);
    let playground = world.playground.world();
    playground.arm(fault.clone());
    completed(&format!("{fault:?}"), &world, |store| store).await;
    let left = playground.armed().first().and_then(|left| left.times);
    (left != Some(ATTEMPTS)).then_some(())
}
