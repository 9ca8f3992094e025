//! One shift over two zones: a batch for each, so that a crash may find one written and the other not.

use crossfade_core::{event::Happened, shift::Cause};
use crossfade_playground::{Fault, FaultKind};
use futures::future::join_all;

use crate::harness::{Backend, Process, World, assert_told, on_each_store};

/// Stays at its first step for as long as the test takes.
const WAITING: &str = "{ steps: [50, 100], hold: 1h }";

/// In each step a point is reached once for each zone, but for those of the whole write.
async fn dying_at(backend: Backend, stop: &str) -> (World, Process) {
    let world = World::quiet_with_two_zones(backend).await;
    let daemon = Process::start_with(&world, &[("CROSSFADE_STOP_AT", stop)]).await;
    let said = daemon.run(&["apply", &world.quiet_plan("www", WAITING), "--start"]).await;
    assert!(matches!(said.code, 0 | 9), "{said:#?}\n{}", daemon.log());
    (world, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_a_crash_leaves_in_one_zone_is_taken_in_both() {
    on_each_store(|backend| async move {
        let stops = ["answered:1", "accepted-committed:1", "answered:2", "in-sync-committed:1"];
        join_all(stops.map(|stop| async move {
            let (world, mut daemon) = dying_at(backend, stop).await;
            daemon.stopped_at_its_point().await;
            daemon.restart(&[]).await;
            daemon.await_share("www", 50.0).await;
            assert_told(&world, &daemon, "www", &[50.0]).await;
        }))
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_a_crash_leaves_in_one_zone_ends_in_both() {
    on_each_store(|backend| async move {
        let stops = ["answered:3", "accepted-committed:3", "answered:4", "in-sync-committed:3"];
        join_all(stops.map(|stop| async move {
            let (world, mut daemon) = dying_at(backend, stop).await;
            daemon.await_share("www", 50.0).await;
            world.fail_requests();
            daemon.stopped_at_its_point().await;
            daemon.restart(&[]).await;
            daemon.await_phase("www", "reverted").await;
            assert_told(&world, &daemon, "www", &[50.0, 0.0]).await;
        }))
        .await;
    })
    .await;
}

/// A batch that is lost in one zone does not keep the other waiting, and is not sent to it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_in_one_zone_is_no_matter_of_the_other() {
    let world = World::quiet_with_two_zones(Backend::Sqlite).await;
    let daemon = Process::start(&world).await;
    let on_change = |kind| Fault::next(kind).on("ChangeResourceRecordSets");
    world.playground.world().arm(on_change(FaultKind::LostAfterApply));
    world.playground.world().arm(on_change(FaultKind::LostBeforeApply));
    daemon.done(&["apply", &world.quiet_plan("www", WAITING), "--start"]).await;
    daemon.await_share("www", 50.0).await;
    assert_told(&world, &daemon, "www", &[50.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_revert_of_one_zone_holds_the_shift_and_of_both_ends_it() {
    on_each_store(|backend| async move {
        let world = World::quiet_with_two_zones(backend).await;
        let mut daemon = Process::start(&world).await;
        daemon.done(&["apply", &world.quiet_plan("www", WAITING), "--start"]).await;
        daemon.await_share("www", 50.0).await;
        daemon.kill9();
        let direct = |zone: &'static str, name: &'static str| {
            let world = &world;
            async move {
                let said = world.run(&["revert", "--direct", "--zone", zone, "--name", name]).await;
                assert_eq!(said.code, 0, "{said:#?}");
            }
        };
        direct("example.com", "www.example.com").await;
        daemon.restart(&[]).await;
        let drifted =
            |shift: &crossfade_api::types::Shift| shift.holds.iter().any(|hold| hold.cause == Cause::Drift);
        daemon.await_shift("www", "held for drift", drifted).await;
        assert!(!world.is_taken_back());

        direct("example.org", "www.example.org").await;
        daemon.await_phase("www", "reverted").await;
        assert!(world.is_taken_back());
        let history = daemon.history("www").await;
        assert!(history.iter().any(|event| matches!(event.what, Happened::FoundReverted { .. })));
        daemon.done(&["history", "verify", "www"]).await;
    })
    .await;
}
