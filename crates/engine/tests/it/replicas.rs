//! Several engines over one store: who works on what, and what becomes of those who no longer should.

use std::time::Duration;

use crossfade_core::{
    event::Happened,
    fence::Fence,
    shift::{Cause, Command, fold},
};
use crossfade_ports::{Store, fake::zones::Outcome, store::Replica};
use tokio::time::{Instant, sleep};

use crate::{
    harness::{World, is, observing},
    trouble::went_up_once,
};

/// As in the engine: how long a lost replica's lease is waited for, and how long its holder trusts it.
const TTL: Duration = Duration::from_secs(15);
const TRUSTED: Duration = Duration::from_secs(12);

/// Until the next look, and a little for virtual time's own steps.
const LOOK: Duration = Duration::from_millis(1_500);

/// Replica `a` holds the account, and the shift is at 10 %; `b` looks on.
pub(crate) async fn led_by_a() -> World {
    let mut world = World::new().await;
    world.start("a").await;
    world.until_held(&[("default", "a")]).await;
    world.start("b").await;
    world.ask_at("a", Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    assert_eq!(world.replica("b").line.sent(), []);
    world
}

/// Two accounts, one for each: the shift's is B's.
pub(crate) async fn shared_out() -> World {
    let mut world = World::new().await;
    world.accounts = vec!["default", "other"];
    world.start("a").await;
    world.until_held(&[("default", "a"), ("other", "a")]).await;
    world.start("b").await;
    world.until_held(&[("default", "b"), ("other", "a")]).await;
    world
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_another_takes_over_within_the_lease() {
    let mut world = led_by_a().await;
    let epoch = world.fence().unwrap().epoch;
    world.kill_one("a").await;
    let waited = world.until_held(&[("default", "b")]).await;
    assert!(waited <= TTL + LOOK, "{waited:?}");
    went_up_once(&world).await;
    assert_eq!(world.fence().unwrap().epoch, epoch + 1);
    assert_eq!(world.replica("b").line.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_stops_hands_over_at_once() {
    let mut world = led_by_a().await;
    world.stop("a").await;
    let waited = world.until_held(&[("default", "b")]).await;
    assert!(waited <= LOOK, "{waited:?}");
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_neither_commits_nor_submits() {
    let world = led_by_a().await;
    world.replica("a").reach.cut(true);
    let cut = Instant::now();
    let waited = world.until_held(&[("default", "b")]).await;
    assert!(waited <= TTL + LOOK, "{waited:?}");
    went_up_once(&world).await;
    // The store answers again, and says that there is nothing left to do.
    world.replica("a").reach.cut(false);
    world.pass(5).await;
    let a = world.replica("a");
    assert!(a.line.sent().iter().all(|at| *at < cut), "it sent something");
    assert!(a.reach.commits().iter().all(|at| *at < cut), "it committed something");
    assert!(a.vitals.signs().leases.is_empty());
    assert_eq!(world.replica("b").vitals.signs().leases["default"].epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_waited_for_longer_than_the_lease_is_trusted() {
    let mut world = World::new().await;
    world.start("a").await;
    world.until_held(&[("default", "a")]).await;
    world.replica("a").line.stall(true);
    world.ask_at("a", Command::Start).await;
    world.until("intended", |shift| shift.write.is_some()).await;
    // It hangs in the middle of a batch, and then in the whole of its dealings with the store.
    world.replica("a").reach.cut(true);
    let cut = Instant::now();
    world.start("b").await;
    sleep(TRUSTED + LOOK).await;
    world.replica("a").line.stall(false);
    world.until_held(&[("default", "b")]).await;
    went_up_once(&world).await;
    assert!(world.replica("a").line.sent().is_empty(), "{:?} after the cut", cut.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_command_through_another_replica_is_acted_on_within_seconds() {
    let world = led_by_a().await;
    world.ask_at("b", Command::Revert).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.weights(), (100, 0));
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.replica("b").line.sent(), []);
    assert_eq!(world.replica("a").line.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn accounts_are_shared_out() {
    let mut world = shared_out().await;
    world.ask_at("a", Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    assert_eq!(world.replica("b").line.sent().len(), 1);
    // What is fair stays as it is.
    for _ in 0..100 {
        sleep(Duration::from_secs(7)).await;
        assert_eq!(world.holders().await["default"], "b");
    }
    world.kill_one("b").await;
    let waited = world.until_held(&[("default", "a"), ("other", "a")]).await;
    assert!(waited <= TTL + LOOK * 2, "{waited:?}");
    // Nothing is given up for one that is gone.
    for _ in 0..30 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(world.holders().await.len(), 2);
    }
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn many_accounts_are_shared_evenly() {
    let mut world = World::new().await;
    world.accounts = vec!["default", "d1", "d2", "d3", "d4", "d5", "d6"];
    for name in ["a", "b", "c"] {
        world.start(name).await;
    }
    sleep(Duration::from_secs(20)).await;
    let shares = world.shares().await;
    assert_eq!(shares.values().sum::<usize>(), 7);
    assert!(shares.len() == 3 && shares.values().all(|share| (2..=3).contains(share)), "{shares:?}");
    world.kill_one("b").await;
    sleep(TTL + LOOK * 6).await;
    let shares = world.shares().await;
    assert!(shares.len() == 2 && shares.values().all(|share| (3..=4).contains(share)), "{shares:?}");
    world.stop("a").await;
    sleep(LOOK * 3).await;
    assert_eq!(world.shares().await["c"], 7);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_not_given_up_again_and_again() {
    let mut world = World::new().await;
    world.accounts = vec!["default", "other"];
    world.start("a").await;
    world.until_held(&[("default", "a"), ("other", "a")]).await;
    // It is there, and does nothing.
    let accounts = ["default", "other"].map(str::to_owned).into();
    let idle = Replica { id: "idle".to_owned(), accounts };
    world.store.attend(&idle, Duration::from_secs(3_600)).await.unwrap();
    let mut held = 0;
    for _ in 0..600 {
        sleep(Duration::from_secs(1)).await;
        held += world.holders().await.len();
    }
    assert!(held > 1_100, "{held} of 1,200");
}

#[tokio::test(start_paused = true)]
async fn accounts_that_only_one_replica_knows_stay_with_it() {
    let mut world = World::new().await;
    world.accounts = vec!["default", "x", "y"];
    world.start("a").await;
    world.accounts = vec!["z"];
    world.start("b").await;
    let mine = [("default", "a"), ("x", "a"), ("y", "a"), ("z", "b")];
    world.until_held(&mine).await;
    sleep(Duration::from_secs(60)).await;
    world.until_held(&mine).await;
}

#[tokio::test(start_paused = true)]
async fn a_shift_of_an_account_that_nobody_knows_says_so() {
    let mut world = led_by_a().await;
    world.stop("a").await;
    world.stop("b").await;
    world.accounts = vec!["elsewhere"];
    world.start("a").await;
    world.until_held(&[("default", "a"), ("elsewhere", "a")]).await;
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Fault)).await;
    assert!(held.holds[&Cause::Fault].sentence.contains("no account default"), "{:?}", held.holds);
    // A replica that knows the account gets it.
    world.accounts = vec!["default"];
    world.start("b").await;
    world.until_held(&[("default", "b"), ("elsewhere", "a")]).await;
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn with_the_store_down_for_all_a_revert_goes_on_beyond_the_trust() {
    let world = led_by_a().await;
    world.until("at 50 %", observing(50.0)).await;
    world.store.set_unavailable(true);
    world.pass(5).await;
    assert_eq!(world.weights(), (1, 1));
    world.fail_requests(0.5);
    world.pass(15).await;
    assert_eq!(world.weights(), (100, 0));
    assert_eq!(world.replica("b").line.sent(), []);
    world.store.set_unavailable(false);
    // Whoever gets the lease: the history knows in the end, and adds up.
    let shift = world.until("reverted", is("reverted")).await;
    assert_eq!(fold(&world.events().await).unwrap(), shift);
}

#[tokio::test(start_paused = true)]
async fn who_was_overtaken_reverts_nothing() {
    let mut world = led_by_a().await;
    world.replica("a").reach.cut(true);
    world.until_held(&[("default", "b")]).await;
    world.until("at 50 %", observing(50.0)).await;
    // Only the one that still believes in 10 % sees what follows.
    world.stop("b").await;
    world.fail_requests(0.5);
    world.pass(60).await;
    assert_eq!(world.weights(), (1, 1));
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
    let journal = world.zones.journal();
    assert!(journal.iter().filter(|entry| refused(&entry.outcome)).count() <= 1, "{journal:#?}");
    // With the store, it takes its turn.
    world.replica("a").reach.cut(false);
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn the_epoch_is_above_the_fences_that_were_seen() {
    let world = led_by_a().await;
    let fence = world.fence().unwrap();
    let newer = Fence { epoch: 40, ..fence };
    world.zones.foreign_write(&world.group.zone, newer.record_set(&world.group.name));
    went_up_once(&world).await;
    assert_eq!(world.fence().unwrap().epoch, 41);
    assert_eq!(world.store.leases().await.unwrap()[0].lease.epoch, 41);
}

#[tokio::test(start_paused = true)]
async fn two_that_are_killed_and_stopped_at_random_take_every_step_once() {
    for seed in 1..=6 {
        let mut world = World::new().await;
        let mut draw = draws(seed);
        world.start("a").await;
        world.start("b").await;
        world.ask_at("a", Command::Start).await;
        for _ in 0..120 {
            sleep(Duration::from_millis(draw(40_000))).await;
            let name = if draw(2) == 0 { "a" } else { "b" };
            match draw(5) {
                _ if !world.is_running(name) => world.start(name).await,
                0 => world.stop(name).await,
                1 => world.kill_one(name).await,
                2 => world.replica(name).reach.cut(true),
                3 => world.replica(name).line.stall(true),
                _ => {
                    world.replica(name).reach.cut(false);
                    world.replica(name).line.stall(false);
                }
            }
        }
        for name in ["a", "b"] {
            if !world.is_running(name) {
                world.start(name).await;
            }
            world.replica(name).reach.cut(false);
            world.replica(name).line.stall(false);
        }
        went_up_once(&world).await;
        let events = world.events().await;
        let intended = |what: &Happened| matches!(what, Happened::Intended { .. });
        assert_eq!(events.iter().filter(|event| intended(&event.what)).count(), 3, "seed {seed}");
    }
}

/// Numbers below a bound that look drawn, the same for a seed.
fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        // Knuth's MMIX; the high bits are the good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}
