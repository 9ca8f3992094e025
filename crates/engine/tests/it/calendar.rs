//! Freezes, other shifts and approvals, with the engine running.

use crossfade_core::{
    GroupKey, RecordName,
    event::{Event, Happened},
    plan::Then,
    shift::{Cause, Command, OVERDUE, Phase, Purpose, command},
};
use crossfade_ports::{Store, store::Head};
use jiff::{SignedDuration, Timestamp};

use crate::harness::{World, ada, is, observing, plan};

async fn started(change: impl FnOnce(String) -> String) -> World {
    let mut world = World::with(change).await;
    world.run().await;
    world.ask(Command::Start).await;
    world
}

fn scheduled(schedule: &'static str) -> impl FnOnce(String) -> String {
    move |plan| format!("{plan}schedule: {schedule}\n")
}

/// When each step was intended.
fn steps(events: &[Event]) -> Vec<Timestamp> {
    let is_step =
        |event: &&Event| matches!(event.what, Happened::Intended { purpose: Purpose::Step { .. }, .. });
    events.iter().filter(is_step).map(|event| event.at).collect()
}

#[track_caller]
fn soon_after(at: Timestamp, earlier: Timestamp) {
    let passed = at.duration_since(earlier);
    assert!((SignedDuration::ZERO..SignedDuration::from_secs(15)).contains(&passed), "{passed}");
}

/// When a test begins it is 09:00 in UTC, and two hours before midnight in Auckland.
const FREEZE: &str = "{ timezone: Pacific/Auckland, freezes: [{ from: 2026-12-01T09:05:00Z, to: 2026-12-02, reason: audit }] }";

#[tokio::test(start_paused = true)]
async fn a_freeze_holds_a_shift_and_ends_to_the_second() {
    let world = started(scheduled(FREEZE)).await;
    let held = world.until("held", |shift| shift.holds.contains_key(&Cause::Calendar)).await;
    assert!(held.holds[&Cause::Calendar].sentence.contains("audit"));
    world.until("completed", is("completed")).await;
    let steps = steps(&world.events().await);
    assert_eq!(steps.len(), 3);
    assert!(steps[0] < "2026-12-01T09:05:00Z".parse().unwrap());
    let midnight = "2026-12-01T11:00:00Z".parse().unwrap();
    assert!(steps[1] >= midnight && steps[1] < midnight + SignedDuration::from_secs(5), "{}", steps[1]);
}

#[tokio::test(start_paused = true)]
async fn a_freeze_does_not_keep_a_shift_from_being_taken_back() {
    let world = started(scheduled(FREEZE)).await;
    world.until("held", |shift| shift.holds.contains_key(&Cause::Calendar)).await;
    world.fail_requests(0.2);
    world.until("reverted", is("reverted")).await;
    assert_eq!(world.weights(), (100, 0));
    assert!(world.events().await.iter().all(|event| event.at < "2026-12-01T10:00:00Z".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_shift_begins_when_the_one_before_it_is_completed() {
    let world = started(scheduled("{ after: [db] }")).await;
    let missing = |code: &'static str| {
        move |shift: &crossfade_core::shift::Shift| {
            shift.holds.get(&Cause::Dependency).is_some_and(|hold| hold.code == code)
        }
    };
    world.until("waiting for a shift that is not there", missing("after_missing")).await;

    let name = RecordName::new("db.example.com");
    world.zones.create_group(&world.group.zone, "db.example.com", &[("legacy", 100), ("cloud", 0)]);
    let group = GroupKey { name, ..world.group.clone() };
    world.apply(&plan("db", std::slice::from_ref(&group.zone)), vec![group]).await;
    world.until("waiting for one that is", missing("after")).await;
    let db = world.store.load("db").await.unwrap().unwrap().shift;
    let (started, events) = command(&db, Command::Start, &ada(), None, db.created_at).unwrap();
    world.store.commit(&Head::of(&db), &started, &events, None, None).await.unwrap();

    world.until("completed", is("completed")).await;
    let db = world.store.events("db", 0, 10_000).await.unwrap();
    let completed = db.iter().find(|event| event.what == Happened::Completed {}).unwrap();
    soon_after(steps(&world.events().await)[0], completed.at);
}

fn approval(then: &'static str) -> impl FnOnce(String) -> String {
    move |plan| {
        let step = format!("steps: [10, {{ share: 50, approval: {{ deadline: 2h, then: {then} }} }}");
        plan.replace("steps: [10, 50", &step)
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_nobody_approves_in_time_is_taken_back() {
    let world = started(approval("revert")).await;
    let held = world.until("waiting", |shift| shift.holds.contains_key(&Cause::Approval)).await;
    let since = held.holds[&Cause::Approval].since;
    world.until("reverted", is("reverted")).await;
    let events = world.events().await;
    let expired = |event: &&Event| matches!(event.what, Happened::ApprovalExpired { then: Then::Revert, .. });
    soon_after(events.iter().find(expired).unwrap().at, since + SignedDuration::from_hours(2));
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_overdue_can_still_be_approved() {
    let world = started(approval("hold")).await;
    world
        .until("overdue", |shift| shift.holds.get(&Cause::Approval).is_some_and(|h| h.code == OVERDUE))
        .await;
    assert!(observing(10.0)(&world.shift().await));
    world.ask(Command::Approve).await;
    world.until("completed", is("completed")).await;
    assert_eq!(world.steps().await, [10.0, 50.0, 100.0]);
}

/// As after a suspended machine has woken up: what waits for a time waits no longer for it than the time lasts.
#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_forward_is_noticed() {
    let mut world = World::with(scheduled("{ start: 2026-12-01T21:00:00Z }")).await;
    world.run().await;
    world.pass(10).await;
    world.clock.set_ahead(SignedDuration::from_hours(12));
    world.pass(6).await;
    assert!(matches!(world.shift().await.phase, Phase::Running { .. }));
}
