//! A database that loses the newest commits while the daemon runs, and takes others in their place.

use std::time::Duration;

use crossfade_core::{
    chain::check,
    shift::{Cause, Command, fold},
};
use crossfade_ports::{Store, fake::store::MemoryStore, store::Chain};
use tokio::time::sleep;

use crate::{
    harness::{SHIFT, World, is, observing},
    trouble::went_up_once,
};

/// Every event is sealed after the one before it, and the state is what they add up to.
async fn adds_up(world: &World) {
    let events = world.events().await;
    let Chain { head, rows } = world.store.chain(SHIFT, i64::MIN, u32::MAX).await.unwrap();
    assert!(check(SHIFT, &rows, head.as_ref()).is_ok(), "{events:#?}");
    assert_eq!(fold(&events).unwrap(), world.shift().await);
}

/// More than a poll, and so little that a lease outlives its loss.
const MOMENT: Duration = Duration::from_secs(2);

/// At 10 %; the daemon knows of a pause, in whose place the store has what came in through another replica.
async fn forked(instead: Command) -> World {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    let (standby, epoch) = (world.store.backup(), world.fence().unwrap().epoch);
    world.ask(Command::Pause { freeze: false }).await;
    sleep(MOMENT).await;
    let lost = world.shift().await;
    world.store.restore(&standby);
    world.ask_at("elsewhere", instead).await;
    assert_eq!(world.shift().await.version, lost.version);
    assert_ne!(world.shift().await.head, lost.head);
    sleep(MOMENT).await;
    assert_eq!(world.store.leases().await.unwrap()[0].lease.epoch, epoch);
    world
}

#[tokio::test(start_paused = true)]
async fn a_lost_pause_is_not_believed_in() {
    let world = forked(Command::Advance).await;
    world.pass(4).await;
    assert_eq!(world.weights(), (1, 1));
    went_up_once(&world).await;
    adds_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_in_the_place_of_a_lost_commit_is_built_on() {
    let world = forked(Command::Pause { freeze: true }).await;
    world.fail_requests(0.5);
    world.pass(60).await;
    // Frozen: not even a failing gate takes it back.
    assert_eq!(world.weights(), (9, 1));
    world.ask(Command::Resume).await;
    world.until("reverted", is("reverted")).await;
    adds_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_ahead_of_the_store_holds_until_somebody_decides() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    let standby = world.store.backup();
    world.ask(Command::Advance).await;
    world.until("at 50 %", observing(50.0)).await;
    world.store.restore(&standby);
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Drift)).await;
    let sentence = &held.holds[&Cause::Drift].sentence;
    assert!(sentence.contains("the fence shows write 2, which is not the last one"), "{sentence}");
    world.pass(60).await;
    assert_eq!(world.weights(), (1, 1));
    world.ask(Command::Reassert).await;
    world.until("written again", |_| world.weights() == (9, 1)).await;
    assert_eq!(world.fence().unwrap().generation, 3);
    world.until("completed", is("completed")).await;
    adds_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_retry_is_not_acted_on() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.ask(Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    let standby = world.store.backup();
    world.ask(Command::Retry).await;
    world.ask(Command::Pause { freeze: false }).await;
    sleep(MOMENT).await;
    // In the store that is left, the shift is over: it is no longer in the list of those that are worked on.
    world.store.restore(&standby);
    sleep(MOMENT).await;
    let reads = world.zones.reads();
    world.pass(60).await;
    assert_eq!((world.zones.reads(), world.weights()), (reads, (100, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_shift_is_left_as_it_is() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.store.restore(&MemoryStore::new().backup());
    world.pass(60).await;
    assert_eq!(world.weights(), (9, 1));
    // One of the same name begins a history of its own, and finds that the zone knows another.
    world.create().await;
    world.ask(Command::Start).await;
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Dependency)).await;
    assert_eq!(held.holds[&Cause::Dependency].code, "unknown_history");
    assert_eq!(world.weights(), (9, 1));
    adds_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_is_taken_anew_with_a_higher_epoch() {
    let mut world = World::new().await;
    let standby = world.store.backup();
    world.run().await;
    world.until_held(&[("default", "a")]).await;
    let lost = world.store.leases().await.unwrap().remove(0).lease;
    world.store.restore(&standby);
    world.until_held(&[("default", "a")]).await;
    let anew = world.store.leases().await.unwrap().remove(0).lease;
    assert_eq!((lost.epoch, anew.epoch), (1, 2));
    world.ask(Command::Start).await;
    went_up_once(&world).await;
}
