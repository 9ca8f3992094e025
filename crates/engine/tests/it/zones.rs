//! A shift over several zones: a step that is on its way when somebody decides otherwise.

use crossfade_core::{
    RecordSet, ZoneId,
    fence::Fence,
    shift::{Cause, Command},
};
use crossfade_ports::{
    SubmitError,
    fake::zones::{Outcome, SubmitFault},
};

use crate::harness::{World, is};

/// Two zones. The first step's batch for the first one is on its way, and arrives only after this was committed.
async fn while_a_step_is_on_its_way(asked: Command) -> World {
    let world = stalled().await;
    world.ask(asked).await;
    world.replica("a").line.stall(false);
    world
}

/// Two zones, and a first step that cannot be sent.
async fn stalled() -> World {
    let mut world = World::with_zones(2).await;
    world.run().await;
    world.replica("a").line.stall(true);
    world.ask(Command::Start).await;
    world.until("intended", |shift| shift.write.is_some()).await;
    world
}

/// The numbers of the writes that were applied to a zone.
fn written(world: &World, zone: &ZoneId) -> Vec<u64> {
    let journal = world.zones.journal();
    let applied = journal.iter().filter(|entry| matches!(entry.outcome, Outcome::Applied { .. }));
    let here = applied.filter(|entry| entry.batch.zone == *zone);
    let number = |set: &RecordSet| Fence::decode(set).map(|fence| fence.generation);
    here.filter_map(|entry| entry.batch.changes.iter().filter_map(|change| number(&change.set)).max())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_revert_keeps_a_step_from_the_next_zone() {
    let world = while_a_step_is_on_its_way(Command::Revert).await;
    let shift = world.until("reverted", is("reverted")).await;
    assert_eq!(shift.generation, 2);
    let [first, next] = &world.groups[..] else { panic!("two zones") };
    assert_eq!(written(&world, &first.zone), [1, 2]);
    assert_eq!(written(&world, &next.zone), [2]);
    assert_eq!(world.weights(), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_freeze_keeps_a_step_from_the_next_zone() {
    let world = while_a_step_is_on_its_way(Command::Pause { freeze: true }).await;
    world.pass(60).await;
    let [first, next] = &world.groups[..] else { panic!("two zones") };
    assert_eq!(written(&world, &first.zone), [1]);
    assert_eq!(written(&world, &next.zone), [0; 0]);
    world.ask(Command::Resume).await;
    world.until("completed", is("completed")).await;
    assert_eq!(written(&world, &next.zone), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_leaves_all_zones_alike() {
    let world = while_a_step_is_on_its_way(Command::Pause { freeze: false }).await;
    world.until("quiet", |shift| shift.write.is_none()).await;
    world.pass(60).await;
    assert!(world.shift().await.holds.contains_key(&Cause::Operator));
    // The step is finished in the other zone, or undone in the first one: by what was known of it when it was paused.
    let weights: Vec<_> = world.groups.iter().map(|group| world.zones.weights(group)).collect();
    assert_eq!(weights[0], weights[1]);
    assert_eq!(world.steps().await, [10.0]);
}

/// What is known of a freeze before a batch is begun keeps it back, although no commit has met the freeze.
#[tokio::test(start_paused = true)]
async fn a_freeze_keeps_a_step_from_the_next_zone_where_the_first_one_refuses_it() {
    let world = stalled().await;
    world.zones.fail_submit(SubmitFault::Answer(SubmitError::Busy("PriorRequestNotComplete".to_owned())));
    world.ask(Command::Pause { freeze: true }).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    world.replica("a").line.stall(false);
    world.pass(60).await;
    for group in &world.groups {
        assert_eq!(written(&world, &group.zone), [0; 0]);
    }
}
