//! What is still seen of shifts that are over.

use std::time::Duration;

use crossfade_core::{
    GroupKey, RecordName, RecordType,
    gate::Side,
    report::headline,
    shift::{Command, command},
};
use crossfade_ports::{Clock as _, Store as _, store::Head};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{SHIFT, World, ada, is, plan, query};

async fn report(world: &World) -> crossfade_core::report::Report {
    report_of(world, SHIFT).await
}

async fn report_of(world: &World, shift: &str) -> crossfade_core::report::Report {
    world.store.load(shift).await.unwrap().unwrap().report.unwrap()
}

#[tokio::test(start_paused = true)]
async fn after_a_revert_the_cloud_side_falls_silent() {
    let mut world = World::started().await;
    world.until("at 10 %", crate::harness::observing(10.0)).await;
    world.ask(Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    // Every minute half as many as in the one before.
    let begins = world.clock.now();
    world.metrics.clear(&query("Requests"));
    for minute in 0..40 {
        let from = begins + SignedDuration::from_mins(minute);
        let requests = (10_000.0 * 0.5_f64.powf(minute as f64 / 5.0)).round();
        world.metrics.put_each(&query("Requests"), from, from + SignedDuration::from_mins(1), requests);
    }
    let written = world.zones.journal().len();
    let version = world.shift().await.version;
    world.pass(40).await;
    let tail = report(&world).await.tail.unwrap();
    assert_eq!(tail.side, Side::To);
    let half_life = tail.half_life_seconds.unwrap();
    assert!((270..=330).contains(&half_life), "{half_life}");
    let seen = headline(&world.shift().await, Some(&report(&world).await), world.clock.now());
    assert!(seen.contains(&format!(" {} ", tail.sentence)), "{seen}");
    assert!(tail.sentence.ends_with(", half as many every 5 min."), "{}", tail.sentence);

    // Nothing was decided and nothing written; another daemon finds it in the store.
    assert_eq!((world.zones.journal().len(), world.shift().await.version), (written, version));
    world.kill().await;
    world.pass(10).await;
    let before = report(&world).await.tail.unwrap().at;
    world.run().await;
    world.pass(10).await;
    assert!(report(&world).await.tail.unwrap().at > before);

    // Given up, it is left alone.
    world.ask(Command::Finalize).await;
    world.until("released", |shift| !shift.holds_records()).await;
    let last = report(&world).await;
    world.pass(30).await;
    assert_eq!(report(&world).await, last);
}

#[tokio::test(start_paused = true)]
async fn an_ended_shift_is_followed_for_a_week_and_can_go_on() {
    let mut world = World::started().await;
    world.until("at 10 %", crate::harness::observing(10.0)).await;
    world.ask(Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    world.pass(10).await;
    let seen = report(&world).await.tail.unwrap().at;
    assert!(seen.is_some());
    world.ask(Command::Retry).await;
    world.until("completed", is("completed")).await;
    // No gate of this plan counts the legacy side's requests.
    world.pass(10).await;
    assert_eq!(report(&world).await.tail, None);
    world.ask(Command::Revert).await;
    world.until("reverted again", is("reverted")).await;
    world.pass(10).await;
    world.kill().await;
    let last = report(&world).await.tail.unwrap();
    tokio::time::sleep(Duration::from_secs(7 * 24 * 3_600)).await;
    world.run().await;
    world.pass(20).await;
    assert_eq!(report(&world).await.tail.unwrap(), last);
    // Nor is it read any more: a store keeps all that ever ended.
    assert_eq!(world.replica("a").reach.listed(), 0);
}

/// One more shift, before the other in every order.
const ANOTHER: &str = "another";

async fn another(world: &World) {
    let zone = &world.group.zone;
    let name = RecordName::new("another.example.com");
    world.zones.create_group(zone, "another.example.com", &[("legacy", 100), ("cloud", 0)]);
    let group = GroupKey { zone: zone.clone(), name, record_type: RecordType::A };
    world.apply(&plan(ANOTHER, std::slice::from_ref(zone)), vec![group]).await;
}

async fn ask_another(world: &World, verb: Command) {
    let shift = world.store.load(ANOTHER).await.unwrap().unwrap().shift;
    let (next, events) = command(&shift, verb, &ada(), None, world.clock.now()).unwrap();
    world.store.commit(&Head::of(&shift), &next, &events, None, None).await.unwrap();
}

/// When the tail of each was last seen.
async fn seen(world: &World) -> [Option<Timestamp>; 2] {
    [report_of(world, ANOTHER).await.tail.unwrap().at, report_of(world, SHIFT).await.tail.unwrap().at]
}

#[tokio::test(start_paused = true)]
async fn an_ended_shift_that_cannot_be_read_keeps_no_other_from_being_followed() {
    let mut world = World::started().await;
    another(&world).await;
    ask_another(&world, Command::Start).await;
    world.until("at 10 %", crate::harness::observing(10.0)).await;
    world.pass(2).await;
    world.ask(Command::Revert).await;
    ask_another(&world, Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    world.pass(10).await;
    let before = seen(&world).await;

    world.kill().await;
    world.run().await;
    let reach = world.replica("a").reach.clone();
    reach.spoil(Some(ANOTHER));
    world.pass(7).await;
    let listed = reach.listed();
    let first = seen(&world).await;
    assert!(first[1] > before[1]);
    // All that has ended is listed once. From then on each is asked for by its name, this one too.
    world.pass(20).await;
    let second = seen(&world).await;
    assert!(second[1] > first[1]);
    assert_eq!((reach.listed(), second[0]), (listed, before[0]));
    // So it is followed as soon as it can be read.
    reach.spoil(None);
    world.pass(7).await;
    assert!(seen(&world).await[0] > before[0]);
}
