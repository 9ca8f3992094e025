//! Commands to a replica that does not work on the shift.

use futures::future::join_all;

use super::{advance, begin, goes_on_to_the_end};
use crate::harness::{Proxy, Replica, assert_told};

/// Never, as far as a test goes.
const NO_POLLING: (&str, &str) = ("CROSSFADE_ENGINE__POLL", "10h");

#[tokio::test(flavor = "multi_thread")]
async fn a_command_to_another_replica_reaches_the_owner_by_a_notification() {
    let Some(world) = Replica::world().await else { return };
    let one = Replica::start("one", &world, &[NO_POLLING]).await;
    one.leads().await;
    let other = Replica::start("other", &world, &[]).await;
    begin(&other, &world).await;
    advance(&other, 50.0).await;
    other.done(&["step-back", "www"]).await;
    other.await_share("www", 25.0).await;
    other.done(&["revert", "www"]).await;
    other.await_phase("www", "reverted").await;
    assert!(world.is_taken_back());
    assert_told(&world, &other, "www", &[25.0, 50.0, 25.0, 0.0]).await;
    one.leads().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_to_another_replica_reaches_the_owner_without_notifications() {
    // Not listened to, listened to in vain, and not to be reached.
    join_all([None, Some(Proxy::hold_answers as fn(&Proxy)), Some(Proxy::refuse)].map(polled)).await;
}

async fn polled(cut: Option<fn(&Proxy)>) {
    let Some(world) = Replica::world().await else { return };
    let (wire, mut listen_url) = Replica::wire(&world).await;
    match cut {
        Some(cut) => cut(&wire),
        None => listen_url.clear(),
    }
    let deaf = [("CROSSFADE_STORE__LISTEN_URL", listen_url.as_str())];
    let one = Replica::start("one", &world, &deaf).await;
    one.leads().await;
    let other = Replica::start("other", &world, &deaf).await;
    begin(&other, &world).await;
    advance(&other, 50.0).await;
    goes_on_to_the_end(&other, &world).await;
    other.done(&["revert", "www"]).await;
    other.await_phase("www", "reverted").await;
    assert_told(&world, &one, "www", &[25.0, 50.0, 100.0, 0.0]).await;
}
