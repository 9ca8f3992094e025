//! Probes, over a real network: loopback.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::harness::{Backend, Process, World};

/// Answers with the status that it is given.
async fn endpoint(status: Arc<AtomicU16>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |State(status): State<Arc<AtomicU16>>| async move {
        StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap()
    };
    let router = Router::new().route("/healthz", get(answer)).with_state(status);
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_gets_no_traffic_and_loses_what_it_has() {
    let status = Arc::new(AtomicU16::new(503));
    let endpoint = endpoint(status.clone()).await;
    let world = World::quiet(Backend::Sqlite).await;
    world.move_cloud(&endpoint.ip().to_string());
    let daemon = Process::start(&world).await;
    let plan = world.quiet_plan("www", "{ steps: [50, 100], hold: 1h }");
    let probe = format!("{{ path: /healthz, scheme: http, port: {} }}", endpoint.port());
    world.add_gate(&plan, &format!("{{ name: reachable, probe: {probe} }}"));

    daemon.done(&["apply", &plan, "--start"]).await;
    let held =
        |shift: &crossfade_api::types::Shift| shift.holds.iter().any(|hold| hold.code == "probe_failed");
    let shift = daemon.await_shift("www", "held by its probe", held).await;
    let wanted = format!("gate reachable: www.example.com at {endpoint}: it answered with status 503");
    assert!(shift.holds.iter().any(|hold| hold.sentence == wanted), "{:#?}", shift.holds);
    assert_eq!((world.weight("cloud"), world.is_fenced()), (0, false));

    status.store(204, Ordering::Relaxed);
    daemon.await_share("www", 50.0).await;
    status.store(500, Ordering::Relaxed);
    daemon.await_phase("www", "reverted").await;
    assert!(world.is_taken_back());
}
