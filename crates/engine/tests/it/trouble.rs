//! Everything that can go wrong between a decision and its confirmation.

use crossfade_core::{
    batch::Action,
    event::{Event, Happened},
    fence::Fence,
    shift::{Cause, Command},
};
use crossfade_engine::Point;
use crossfade_ports::{
    SubmitError, ZonesError,
    fake::zones::{Outcome, SubmitFault},
};

use crate::harness::{World, is, observing};

/// Every step once, each written by one batch that was applied.
pub(crate) async fn went_up_once(world: &World) {
    world.until("completed", is("completed")).await;
    assert_eq!(world.steps().await, [10.0, 50.0, 100.0]);
    let applied = |outcome: &Outcome| matches!(outcome, Outcome::Applied { .. });
    let journal = world.zones.journal();
    assert_eq!(journal.iter().filter(|entry| applied(&entry.outcome)).count(), 3, "{journal:#?}");
    assert_eq!(world.weights(), (0, 1));
    assert_eq!(world.fence().unwrap().generation, 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_recognised_as_its_own() {
    let world = World::started().await;
    for _ in 0..3 {
        world.zones.fail_submit(SubmitFault::AppliedUnanswered);
    }
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn every_refusal_to_take_the_batch_is_waited_out() {
    let world = World::started().await;
    for error in [
        SubmitError::Throttled("Rate exceeded".to_owned()),
        SubmitError::Busy("PriorRequestNotComplete".to_owned()),
        SubmitError::NotSent("connection refused".to_owned()),
        SubmitError::Denied("not yet".to_owned()),
        SubmitError::Unanswered("timeout".to_owned()),
    ] {
        world.zones.fail_submit(SubmitFault::Answer(error));
    }
    went_up_once(&world).await;
}

/// However often the batch is not taken, and the zone read in between.
#[tokio::test(start_paused = true)]
async fn a_spell_without_writes_is_one_hold() {
    let world = World::started().await;
    for _ in 0..30 {
        let busy = SubmitError::Busy("PriorRequestNotComplete".to_owned());
        world.zones.fail_submit(SubmitFault::Answer(busy));
    }
    world.until("at 10 %", observing(10.0)).await;
    let of_fault = |event: &Event| {
        let (Happened::HoldBegan { hold } | Happened::HoldEnded { hold }) = &event.what else { return None };
        (hold.cause == Cause::Fault).then_some(matches!(event.what, Happened::HoldBegan { .. }))
    };
    let told: Vec<bool> = world.events().await.iter().filter_map(of_fault).collect();
    assert_eq!(told, [true, false], "it began once and ended once");
}

#[tokio::test(start_paused = true)]
async fn a_late_batch_lands_once_or_never() {
    let world = World::started().await;
    world.zones.fail_submit(SubmitFault::Late);
    // The batch is sent again, and then the first copy arrives.
    world.until("at 10 %", observing(10.0)).await;
    assert!(matches!(world.zones.land()[..], [Outcome::Refused(_)]));
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_nobody_remembers_is_given_its_time() {
    let world = World::started().await;
    world.zones.hold_changes(true);
    world.until("applied", |shift| shift.has_written()).await;
    world.zones.forget_changes();
    world.zones.hold_changes(false);
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_cannot_be_read_is_a_fault_and_no_more() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.zones.fail_reads(Some(ZonesError::Unavailable("500".to_owned())));
    world.until("held", |shift| shift.holds.contains_key(&Cause::Fault)).await;
    world.pass(60).await;
    assert_eq!(world.steps().await, [10.0]);
    // Going down needs no reading.
    world.ask(Command::Revert).await;
    world.until("back", |_| world.weights() == (100, 0)).await;
    world.zones.fail_reads(None);
    world.until("reverted", is("reverted")).await;
}

#[tokio::test(start_paused = true)]
async fn a_revert_is_not_stopped_by_a_store_that_does_not_answer() {
    let world = World::started().await;
    world.until("at 50 %", observing(50.0)).await;
    world.store.set_unavailable(true);
    world.fail_requests(0.5);
    let mut minutes = 0;
    while world.weights() != (100, 0) {
        world.pass(1).await;
        minutes += 1;
        assert!(minutes < 30, "not taken back: {:?}", world.weights());
    }
    world.store.set_unavailable(false);
    let shift = world.until("reverted", is("reverted")).await;
    // What was done meanwhile is in the history, and the history adds up.
    let events = world.events().await;
    assert_eq!(crossfade_core::shift::fold(&events).unwrap(), shift);
    assert!(events.iter().any(|event| matches!(event.what, Happened::GateFailed { .. })));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_up_without_a_store() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    world.store.set_unavailable(true);
    world.pass(120).await;
    assert_eq!(world.weights(), (9, 1));
    world.store.set_unavailable(false);
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_revert_overwrites_in_the_end() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    for _ in 0..3 {
        world.zones.fail_submit(SubmitFault::Answer(SubmitError::Refused("no match".to_owned())));
    }
    world.ask(Command::Revert).await;
    world.until("reverted", is("reverted")).await;
    let last = world.zones.journal().pop().unwrap().batch;
    assert!(last.changes.iter().all(|change| change.action == Action::Upsert));
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_revert_that_others_did_is_found() {
    let world = World::started().await;
    world.until("at 10 %", observing(10.0)).await;
    let fence = world.fence().unwrap();
    world.zones.foreign_weight(&world.group, "legacy", 100);
    world.zones.foreign_weight(&world.group, "cloud", 0);
    let next = Fence { generation: fence.generation + 1, ..fence };
    world.zones.foreign_write(&world.group.zone, next.record_set(&world.group.name));
    world.until("reverted", is("reverted")).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_neither_repeats_nor_skips_a_step() {
    for point in Point::OF_A_WRITE {
        for count in 1..=3 {
            let mut world = World::new().await;
            world.crash_at(point, count);
            world.run().await;
            world.ask(Command::Start).await;
            // The round that panics is taken up again by the same engine.
            went_up_once(&world).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_killed_between_any_two_seconds_is_followed_by_another() {
    let mut world = World::started().await;
    for _ in 0..150 {
        // Long enough for the next one to find the lease run out, and to do a little.
        tokio::time::sleep(std::time::Duration::from_secs(23)).await;
        world.kill().await;
        world.run().await;
    }
    went_up_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_a_revert_does_not_stop_it() {
    for point in Point::OF_A_WRITE {
        let mut world = World::new().await;
        // The first two of each kind belong to the steps up to here, the third to the revert.
        world.crash_at(point, 3);
        world.run().await;
        world.ask(Command::Start).await;
        world.until("at 50 %", observing(50.0)).await;
        // A gate's revert: the daemon itself commits the intent, so that every point is passed.
        world.fail_requests(0.5);
        world.until("reverted", is("reverted")).await;
        assert_eq!(world.weights(), (100, 0));
    }
}
