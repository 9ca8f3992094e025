//! What goes wrong in one place, and keeps nothing else waiting: an account, a zone, a store that takes its time.

use std::time::Duration;

use crossfade_core::{
    GroupKey, RecordName, RecordType, ZoneId,
    event::Happened,
    shift::{Cause, Command, command, fold},
};
use crossfade_ports::{Clock as _, Store as _, SubmitError, fake::zones::SubmitFault, store::Head};
use tokio::time::{Instant, sleep};

use crate::harness::{SHIFT, World, ada, is, observing, plan};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Where the `to` side is.
const CLOUD: &str = "192.0.2.2";

/// As long as a database that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it takes from now on until the first group is as it was.
async fn until_back(world: &World) -> Duration {
    let began = Instant::now();
    while world.weights() != (100, 0) {
        sleep(SECOND).await;
        assert!(began.elapsed() < 120 * MINUTE, "never");
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_after_a_rounds_own_commits_keeps_it_from_writing() {
    let mut world = World::new().await;
    world.run().await;
    let line = world.replica("a").line.clone();
    line.stall(true);
    world.ask(Command::Start).await;
    world.until("intended", |shift| shift.write.is_some()).await;
    // The daemon looks into the store, and finds what the round has committed itself.
    sleep(3 * SECOND).await;
    world.zones.fail_submit(SubmitFault::Answer(SubmitError::Unanswered("timeout".to_owned())));
    line.silence(true);
    line.stall(false);
    let unanswered = |what: &Happened| matches!(what, Happened::Unanswered { .. });
    while !world.events().await.iter().any(|event| unanswered(&event.what)) {
        sleep(SECOND).await;
    }
    // The round now waits for the zone.
    sleep(3 * SECOND).await;
    world.ask(Command::Pause { freeze: true }).await;
    sleep(3 * SECOND).await;
    line.silence(false);
    world.pass(60).await;
    assert!(world.shift().await.holds.contains_key(&Cause::Operator));
    assert_eq!((world.weights(), line.sent().len()), ((100, 0), 1));
    world.ask(Command::Resume).await;
    world.until("completed", is("completed")).await;
}

#[tokio::test(start_paused = true)]
async fn a_revert_does_not_wait_for_what_becomes_of_a_change() {
    let mut world = World::new().await;
    world.run().await;
    world.zones.hold_changes(true);
    world.ask(Command::Start).await;
    world.until("applied", |shift| shift.has_written()).await;
    world.replica("a").line.silence(true);
    sleep(10 * SECOND).await;
    world.ask(Command::Revert).await;
    sleep(2 * SECOND).await;
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_revert_is_not_stopped_by_a_store_that_refuses_to_record_it() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    world.replica("a").reach.refuse(true);
    world.fail_requests(0.5);
    let took = until_back(&world).await;
    assert!(took < 15 * MINUTE, "{took:?}");
    world.replica("a").reach.refuse(false);
    let shift = world.until("reverted", is("reverted")).await;
    assert_eq!(fold(&world.events().await).unwrap(), shift);
}

#[tokio::test(start_paused = true)]
async fn zones_that_go_back_do_not_wait_for_the_store_one_after_another() {
    let mut world = World::with_zones(12).await;
    world.run().await;
    world.ask(Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    let (reach, line) = (world.replica("a").reach.clone(), world.replica("a").line.clone());
    reach.fails_after(PATIENCE);
    reach.cut(true);
    let before = line.sent().len();
    world.fail_requests(0.5);
    until_back(&world).await;
    sleep(10 * MINUTE).await;
    let sent = line.sent().split_off(before);
    assert!(world.groups.iter().all(|group| world.zones.weights(group)["cloud"].0 == 0));
    assert!(sent[11] - sent[0] < PATIENCE, "{:?}", sent[11] - sent[0]);
    reach.cut(false);
    let shift = world.until("reverted", is("reverted")).await;
    assert_eq!(fold(&world.events().await).unwrap(), shift);
}

/// A hundred shifts are to be taken over when the store falls silent.
#[tokio::test(start_paused = true)]
async fn a_store_that_falls_silent_is_asked_for_one_shift_and_not_for_all() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    let reach = world.replica("a").reach.clone();
    reach.fails_after(PATIENCE);
    reach.cut_within_a_look();
    let zone = &world.group.zone;
    for number in 0..100 {
        let name = format!("s{number}");
        let of = RecordName::new(&format!("{name}.example.com"));
        let group = GroupKey { zone: zone.clone(), name: of, record_type: RecordType::A };
        world.apply(&plan(&name, std::slice::from_ref(zone)), vec![group]).await;
    }
    while !reach.is_cut() {
        sleep(SECOND).await;
    }
    world.fail_requests(0.5);
    let took = until_back(&world).await;
    assert!(took < 10 * MINUTE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_metrics_do_not_answer_holds_no_other_accounts_shifts() {
    let mut world = World::new().await;
    // It comes first in every order.
    world.accounts = vec!["another", "default"];
    world.mute = Some("another");
    let zone = world.zones.create_zone("example.com");
    let group = GroupKey { zone: zone.clone(), name: world.group.name.clone(), record_type: RecordType::A };
    world.zones.create_group(&zone, "www.example.com", &[("legacy", 100), ("cloud", 0)]);
    let gates = "  - { name: alarms, alarms: { names: [latency] } }\naccount: another\n";
    world.apply(&(plan("silent", &[zone]) + gates), vec![group]).await;
    let shift = world.store.load("silent").await.unwrap().unwrap().shift;
    let (next, events) = command(&shift, Command::Start, &ada(), None, world.clock.now()).unwrap();
    world.store.commit(&Head::of(&shift), &next, &events, None, None).await.unwrap();

    world.run().await;
    world.ask(Command::Start).await;
    world.until("at 50 %", observing(50.0)).await;
    world.fail_requests(0.5);
    let took = until_back(&world).await;
    assert!(took < 5 * MINUTE, "{took:?}");
    let silent = world.store.load("silent").await.unwrap().unwrap().shift;
    assert_eq!(silent.landed.percent(), 0.0);
    assert_eq!(world.replica("a").vitals.signs().metrics, None, "not all metrics were read");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_could_not_be_saved_is_saved_later() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    let reach = world.replica("a").reach.clone();
    reach.refuse_reports(&[SHIFT]);
    world.until("completed", is("completed")).await;
    world.pass(10).await;
    let saved = async || world.store.load(SHIFT).await.unwrap().unwrap().report;
    let newest = reach.report(SHIFT);
    assert_ne!(saved().await, newest);
    reach.refuse_reports(&[]);
    world.pass(1).await;
    assert_eq!(saved().await, newest);
}

/// One more shift, before the others in every order.
async fn another(world: &World) {
    let zone = &world.group.zone;
    let group = GroupKey {
        zone: zone.clone(),
        name: RecordName::new("another.example.com"),
        record_type: RecordType::A,
    };
    world.apply(&plan("another", std::slice::from_ref(zone)), vec![group]).await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_refused_keeps_no_other_from_being_saved() {
    let mut world = World::new().await;
    another(&world).await;
    world.run().await;
    let reach = world.replica("a").reach.clone();
    reach.refuse_reports(&["another"]);
    world.ask(Command::Start).await;
    world.until("completed", is("completed")).await;
    world.pass(1).await;
    assert!(reach.report("another").is_some());
    let saved = async |name| world.store.load(name).await.unwrap().unwrap().report;
    assert_eq!((saved("another").await, saved(SHIFT).await), (None, reach.report(SHIFT)));
}

#[tokio::test(start_paused = true)]
async fn a_shift_that_is_not_to_be_had_keeps_no_other_waiting() {
    let mut world = World::new().await;
    another(&world).await;
    world.run().await;
    world.replica("a").reach.hide("another");
    world.ask(Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
}

/// As many as AWS may be asked in any ten seconds: five a second, and ten at once.
const ASKED_MAX: usize = 60;

#[tokio::test(start_paused = true)]
async fn many_zones_keep_to_the_budget_on_the_way_up_and_not_on_the_way_down() {
    let mut world = World::with_zones(40).await;
    world.run().await;
    let line = world.replica("a").line.clone();
    world.ask(Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    let sent = line.sent().len();
    world.until("in the middle of the next step", |_| line.sent().len() >= sent + 20).await;
    let asked = line.asked();
    let within =
        |at: &Instant| asked.iter().filter(|other| *at <= **other && **other < *at + 10 * SECOND).count();
    let most = asked.iter().map(within).max().unwrap();
    assert!(most <= ASKED_MAX, "{most}");
    assert!(most > 40, "the budget is used: {most}");

    // In the middle of a step, with nothing left of the budget.
    let sent = line.sent().len();
    world.ask(Command::Revert).await;
    let asked = Instant::now();
    world.until("back", |_| line.sent().len() >= sent + 40).await;
    assert!(asked.elapsed() <= 2 * SECOND, "{:?}", asked.elapsed());
    assert!(world.groups.iter().all(|group| world.zones.weights(group)["cloud"].0 == 0));
    world.until("reverted", is("reverted")).await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_judged_between_zones_that_do_not_answer() {
    let mut world = World::with_zones(20).await;
    world.run().await;
    world.ask(Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    let line = world.replica("a").line.clone();
    // As long as an operation of the AWS SDK may take.
    line.fails_after(25 * SECOND);
    line.cut(true);
    world.pass(2).await;
    world.fail_requests(0.5);
    let failed = Instant::now();
    world.until("going back", is("reverting")).await;
    assert!(failed.elapsed() < 5 * MINUTE, "{:?}", failed.elapsed());
}

/// Three probes that fail in a row are a failure, because they are half a minute apart.
#[tokio::test(start_paused = true)]
async fn targets_are_probed_in_their_own_time_whatever_else_begins() {
    const GATE: &str = "  - { name: reachable, probe: { path: /healthz } }\n";
    let mut world = World::asking(GATE).await;
    let begin = async |world: &World, zone: ZoneId, name: &str| {
        let record = RecordName::new(&format!("{name}.example.com"));
        let group = GroupKey { zone: zone.clone(), name: record, record_type: RecordType::A };
        world.apply(&(plan(name, &[zone]) + GATE), vec![group]).await;
        world.command(name, Command::Start).await;
    };
    begin(&world, ZoneId("Z0NOWHERE".to_owned()), "nowhere").await;
    world.run().await;
    world.ask(Command::Start).await;
    world.until("at 10 %", observing(10.0)).await;
    let before = world.probes.probes();
    world.pass(5).await;
    let probes = world.probes.probes() - before;
    assert!((9..=11).contains(&probes), "{probes}");

    world.probes.answer(CLOUD, 503);
    let failing = Instant::now();
    for number in 0..60 {
        if !is("running")(&world.shift().await) {
            break;
        }
        // Targets that were never probed.
        let zone = world.zones.create_zone("example.com");
        let name = format!("new-{number}");
        world.zones.create_group(&zone, &format!("{name}.example.com"), &[("legacy", 100), ("cloud", 0)]);
        begin(&world, zone, &name).await;
        sleep(5 * SECOND).await;
    }
    assert!(!is("running")(&world.shift().await) && failing.elapsed() >= MINUTE, "{:?}", failing.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_daemon_ends_although_a_zone_does_not_answer() {
    let mut world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.replica("a").line.silence(true);
    // It is read back by then.
    world.pass(2).await;
    let asked = Instant::now();
    world.stop("a").await;
    assert!(asked.elapsed() <= SECOND, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_daemon_ends_although_the_store_does_not_answer() {
    let mut world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    let reach = world.replica("a").reach.clone();
    reach.fails_after(60 * MINUTE);
    reach.cut(true);
    world.pass(1).await;
    let asked = Instant::now();
    world.stop("a").await;
    // Leases are given up, or run out.
    assert!(asked.elapsed() <= 5 * SECOND, "{:?}", asked.elapsed());
}
