//! A daemon that cannot reach the database, or Route 53, or does not hear what either answers.

use crossfade_core::event::Happened;
use futures::future::join_all;

use super::{FOR_EVER, WRITE, advance, begin, goes_on_to_the_end, insist};
use crate::harness::{Proxy, Replica, World, assert_told};

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_cut_off_from_the_database_is_replaced_and_comes_back() {
    join_all([Proxy::hold as fn(&Proxy), Proxy::refuse, Proxy::hold_answers].map(cut_off_from_the_database))
        .await;
}

fn is_at(world: &World, share: f64) -> bool {
    (world.share() - share).abs() < 0.5
}

async fn cut_off_from_the_database(cut: fn(&Proxy)) {
    let Some(world) = Replica::world().await else { return };
    let (one, mut other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    cut(&one.database);
    let epoch = other.leads().await;
    advance(&other, 50.0).await;
    one.database.heal();
    one.stands_by().await;
    assert!(other.process.terminate().await.success());
    assert!(one.leads().await > epoch);
    goes_on_to_the_end(&one, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_cut_off_from_route_53_lets_another_try() {
    join_all([Proxy::hold as fn(&Proxy), Proxy::refuse, Proxy::hold_answers].map(cut_off_from_route_53))
        .await;
}

async fn cut_off_from_route_53(cut: fn(&Proxy)) {
    let Some(world) = Replica::world().await else { return };
    let (one, other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    cut(&one.aws);
    insist(&one, &["advance", "www"]).await;
    other.leads().await;
    other.await_share("www", 50.0).await;
    one.stands_by().await;
    // What waited in the network arrives after all.
    one.aws.heal();
    goes_on_to_the_end(&one, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_did_not_get_through_is_taken_up_once() {
    let Some(world) = Replica::world().await else { return };
    let one = Replica::start("one", &world, &FOR_EVER).await;
    one.leads().await;
    let other = Replica::start("other", &world, &FOR_EVER).await;
    begin(&one, &world).await;
    one.aws.hold_at(WRITE);
    other.done(&["advance", "www"]).await;
    one.aws.sprung().await;
    // It is too early for somebody else to try, so the shift waits until its owner reaches Route 53 again.
    let unanswered = |what: &Happened| matches!(what, Happened::Unanswered { .. });
    other.await_event("www", "a write without an answer", unanswered).await;
    assert!(is_at(&world, 25.0), "nothing has landed");
    one.aws.heal();
    other.await_share("www", 50.0).await;
    goes_on_to_the_end(&other, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_cannot_reach_route_53_hands_over_when_it_is_stopped() {
    let Some(world) = Replica::world().await else { return };
    let (mut one, other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    one.aws.hold_at(WRITE);
    other.done(&["advance", "www"]).await;
    one.aws.sprung().await;
    one.process.terminate().await;
    other.leads().await;
    other.await_share("www", 50.0).await;
    // What waited in the network arrives after all.
    one.aws.heal();
    goes_on_to_the_end(&other, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_found_to_have_landed() {
    let Some(world) = Replica::world().await else { return };
    let (one, other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    for (verb, share) in [("advance", 50.0), ("revert", 0.0)] {
        one.aws.hold_answers_at(WRITE);
        other.done(&[verb, "www"]).await;
        one.aws.sprung().await;
        world.playground.world().wait_for(|_| is_at(&world, share).then_some(())).await;
        one.aws.sever();
        one.aws.heal();
        if verb == "advance" {
            other.await_share("www", share).await;
        }
    }
    other.await_phase("www", "reverted").await;
    assert_told(&world, &other, "www", &[25.0, 50.0, 0.0]).await;
    assert!(world.is_taken_back());
}
