//! A replica that reaches the store and not Route 53, with others beside it.

use std::time::Duration;

use crossfade_core::shift::Command;
use crossfade_ports::Store as _;
use tokio::time::{Instant, sleep};

use crate::{
    harness::{World, is, observing},
    replicas::{led_by_a, shared_out},
    trouble::went_up_once,
};

const MINUTE: Duration = Duration::from_secs(60);

/// As in the engine: three leases without an answer, and two attempts.
const PATIENCE: Duration = Duration::from_secs(3 * 15 + 2 * 10);

fn cut(world: &World, replicas: &[&str], cut: bool) {
    replicas.iter().for_each(|name| world.replica(name).line.cut(cut));
}

/// Of the lease; `None` while nobody has it.
async fn epoch(world: &World) -> Option<u64> {
    let leases = world.store.leases().await.unwrap();
    leases.iter().find(|tenure| tenure.lease.account == "default").map(|tenure| tenure.lease.epoch)
}

#[tokio::test(start_paused = true)]
async fn who_cannot_reach_route_53_lets_another_try() {
    let world = led_by_a().await;
    cut(&world, &["a"], true);
    world.ask_at("a", Command::Revert).await;
    let waited = world.until_held(&[("default", "b")]).await;
    assert!(waited <= PATIENCE, "{waited:?}");
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_is_not_given_back_for_the_sake_of_fairness() {
    let world = shared_out().await;
    world.ask_at("b", Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    cut(&world, &["b"], true);
    // Both are one's, and then one of them is the other's again: the one that has no shifts.
    world.until_held(&[("default", "a"), ("other", "b")]).await;
    let before = epoch(&world).await;
    world.pass(8).await;
    assert_eq!(epoch(&world).await, before);
    assert_eq!(world.holders().await["other"], "b");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_reaches_route_53_hands_seldom_change() {
    let world = led_by_a().await;
    cut(&world, &["a", "b"], true);
    let (began, mut last, mut changes) = (Instant::now(), epoch(&world).await, Vec::new());
    while began.elapsed() < 60 * MINUTE {
        sleep(Duration::from_secs(1)).await;
        let now = epoch(&world).await;
        if now.is_some() && now != last {
            last = now;
            changes.push(began.elapsed());
        }
    }
    assert!(changes.len() >= 4, "each tries again: {changes:?}");
    assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= 9 * MINUTE), "{changes:?}");
    cut(&world, &["a", "b"], false);
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_keeps_trying() {
    let mut world = led_by_a().await;
    world.stop("b").await;
    let before = epoch(&world).await;
    cut(&world, &["a"], true);
    world.pass(20).await;
    assert_eq!(epoch(&world).await, before);
    cut(&world, &["a"], false);
    went_up_once(&world).await;
}

/// Withdrawn or not: whoever is left takes what has active shifts.
#[tokio::test(start_paused = true)]
async fn who_gave_an_account_up_takes_it_again_when_nobody_else_is_left() {
    let mut world = led_by_a().await;
    cut(&world, &["a"], true);
    world.until_held(&[("default", "b")]).await;
    cut(&world, &["a"], false);
    world.kill_one("b").await;
    world.until_held(&[("default", "a")]).await;
    went_up_once(&world).await;
}
