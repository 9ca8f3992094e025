//! An owner that stands still for longer than its lease, and then goes on as if nothing had happened.

use std::time::Duration;

use crossfade_core::shift::Command;
use crossfade_engine::Point;
use futures::future::join_all;

use super::{WRITE, begin, draw, goes_on_to_the_end};
use crate::harness::{Replica, assert_told};

const RAMP: &str = "{ steps: [50, 100], hold: 1s, bake: 1s }";

const SUSPENSIONS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_stands_still_at_any_point_of_a_step_writes_nothing_when_it_goes_on() {
    join_all(Point::OF_A_WRITE.map(stands_still_at)).await;
}

async fn stands_still_at(point: Point) {
    let Some(world) = Replica::world().await else { return };
    let second = format!("{}:2", point.as_str());
    let one = Replica::start("one", &world, &[("CROSSFADE_SUSPEND_AT", &second)]).await;
    begin(&one, &world).await;
    // It may stand still before it has answered.
    let client = one.client();
    let asked = tokio::spawn(async move { client.command("www", Command::Advance, None).await });
    one.suspended_at_its_point().await;
    let other = Replica::start("other", &world, &[]).await;
    other.leads().await;
    other.await_share("www", 50.0).await;
    one.go_on();
    one.stands_by().await;
    // Whether it was answered in time or not, it was done.
    let _ = asked.await.unwrap();
    goes_on_to_the_end(&one, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_stand_still_again_and_again_complete_the_shift_between_them() {
    join_all([1, 20_261_201].map(stand_still_again_and_again)).await;
}

async fn stand_still_again_and_again(seed: u64) {
    let Some(world) = Replica::world().await else { return };
    let (one, other) = Replica::pair(&world).await;
    one.done(&["apply", &world.quiet_plan("www", RAMP), "--start"]).await;
    for turn in 0..SUSPENSIONS {
        let (stopped, running) = if turn % 2 == 0 { (&one, &other) } else { (&other, &one) };
        stopped.leads().await;
        // Within the life of a write, or while evidence is gathered.
        let longest = if draw(seed, turn, 2) == 0 { 300 } else { 2_000 };
        tokio::time::sleep(Duration::from_millis(draw(seed, turn, longest))).await;
        stopped.suspend();
        running.leads().await;
        stopped.go_on();
        stopped.stands_by().await;
    }
    println!("seed {seed}: stood still {SUSPENSIONS} times");
    one.await_phase("www", "completed").await;
    assert_told(&world, &other, "www", &[50.0, 100.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_an_owner_left_on_its_way_is_refused_after_the_next_owner_wrote() {
    let stand_still: fn(&Replica) = |owner| owner.suspend();
    let lose_the_database: fn(&Replica) = |owner| owner.database.hold();
    join_all([stand_still, lose_the_database].map(leaves_a_batch_on_its_way)).await;
}

async fn leaves_a_batch_on_its_way(lost: fn(&Replica)) {
    let Some(world) = Replica::world().await else { return };
    let (one, other) = Replica::pair(&world).await;
    begin(&other, &world).await;
    one.aws.hold_at(WRITE);
    other.done(&["advance", "www"]).await;
    one.aws.sprung().await;
    lost(&one);
    other.leads().await;
    other.await_share("www", 50.0).await;
    let refused = |world: &crossfade_playground::World| {
        world.journal().iter().any(|entry| !entry.is_applied()).then_some(())
    };
    assert_eq!(refused(&world.playground.world()), None);
    one.aws.heal();
    world.playground.world().wait_for(refused).await;
    one.database.heal();
    one.go_on();
    one.stands_by().await;
    goes_on_to_the_end(&one, &world).await;
}
