//! A gate on latency over a whole shift.

use crossfade_core::{
    event::Happened,
    gate::MetricQuery,
    shift::{Cause, Command},
};
use crossfade_ports::Clock as _;
use jiff::SignedDuration;

use crate::harness::{World, is, observing, query};

/// A shift whose `to` side has answered ten requests a minute in 100 ms each for an hour, and goes on for six.
async fn world(percentile: &str) -> World {
    let gate = format!(
        "  - name: latency\n    latency: {{ to: {{ preset: custom, namespace: Test, latency: Latency }} }}\n    \
         percentile: {percentile}\n    max_latency: 800ms\n"
    );
    let mut world = World::asking(&gate).await;
    answer(&world, -60, 360, 10, 100.0);
    world.run().await;
    world.ask(Command::Start).await;
    world
}

/// So many requests of each minute, between two that are counted from now, are answered in so many milliseconds.
fn answer(world: &World, from: i64, to: i64, requests: u32, milliseconds: f64) {
    let latency = MetricQuery { metric: "Latency".to_owned(), ..query("Requests") };
    let minute = |minutes| world.clock.now() + SignedDuration::from_mins(minutes);
    for _ in 0..requests {
        world.metrics.put_each(&latency, minute(from), minute(to), milliseconds);
    }
}

#[tokio::test(start_paused = true)]
async fn latency_that_grows_takes_it_back() {
    let world = world("p50").await;
    world.until("at 10 %", observing(10.0)).await;
    // One slow minute is sat out.
    answer(&world, 0, 1, 30, 2_000.0);
    world.until("at 50 %", observing(50.0)).await;
    answer(&world, 0, 60, 30, 2_000.0);
    let began = world.clock.now();
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
    assert_eq!(world.steps().await, [10.0, 50.0]);
    let took = world.clock.now().duration_since(began);
    assert!(took < SignedDuration::from_mins(10), "{took}");
    let failed = world.events().await.into_iter().find_map(|event| {
        let Happened::GateFailed { gate, .. } = event.what else { return None };
        Some((gate.name, gate.code, gate.sentence))
    });
    let (name, code, sentence) = failed.unwrap();
    assert_eq!((name.as_str(), code.as_str()), ("latency", "latency"));
    assert!(sentence.ends_with("of 5 periods (latest 2.0 s, limit 800 ms)"), "{sentence}");
}

/// A p99 takes a thousand requests, and an hour of this service has six hundred.
#[tokio::test(start_paused = true)]
async fn too_few_requests_for_a_percentile_hold_it() {
    let world = world("p99").await;
    let stalled = |hold: &crossfade_core::shift::Hold| hold.code == "stalled";
    let held = world.until("held", |shift| shift.holds.get(&Cause::Gate).is_some_and(stalled)).await;
    assert!(held.holds[&Cause::Gate].sentence.contains("of the 1000 requests that a p99 takes"), "{held:?}");
    assert_eq!((world.steps().await, world.weights()), (vec![10.0], (9, 1)));
    world.pass(60).await;
    assert_eq!((world.steps().await, world.weights()), (vec![10.0], (9, 1)));

    answer(&world, 0, 60, 200, 100.0);
    world.ask(Command::Resume).await;
    world.until("at 50 %", observing(50.0)).await;
}
