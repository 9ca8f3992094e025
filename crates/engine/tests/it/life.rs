//! Shifts that go as they should, and people who change their minds.

use crossfade_core::{
    gate::{AlarmQuery, AlarmState, ProbeOutcome},
    shift::{Cause, Command, fold},
};
use crossfade_ports::{Clock, ZonesError};

use crate::harness::{World, is, observing};

#[tokio::test(start_paused = true)]
async fn it_takes_every_step_and_is_completed() {
    let world = World::started().await;
    world.until("completed", is("completed")).await;
    assert_eq!(world.steps().await, [10.0, 50.0, 100.0]);
    assert_eq!(world.weights(), (0, 1));
    assert_eq!(world.zones.journal().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn errors_take_it_back() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.fail_requests(0.2);
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_person_can_pause_step_back_and_revert() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    world.ask(Command::Pause { freeze: false }).await;
    world.pass(120).await;
    assert_eq!(world.steps().await, [10.0, 50.0]);

    world.ask(Command::StepBack).await;
    world.until("back at 10 %", observing(10.0)).await;
    world.ask(Command::Resume).await;
    world.until("at 50 % again", observing(50.0)).await;

    world.ask(Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
    world.pass(60).await;
    assert_eq!(world.weights(), (100, 0));

    world.ask(Command::Finalize).await;
    world.until("released", |shift| !shift.holds_records()).await;
    assert_eq!(world.fence(), None);
}

#[tokio::test(start_paused = true)]
async fn a_gate_takes_it_back_although_the_daemon_is_behind_the_store() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    // The database is away before the daemon has read what a person has asked for.
    world.ask(Command::Pause { freeze: false }).await;
    world.store.set_unavailable(true);
    world.pass(5).await;
    world.fail_requests(0.5);
    world.pass(15).await;
    assert_eq!(world.weights(), (100, 0));
    world.store.set_unavailable(false);
    let shift = world.until("reverted", is("reverted")).await;
    assert_eq!(fold(&world.events().await).unwrap(), shift);
}

#[tokio::test(start_paused = true)]
async fn records_of_a_zone_that_is_gone_can_be_given_up() {
    let world = World::started().await;
    world.until("completed", is("completed")).await;
    world.ask(Command::Finalize).await;
    world.zones.fail_reads(Some(ZonesError::NoSuchZone("Z1".to_owned())));
    world.until("released", |shift| !shift.holds_records()).await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_edit_holds_it_until_somebody_decides() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.zones.foreign_weight(&world.group, "cloud", 7);
    world.until("held", |shift| shift.holds.contains_key(&Cause::Drift)).await;
    world.pass(120).await;
    assert_eq!(world.cloud(), 7);
    world.ask(Command::Reassert).await;
    world.until("written again", |_| world.weights() == (9, 1)).await;
    world.until("completed", is("completed")).await;
    assert_eq!(world.steps().await, [10.0, 50.0, 100.0]);
}

#[tokio::test(start_paused = true)]
async fn missing_metrics_hold_it() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.metrics.outage(Some("CloudWatch is away"));
    world.until("held", |shift| shift.holds.contains_key(&Cause::NoData)).await;
    world.pass(120).await;
    assert_eq!(world.steps().await, [10.0]);
    world.metrics.outage(None);
    world.until("completed", is("completed")).await;
}

#[tokio::test(start_paused = true)]
async fn a_red_alarm_holds_it_before_the_first_step_and_takes_it_back_after() {
    let mut world = World::asking("  - { name: alarms, alarms: { names: [latency, site] } }\n").await;
    let set = |world: &World, name: &str, state| {
        let query = AlarmQuery { region: None, name: name.to_owned() };
        world.metrics.set_alarm(&query, state, world.clock.now());
    };
    set(&world, "latency", AlarmState::InsufficientData);
    world.run().await;
    world.ask(Command::Start).await;
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::NoData)).await;
    assert!(held.holds[&Cause::NoData].sentence.contains("there is no alarm site"), "{held:?}");

    set(&world, "site", AlarmState::Alarm);
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Gate)).await;
    assert_eq!(held.holds[&Cause::Gate].code, "red_before");
    world.pass(30).await;
    assert!(world.steps().await.is_empty());

    set(&world, "site", AlarmState::Ok);
    world.until("at 10 %", observing(10.0)).await;
    world.pass(30).await;
    assert_eq!(world.steps().await, [10.0], "an alarm without data does not pass");
    set(&world, "latency", AlarmState::Ok);
    world.until("at 50 %", observing(50.0)).await;
    set(&world, "site", AlarmState::Alarm);
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_its_probes_holds_it_before_the_first_step_and_takes_it_back_after() {
    let mut world = World::asking("  - { name: reachable, probe: { path: /healthz } }\n").await;
    let cloud = "192.0.2.2";
    world.probes.answer(cloud, 503);
    world.run().await;
    world.ask(Command::Start).await;
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Gate)).await;
    let hold = &held.holds[&Cause::Gate];
    assert_eq!(hold.code, "probe_failed");
    assert_eq!(
        hold.sentence,
        "gate reachable: www.example.com at 192.0.2.2:443: it answered with status 503"
    );
    world.pass(30).await;
    assert!(world.steps().await.is_empty());
    assert!(is("running")(&world.shift().await), "nothing has moved that could be taken back");

    // The legacy side is nobody's concern.
    world.probes.answer("192.0.2.1", 503);
    world.probes.answer(cloud, 200);
    world.until("at 10 %", observing(10.0)).await;
    world.probes.set(cloud, ProbeOutcome::Unknown("there is no way to it from here".to_owned()));
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::NoData)).await;
    assert!(held.holds[&Cause::NoData].sentence.contains("no way to it"), "{held:?}");
    world.pass(30).await;
    assert_eq!(world.steps().await, [10.0], "what cannot be probed neither passes nor fails");

    world.probes.set(cloud, ProbeOutcome::Fine);
    world.until("at 50 %", observing(50.0)).await;
    world.probes.set(cloud, ProbeOutcome::Failed("its certificate has expired".to_owned()));
    let began = world.clock.now();
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
    let took = world.clock.now().duration_since(began);
    assert!(took < jiff::SignedDuration::from_mins(4), "{took}");
}
