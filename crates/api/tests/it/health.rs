//! Liveness, readiness, counters.

use axum::http::StatusCode;
use crossfade_ports::vitals::Held;
use jiff::SignedDuration;

use crate::world::{World, now};

#[tokio::test]
async fn it_lives_while_it_answers() {
    let world = World::new();
    world.store.take_down(&["ping"]);
    insta::assert_snapshot!(world.get("/healthz").await.shown());
}

#[tokio::test]
async fn it_is_ready_while_shifts_are_looked_after() {
    let world = World::new();
    world.vitals.note(|signs| {
        signs.cycle = Some(now() - SignedDuration::from_millis(1_500));
        signs.read_back = Some(now() - SignedDuration::from_secs(40));
        signs.replica = "host-1".to_owned();
        for (account, seconds) in [("default", 9), ("other", 0)] {
            let trusted_until = now() + SignedDuration::from_secs(seconds);
            signs.leases.insert(account.to_owned(), Held { epoch: 7, trusted_until });
        }
    });
    insta::assert_snapshot!(world.get("/readyz").await.shown());
    world.vitals.note(|signs| signs.cycle = Some(now() - SignedDuration::from_secs(15)));
    assert_eq!(world.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn it_is_not_ready_without_a_store() {
    let world = World::new();
    world.vitals.note(|signs| signs.cycle = Some(now()));
    world.store.take_down(&["ping"]);
    insta::assert_snapshot!(world.get("/readyz").await.shown());
}

#[tokio::test]
async fn counters_are_shown_where_they_are_collected() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let world = World::with(|app| app.prometheus = Some(recorder.handle()));
    let answer = world.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(World::new().get("/metrics").await.code(), "no_such_path");
}
