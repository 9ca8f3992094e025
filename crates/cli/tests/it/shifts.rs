//! Whole shifts: a daemon, the emulated world, and the commands that a person would type.

use crossfade_core::event::{Event, Happened};
use crossfade_playground::{Fault, FaultKind};

use crate::harness::{Process, World, on_each_store};

/// Short enough for a test: what takes time is the proof, several periods of 10 s at each step.
const RAMP: &str = "{ steps: [50, 100], hold: 1s, bake: 1s }";

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_shift_is_completed_and_finalized() {
    let world = World::start().await;
    let daemon = Process::start(&world).await;
    let plan = world.plan("www", RAMP);
    let plan = plan.to_str().unwrap();

    let preview = daemon.run(&["plan", "preview", plan, "--exit-code"]).await;
    assert_eq!(preview.code, 3, "{preview:#?}");
    assert!(preview.stdout.contains("www.example.com A in zone"), "{preview:#?}");

    daemon.done(&["apply", plan, "--start", "--reason", "the move"]).await;
    let waited = daemon.run(&["status", "www", "--wait", "--timeout", "300s"]).await;
    assert_eq!(waited.code, 0, "{waited:#?}\n{}", daemon.log());
    assert_eq!((world.weight("legacy"), world.weight("cloud") > 0), (0, true));
    daemon.await_shift("www", "followed by its tail", |shift| shift.tail.is_some()).await;

    daemon.done(&["history", "verify", "--all"]).await;
    let history = daemon.done(&["history", "export", "www", "--format", "csv"]).await.stdout;
    assert!(history.contains(",tester,the move,"), "{history}");
    assert!(world.is_fenced());
    let metrics = reqwest::get(format!("{}/metrics", daemon.url())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("crossfade_http_requests_total"), "{metrics}");
    daemon.done(&["finalize", "www"]).await;
    daemon.await_shift("www", "free of its fence", |_| !world.is_fenced()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_outlives_its_daemon_and_can_be_taken_back_without_it() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let mut daemon = Process::start(&world).await;
        let plan = world.quiet_plan("www", "{ steps: [50, 100], hold: 1h }");
        daemon.done(&["apply", &plan, "--start"]).await;
        daemon.await_share("www", 50.0).await;
        daemon.kill9();

        let refused = daemon.run(&["revert", "www"]).await;
        assert_eq!(refused.code, 9, "{refused:#?}");
        assert!(refused.stderr.contains("crossfade revert --direct --zone"), "{refused:#?}");
        let direct = ["revert", "--direct", "--zone", "example.com", "--name", "www.example.com"];
        // An answer that is lost, and one that says "not now", must not keep a revert from its end.
        let on_change = |kind| Fault::next(kind).on("ChangeResourceRecordSets");
        world.playground.world().arm(on_change(FaultKind::Throttle));
        world.playground.world().arm(on_change(FaultKind::LostAfterApply));
        let reverted = world.run(&[&direct[..], &["--reason", "at night"]].concat()).await;
        assert_eq!(reverted.code, 0, "{reverted:#?}");
        assert!(world.is_taken_back());
        let written = world.playground.world().journal().pop().unwrap();
        assert!(written.comment.unwrap().contains("by tester: at night"));

        daemon.restart(&[]).await;
        daemon.await_phase("www", "reverted").await;
        let history = daemon.history("www").await;
        let found = |event: &Event| matches!(event.what, Happened::FoundReverted { generation: 2, .. });
        assert!(history.iter().any(found), "{history:#?}");
        daemon.done(&["history", "verify", "www"]).await;
        // Nothing is left of it: the shift can go on from there.
        daemon.done(&["retry", "www"]).await;
        daemon.await_share("www", 50.0).await;
        assert!(daemon.terminate().await.success());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_say_what_they_did_and_refusals_why() {
    let world = World::start().await;
    let daemon = Process::start(&world).await;
    let plan = world.plan("www", "{ steps: [10, 50, 100], hold: 1h }");
    let plan = plan.to_str().unwrap();
    daemon.done(&["apply", plan]).await;
    let again = daemon.done(&["apply", plan]).await;
    assert!(again.stderr.contains("unchanged"), "{again:#?}");

    let paused = daemon.done(&["pause", "www", "--reason", "lunch"]).await;
    assert!(paused.stdout.starts_with("www: "), "{paused:#?}");
    assert!(paused.stderr.contains("undo: crossfade resume www"), "{paused:#?}");
    daemon.done(&["start", "www"]).await;
    let held = daemon.run(&["advance", "www"]).await;
    assert_eq!(held.code, 5, "{held:#?}");
    assert!(held.stderr.starts_with("error: "), "{held:#?}");
    let waited = daemon.run(&["status", "www", "--wait", "--timeout", "60s"]).await;
    assert_eq!(waited.code, 5, "held: {waited:#?}");
    let explained = daemon.done(&["explain", "www"]).await;
    assert!(explained.stdout.contains("crossfade resume www"), "{explained:#?}");

    daemon.done(&["resume", "www"]).await;
    daemon
        .await_shift("www", "at 10 %", |shift| shift.share.set.is_some_and(|share| share.percent() > 9.0))
        .await;
    let late = daemon.run(&["status", "www", "--wait", "--timeout", "1s"]).await;
    assert_eq!(late.code, 7, "{late:#?}");
    let reverted = daemon.done(&["revert", "--label", "env=test"]).await;
    assert!(reverted.stdout.contains("done"), "{reverted:#?}");
    let taken_back = daemon.run(&["status", "www", "--wait", "--timeout", "60s"]).await;
    assert_eq!(taken_back.code, 6, "{taken_back:#?}");
    assert_eq!(world.weight("cloud"), 0);

    let unknown = daemon.run(&["status", "nobody"]).await;
    assert_eq!(unknown.code, 1, "{unknown:#?}");
    let listed = daemon.done(&["list", "--output", "jsonl"]).await;
    assert_eq!(listed.stdout.lines().count(), 1);
}
