//! What a person can do to a running shift, in the words of the command line, on every store.

use crossfade_api::types::Shift;
use crossfade_core::{event::Happened, gate::Verdict, shift::Cause};

use crate::harness::{Backend, Process, World, assert_told, on_each_store};

/// The hold time never ends by itself: every move is somebody's.
const RAMP: &str = "{ steps: [10, { share: 50, approval: true }, 100], hold: 1h }";

/// The weights as `legacy` and `cloud`.
fn weights(world: &World) -> (u8, u8) {
    (world.weight("legacy"), world.weight("cloud"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_hold_move_and_take_back() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let daemon = Process::start(&world).await;
        daemon.done(&["apply", &world.quiet_plan("www", RAMP), "--reason", "the move"]).await;
        daemon.refused(&["resume", "www"]).await;
        daemon.done(&["start", "www"]).await;
        daemon.await_share("www", 10.0).await;
        let at_10 = weights(&world);

        daemon.done(&["pause", "www", "--reason", "lunch"]).await;
        let refused = daemon.refused(&["advance", "www"]).await;
        assert!(refused.stderr.contains("paused"), "{refused:#?}");
        let status = daemon.done(&["status", "www"]).await.stdout;
        assert!(status.contains("Held by tester") && status.contains("Reason given: lunch."), "{status}");
        daemon.done(&["resume", "www"]).await;

        let refused = daemon.refused(&["advance", "www"]).await;
        assert!(refused.stderr.contains("approval"), "{refused:#?}");
        assert_eq!(weights(&world), at_10);
        daemon.done(&["approve", "www", "--reason", "looked at it"]).await;
        daemon.refused(&["approve", "www"]).await;
        daemon.done(&["advance", "www"]).await;
        daemon.await_share("www", 50.0).await;
        assert_eq!(weights(&world), (1, 1));

        daemon.done(&["step-back", "www", "--reason", "slow"]).await;
        let shift = daemon.await_share("www", 10.0).await;
        assert_eq!(weights(&world), at_10);
        assert!(shift.holds.iter().any(|hold| hold.cause == Cause::Operator && hold.code == "stepped_back"));
        daemon.refused(&["step-back", "www"]).await;
        daemon.done(&["resume", "www"]).await;

        daemon.done(&["revert", "www", "--reason", "enough"]).await;
        daemon.await_phase("www", "reverted").await;
        assert_eq!(weights(&world), (100, 0));
        for verb in ["start", "pause", "resume", "advance", "approve", "step-back", "revert", "cancel"] {
            let refused = daemon.refused(&[verb, "www"]).await;
            assert!(refused.stderr.contains("possible now: retry, finalize"), "{refused:#?}");
        }
        assert_told(&world, &daemon, "www", &[10.0, 50.0, 10.0, 0.0]).await;
        the_reasons_are_told(&daemon).await;

        daemon.done(&["retry", "www"]).await;
        daemon.await_share("www", 10.0).await;
        daemon.done(&["cancel", "www"]).await;
        daemon.await_shift("www", "without a fence", |_| !world.is_fenced()).await;
        assert_eq!(weights(&world), at_10);
        daemon.await_shift("www", "at its end", |shift| shift.possible.is_empty()).await;
        daemon.done(&["history", "verify", "--all"]).await;
    })
    .await;
}

async fn the_reasons_are_told(daemon: &Process) {
    let history = daemon.history("www").await;
    for (reason, wanted) in [
        ("the move", "created"),
        ("lunch", "paused"),
        ("looked at it", "approved"),
        ("slow", "step_back_requested"),
        ("enough", "revert_requested"),
    ] {
        let told = |event: &&crossfade_core::event::Event| {
            event.reason.as_deref() == Some(reason) && event.actor.0 == "tester"
        };
        let kinds: Vec<_> = history.iter().filter(told).map(|e| e.what.to_parts().unwrap().0).collect();
        assert!(kinds.iter().any(|kind| kind == wanted), "{reason}: {kinds:?}");
    }
    let text = daemon.done(&["history", "www"]).await.stdout;
    for word in ["lunch", "50 %", "tester"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// Paused is not frozen: a paused shift is still taken back by its gate.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_gate_reverts_a_paused_shift() {
    on_each_store(|backend| async move {
        let (world, daemon) = at_its_first_step(backend).await;
        daemon.done(&["pause", "www"]).await;
        world.fail_requests();
        was_taken_back(&world, &daemon).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_gate_leaves_a_frozen_shift_alone_until_it_is_resumed() {
    on_each_store(|backend| async move {
        let (world, daemon) = at_its_first_step(backend).await;
        daemon.done(&["pause", "www", "--freeze"]).await;
        world.fail_requests();
        let failing = |shift: &Shift| shift.gates.iter().any(|gate| gate.verdict == Verdict::Fail);
        daemon.await_shift("www", "seen to fail", failing).await;
        assert_eq!(world.playground.world().journal().len(), 1);
        daemon.done(&["resume", "www"]).await;
        was_taken_back(&world, &daemon).await;
    })
    .await;
}

async fn at_its_first_step(backend: Backend) -> (World, Process) {
    let world = World::quiet(backend).await;
    let daemon = Process::start(&world).await;
    daemon.done(&["apply", &world.quiet_plan("www", RAMP), "--start"]).await;
    daemon.await_share("www", 10.0).await;
    (world, daemon)
}

async fn was_taken_back(world: &World, daemon: &Process) {
    let shift = daemon.await_phase("www", "reverted").await;
    assert!(shift.headline.contains("Nothing restarts by itself"), "{}", shift.headline);
    let history = daemon.history("www").await;
    let failed = history.iter().find_map(|event| {
        let Happened::GateFailed { gate, .. } = &event.what else { return None };
        Some(gate)
    });
    let failed = failed.unwrap();
    assert!(
        failed.errors().unwrap().recent.errors > 0 && failed.sentence.contains(" limit of 5"),
        "{failed:#?}"
    );
    assert_told(world, daemon, "www", &[10.0, 0.0]).await;
}
