//! Answers that are lost, batches that are refused, late or nobody's, and a database that goes away.

use std::time::Duration;

use crossfade_api::types::Shift;
use crossfade_core::{
    event::{Event, Happened},
    shift::{Cause, Purpose},
};
use crossfade_playground::{Fault, FaultKind, Outcome};
use crossfade_store_postgres::testing::Server;
use futures::future::join_all;

use crate::harness::{DEADLINE, Process, World, assert_told, on_each_store};

/// Stays at its first step for as long as the test takes.
const WAITING: &str = "{ steps: [50, 100], hold: 1h }";

/// A failure is beyond doubt after some periods of 10 s.
const WITHOUT_DATABASE: Duration = Duration::from_secs(120);

const BRIEF: Duration = Duration::from_millis(500);

fn arm(world: &World, kind: FaultKind) {
    world.playground.world().arm(Fault::next(kind).on("ChangeResourceRecordSets"));
}

async fn begin(world: &World, daemon: &Process) {
    daemon.done(&["apply", &world.quiet_plan("www", WAITING), "--start"]).await;
}

/// As `legacy` and `cloud`.
fn weights(world: &World) -> (u8, u8) {
    (world.weight("legacy"), world.weight("cloud"))
}

fn drifted(shift: &Shift) -> bool {
    shift.holds.iter().any(|hold| hold.cause == Cause::Drift)
}

fn count(history: &[Event], wanted: impl Fn(&Happened) -> bool) -> usize {
    history.iter().filter(|event| wanted(&event.what)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_recognised_as_its_own() {
    let lost = [
        FaultKind::LostAfterApply,
        FaultKind::TimeoutAfterApply { hold: BRIEF },
        FaultKind::InternalErrorAfterApply,
    ];
    join_all(lost.map(|kind| async move {
        on_each_store(|backend| {
            let kind = kind.clone();
            async move {
                let world = World::quiet(backend).await;
                let daemon = Process::start(&world).await;
                arm(&world, kind);
                begin(&world, &daemon).await;
                daemon.await_share("www", 50.0).await;
                assert_told(&world, &daemon, "www", &[50.0]).await;
                let history = daemon.history("www").await;
                assert_eq!(count(&history, |what| matches!(what, Happened::Unanswered { .. })), 1);
                // Nobody said its identifier.
                let anonymous = |what: &Happened| matches!(what, Happened::Accepted { change: None, .. });
                assert_eq!(count(&history, anonymous), 1, "{history:#?}");
            }
        })
        .await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_not_taken_is_sent_again() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let daemon = Process::start(&world).await;
        let not_taken = [
            FaultKind::Throttle,
            FaultKind::InternalError,
            FaultKind::PriorRequestNotComplete,
            FaultKind::LostBeforeApply,
            FaultKind::TimeoutBeforeApply { hold: BRIEF },
            FaultKind::AccessDenied,
        ];
        not_taken.into_iter().for_each(|kind| arm(&world, kind));
        begin(&world, &daemon).await;
        let shift = daemon.await_share("www", 50.0).await;
        assert!(world.playground.world().armed().is_empty());
        assert_told(&world, &daemon, "www", &[50.0]).await;
        assert!(shift.holds.is_empty(), "{:#?}", shift.holds);
    })
    .await;
}

/// The connection breaks, the daemon sends the write again, and then the first copy arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_copy_of_a_write_is_refused() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    arm(&world, FaultKind::DelayedArrival { delay: Duration::MAX });
    begin(&world, &daemon).await;
    daemon.await_share("www", 50.0).await;
    late_copy_refused(&world).await;
    assert_told(&world, &daemon, "www", &[50.0]).await;
    assert!(!drifted(&daemon.client().shift("www").await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_copy_does_not_undo_a_revert() {
    let world = World::quiet_at(None).await;
    let daemon = Process::start(&world).await;
    arm(&world, FaultKind::DelayedArrival { delay: Duration::MAX });
    begin(&world, &daemon).await;
    // The write is on its way, and nobody knows where.
    let unanswered = |shift: &Shift| shift.possible.iter().any(|verb| verb == "revert");
    daemon.await_shift("www", "possible to revert", unanswered).await;
    daemon.done(&["revert", "www"]).await;
    daemon.await_phase("www", "reverted").await;
    late_copy_refused(&world).await;
    assert!(world.is_taken_back());
    daemon.done(&["history", "verify", "www"]).await;
}

/// Lets the copy arrive that was held until now.
async fn late_copy_refused(world: &World) {
    world.playground.world().land_now();
    let refused = |world: &crossfade_playground::World| {
        let refused = |entry: &crossfade_playground::Entry| matches!(entry.outcome, Outcome::Refused { .. });
        world.journal().iter().any(refused).then_some(())
    };
    tokio::time::timeout(DEADLINE, world.playground.world().wait_for(refused)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_weights_are_kept_until_a_person_decides() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let daemon = Process::start(&world).await;
        begin(&world, &daemon).await;
        daemon.await_share("www", 50.0).await;
        let ours = weights(&world);
        daemon.refused(&["adopt", "www"]).await;

        world.foreign_weight("cloud", 3);
        let shift = daemon.await_shift("www", "held for drift", drifted).await;
        assert!(shift.headline.contains("cloud has weight 3 instead of 1"), "{}", shift.headline);
        for verb in ["adopt", "reassert"] {
            assert!(shift.possible.iter().any(|possible| possible == verb), "{:?}", shift.possible);
        }
        let explained = daemon.done(&["explain", "www"]).await.stdout;
        assert!(explained.contains("crossfade adopt www"), "{explained}");
        daemon.refused(&["advance", "www"]).await;
        assert_eq!(world.weight("cloud"), 3);

        daemon.done(&["reassert", "www", "--reason", "not agreed"]).await;
        daemon.await_share("www", 50.0).await;
        daemon.await_shift("www", "as it was left", |shift| !drifted(shift)).await;
        assert_eq!(weights(&world), ours);

        world.foreign_weight("cloud", 3);
        daemon.await_shift("www", "held for drift", drifted).await;
        daemon.done(&["adopt", "www"]).await;
        let shift = daemon.await_share("www", 75.0).await;
        assert!(!drifted(&shift) && world.weight("cloud") == 3, "{shift:#?}");
        // The next step is the first above what was adopted.
        daemon.done(&["advance", "www"]).await;
        daemon.await_share("www", 100.0).await;
        assert_told(&world, &daemon, "www", &[50.0, 50.0, 75.0, 100.0]).await;
    })
    .await;
}

/// An edit that comes after the last look at the zone is refused by Route 53 itself, and seen then.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_not_written_over_somebody_elses_edit() {
    let world = World::quiet_at(None).await;
    let calm = [("CROSSFADE_ENGINE__READ_BACK_EVERY", "1h")];
    let daemon = Process::start_with(&world, &calm).await;
    begin(&world, &daemon).await;
    daemon.await_share("www", 50.0).await;
    world.foreign_weight("legacy", 9);
    daemon.done(&["advance", "www"]).await;
    daemon.await_shift("www", "held for drift", drifted).await;
    assert_eq!(weights(&world), (9, 1));
    daemon.done(&["revert", "www"]).await;
    daemon.await_phase("www", "reverted").await;
    assert!(world.is_taken_back());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_gate_reverts_without_the_database_and_the_history_has_it_later() {
    let Some(server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else { return };
    let world = World::quiet_at(Some(server.database().await)).await;
    let daemon = Process::start(&world).await;
    begin(&world, &daemon).await;
    daemon.await_share("www", 50.0).await;

    server.stop();
    world.fail_requests();
    let playground = world.playground.world();
    let taken_back = playground.wait_for(|_| world.is_taken_back().then_some(()));
    let taken_back = tokio::time::timeout(WITHOUT_DATABASE, taken_back).await;
    assert!(taken_back.is_ok(), "not taken back\n{}", daemon.log());
    let said = daemon.run(&["revert", "www"]).await;
    assert_eq!(said.code, 9, "{said:#?}");
    assert!(said.stderr.contains("crossfade revert --direct --zone"), "{said:#?}");

    server.restart();
    daemon.await_phase("www", "reverted").await;
    assert_told(&world, &daemon, "www", &[50.0, 0.0]).await;
    let history = daemon.history("www").await;
    assert_eq!(count(&history, |what| matches!(what, Happened::GateFailed { .. })), 1);
    let revert = |what: &Happened| matches!(what, Happened::Intended { purpose: Purpose::Revert, .. });
    assert_eq!(count(&history, revert), 1);
}
