//! A fence stands until nothing can arrive any more that only a fence refuses, and is one that refuses it.

use jiff::SignedDuration;

use super::{Fate, PLAN, World, ada, apply, member};
use crate::{
    RecordName, RecordSet, Share, ZoneId,
    batch::Batch,
    decide::ZoneRead,
    event::{ChangeId, Happened},
    fence::Fence,
    plan::{Format, parse},
    report::headline,
    shift::{ARRIVES_WITHIN, Cause, Command, Phase, Purpose, create},
};

const MINUTES: i64 = 10;

const TWO_ZONES: &str =
    "[{ zone: Z1, name: www.example.com, types: [A] }, { zone: Z2, name: www.example.com, types: [A] }]";

fn change() -> ChangeId {
    ChangeId("C1".to_owned())
}

/// Started, with a first batch that is still on its way when its answer is given up.
fn in_flight() -> (World, Batch) {
    let mut world = World::started();
    world.fates = vec![Fate::Lost];
    while world.batches.is_empty() {
        world.step();
    }
    let late = world.batches[0].clone();
    (world, late)
}

#[test]
fn a_first_batch_that_arrives_after_a_cancel_is_refused() {
    assert_eq!(ARRIVES_WITHIN, SignedDuration::from_mins(MINUTES));
    let (mut world, late) = in_flight();
    assert!(apply(&mut world.zone.clone(), &late), "nothing but a fence refuses it");
    world.ask(Command::Cancel);
    world.settle();
    // No weight was changed, and a fence stands before the records are given up.
    assert!(!apply(&mut world.zone.clone(), &late));
    assert_eq!(world.cloud(), 0);
    world.pass(MINUTES - 1);
    assert!(world.fence().is_some() && world.shift.is_active() && world.shift.holds_records());
    let said = headline(&world.shift, None, world.now);
    assert!(
        said.contains("their fence still stands") && said.contains("removed at 2026-12-01T09:1"),
        "{said}"
    );
    world.pass(3);
    assert_eq!(world.fence(), None);
    assert!(!world.shift.is_active() && !world.shift.holds_records());
    assert!(matches!(world.shift.phase, Phase::Cancelled { .. }));
}

#[test]
fn a_first_batch_that_was_sent_twice_is_waited_for() {
    let (mut world, late) = in_flight();
    world.settle();
    world.pass(1);
    world.check("running", 10.0, &[]);
    world.ask(Command::Revert);
    world.settle();
    world.ask(Command::Finalize);
    world.settle();
    // The records are as the first batch expects them, and the second copy may be on its way.
    assert!(!apply(&mut world.zone.clone(), &late));
    world.pass(MINUTES + 1);
    assert_eq!(world.fence(), None);
    assert!(!world.shift.holds_records());
}

#[test]
fn what_another_daemon_may_have_sent_is_waited_for() {
    let mut world = World::started();
    // It sends the batch and dies before it has written down anything of it.
    while world.shift.write.is_none() {
        world.step();
    }
    world.seen = super::Observation::default();
    world.epoch = 2;
    world.settle();
    world.pass(2);
    world.check("running", 10.0, &[]);
    world.ask(Command::Cancel);
    world.settle();
    assert!(world.fence().is_some());
    world.pass(MINUTES);
    assert_eq!(world.fence(), None);
}

#[test]
fn a_frozen_shift_that_is_cancelled_says_what_ends_it() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Pause { freeze: true });
    world.ask(Command::Cancel);
    world.pass(60);
    assert!(world.fence().is_some());
    insta::assert_snapshot!(headline(&world.shift, None, world.now), @"Cancelled at 2026-12-01T09:05:00Z: the records were left as they are, on 10 %; their fence still stands. Held by ada since 2026-12-01T09:05:00Z: paused and frozen: nothing is written, not even a revert by a gate. Reason given: because. The fence stands, and the records belong to this shift, until `resume`: nothing is written while it is frozen.");
    world.ask(Command::Resume);
    world.settle();
    assert_eq!(world.fence(), None);
}

#[test]
fn a_release_that_was_given_up_is_tried_again() {
    let mut world = World::started();
    world.pass(5);
    world.fates = vec![Fate::Refused; 3];
    world.ask(Command::Cancel);
    world.pass(2);
    assert!(world.shift.holds.contains_key(&Cause::Fault) && world.fence().is_some());
    world.ask(Command::Resume);
    world.settle();
    assert!(world.fence().is_none() && !world.shift.holds_records());
}

#[test]
fn fences_that_are_all_gone_at_one_look_are_released() {
    let plan = PLAN.replace("[{ zone: Z1, name: www.example.com, types: [A] }]", TWO_ZONES);
    let plan = parse(&plan, Format::Yaml).unwrap();
    let group = |zone| format!("{zone}/www.example.com/A").try_into().unwrap();
    let mut world = World::started();
    let groups = ["Z1", "Z2"].map(group).to_vec();
    (world.shift, world.events) = create(plan, groups, &ada(), None, world.now).unwrap();
    let sets = vec![member("legacy", 100), member("cloud", 0)];
    let zones = ["Z1", "Z2"].map(|zone| (ZoneId::new(zone), sets.clone()));
    world.ask(Command::Start);
    world.happen(vec![Happened::BaselineTaken { sets: zones.clone().into() }]);
    let share = Share::from_percent(10.0).unwrap();
    let step = world.shift.intend(Purpose::Step { index: 0 }, share, world.shift.weights_for(share));
    world.happen(vec![step]);
    for (zone, _) in &zones {
        world.happen(vec![Happened::Accepted { generation: 1, zone: zone.clone(), change: Some(change()) }]);
    }
    world.ask(Command::Cancel);
    for (zone, listed) in zones {
        world.seen.zones.insert(zone, ZoneRead { at: world.now, listed: Ok(listed) });
    }
    world.pass(2);
    assert!(!world.shift.holds_records() && !world.shift.is_active(), "{:#?}", world.shift.write);
}

/// Tried again after a revert that had to overwrite.
fn tried_again() -> World {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Revert);
    world.fates = vec![Fate::Refused; 3];
    world.settle();
    world.check("reverted", 0.0, &[]);
    world.ask(Command::Retry);
    world
}

#[test]
fn a_retry_after_a_revert_that_overwrote_waits_until_it_can_arrive_no_more() {
    let mut world = tried_again();
    world.pass(MINUTES - 1);
    assert_eq!(world.steps(), [10.0]);
    world.pass(2);
    assert_eq!(world.steps(), [10.0, 10.0]);
}

#[test]
fn a_revert_that_route_53_has_lost_is_written_again_for_its_fence() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Revert);
    world.pass(5);
    world.ask(Command::Retry);
    world.fates = vec![Fate::Stranded, Fate::Stranded];
    let sent = world.batches.len();
    while world.batches.len() == sent {
        world.step();
    }
    let late = world.batches.last().unwrap().clone();
    world.ask(Command::Revert);
    world.pass(5);
    assert!(matches!(world.shift.phase, Phase::Reverted { .. }), "{:?}", world.shift.phase);
    assert!(!apply(&mut world.zone.clone(), &late), "the step has another copy, which arrives now");
    assert_eq!(world.fence().map(|fence| fence.generation), Some(world.shift.generation));
}

#[test]
fn a_revert_that_route_53_has_lost_before_there_was_a_fence_is_written_again() {
    let (mut world, late) = in_flight();
    world.ask(Command::Revert);
    world.fates = vec![Fate::Stranded; 2];
    world.pass(5);
    assert!(matches!(world.shift.phase, Phase::Reverted { .. }), "{:?}", world.shift.phase);
    assert!(!apply(&mut world.zone.clone(), &late), "the step's first copy arrives now");
    assert_eq!(world.fence().map(|fence| fence.generation), Some(world.shift.generation));
}

#[test]
fn a_revert_that_route_53_has_lost_is_written_again_by_nobodys_leave() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Revert);
    world.fates = vec![Fate::Stranded; 3];
    world.pass(10);
    assert_eq!(world.cloud(), 0);
    assert!(matches!(world.shift.phase, Phase::Reverted { .. }), "{:?}", world.shift.phase);
    assert!(world.shift.holds.is_empty(), "{:?}", world.shift.holds);
}

#[test]
fn a_release_that_route_53_has_lost_is_written_again() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Cancel);
    world.fates = vec![Fate::Stranded; 2];
    world.settle();
    assert!(world.fates.is_empty(), "both are lost");
    assert!(world.fence().is_none() && !world.shift.holds_records());
    let releases = world
        .events
        .iter()
        .filter(|event| matches!(event.what, Happened::Intended { purpose: Purpose::Release, .. }));
    assert_eq!(releases.count(), 3);
}

#[test]
fn whoever_pauses_and_then_gives_the_records_up_waits_for_nothing() {
    let (mut world, _) = in_flight();
    world.ask(Command::Pause { freeze: false });
    world.ask(Command::Cancel);
    world.settle();
    assert!(world.fence().is_some(), "what is on its way needs one in its way");
    world.pass(MINUTES + 2);
    assert!(world.fence().is_none() && !world.shift.is_active());
}

/// Two names in one zone, at the first step.
fn two_names() -> (World, [RecordName; 2]) {
    let two =
        "[{ zone: Z1, name: www.example.com, types: [A] }, { zone: Z1, name: api.example.com, types: [A] }]";
    let plan = PLAN.replace("[{ zone: Z1, name: www.example.com, types: [A] }]", two);
    let plan = parse(&plan, Format::Yaml).unwrap();
    let groups = ["www", "api"].map(|name| format!("Z1/{name}.example.com/A").try_into().unwrap());
    let mut world = World::started();
    (world.shift, world.events) = create(plan, groups.to_vec(), &ada(), None, world.now).unwrap();
    let sets = |name: &RecordName| {
        [("cloud", 0), ("legacy", 100)]
            .map(|(id, weight)| RecordSet { name: name.clone(), ..member(id, weight) })
    };
    let names = ["www.example.com", "api.example.com"].map(RecordName::new);
    world.zone = names.iter().flat_map(sets).collect();
    world.ask(Command::Start);
    world.pass(5);
    (world, names)
}

#[test]
fn a_release_ends_where_somebody_has_overwritten_every_fence() {
    let (mut world, names) = two_names();
    for set in world.zone.iter_mut().filter(|set| names.iter().any(|name| set.name == name.fence())) {
        set.values = vec!["\"something else\"".to_owned()];
    }
    world.ask(Command::Cancel);
    world.pass(3);
    assert!(!world.shift.is_active() && !world.shift.holds_records(), "{:?}", world.shift.write);
}

#[test]
fn a_release_removes_nobody_elses_fence() {
    let (mut world, names) = two_names();
    // Another installation has taken one of the names.
    let theirs = Fence { owner: "there".to_owned(), ..world.fence().unwrap() }.record_set(&names[1]);
    world.zone.retain(|set| set.name != names[1].fence());
    world.zone.push(theirs.clone());
    world.ask(Command::Cancel);
    world.pass(3);
    let fences: Vec<_> = world.zone.iter().filter(|set| Fence::decode(set).is_some()).collect();
    assert_eq!(fences, [&theirs]);
    assert!(!world.shift.is_active());
}

#[test]
fn a_revert_that_route_53_has_lost_is_written_again_where_one_of_two_fences_is_gone() {
    let (mut world, names) = two_names();
    world.zone.retain(|set| set.name != names[1].fence());
    world.fates = vec![Fate::Stranded];
    world.ask(Command::Revert);
    world.pass(5);
    assert!(matches!(world.shift.phase, Phase::Reverted { .. }), "{:?}", world.shift.phase);
    let generations: Vec<_> = world.zone.iter().filter_map(Fence::decode).map(|f| f.generation).collect();
    assert_eq!(generations, [world.shift.generation; 2]);
}

#[test]
fn an_adoption_does_not_cut_the_wait_for_a_revert_that_overwrote_short() {
    let mut world = tried_again();
    world.edit("cloud", 100);
    world.pass(1);
    // The edit is taken back before it was adopted.
    world.ask(Command::Adopt);
    world.fates = vec![Fate::Lost];
    while !world.fates.is_empty() {
        world.step();
    }
    world.edit("cloud", 0);
    world.pass(MINUTES - 2);
    assert_eq!(world.steps(), [10.0]);
    world.pass(3);
    assert_eq!(world.steps(), [10.0, 10.0]);
}
