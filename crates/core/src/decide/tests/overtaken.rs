//! What takes the place of an open write keeps it from landing; and clocks that differ keep nothing from going on.

use jiff::SignedDuration;

use super::{Fate, PLAN, World, ada, apply, member};
use crate::{
    Share, ZoneId,
    decide::{Effect, Observation, Trouble, decide},
    event::{ChangeId, Happened},
    plan::{Format, parse},
    shift::{Cause, Command, Phase, Purpose, create, revise},
};

/// Asks for a write whose batch is lost from sight: it may arrive at any time.
fn lost_from_sight(world: &mut World, verb: Command) -> crate::batch::Batch {
    world.fates = vec![Fate::Lost];
    world.ask(verb);
    let sent = world.batches.len();
    while world.batches.len() == sent {
        world.step();
    }
    let late = world.batches[sent].clone();
    assert!(apply(&mut world.zone.clone(), &late), "nothing has taken its place");
    late
}

/// On 10 %, and on the way to 50 %.
fn on_the_way_up() -> (World, crate::batch::Batch) {
    let mut world = World::started();
    world.pass(5);
    let late = lost_from_sight(&mut world, Command::Advance);
    (world, late)
}

#[test]
fn a_step_back_from_an_open_step_keeps_it_from_landing() {
    let (mut world, late) = on_the_way_up();
    world.ask(Command::StepBack);
    world.pass(2);
    assert!(!apply(&mut world.zone.clone(), &late));
    world.check("running", 10.0, &[Cause::Operator]);
    assert_eq!(world.cloud(), 1);
}

#[test]
fn a_step_back_from_a_step_that_has_landed_meanwhile_takes_it_back() {
    let (mut world, late) = on_the_way_up();
    world.ask(Command::StepBack);
    assert!(apply(&mut world.zone, &late));
    world.pass(2);
    world.check("running", 10.0, &[Cause::Operator]);
    assert_eq!(world.weights()["legacy"], 9);
}

#[test]
fn a_step_back_from_what_somebody_has_lowered_further_leaves_it_there_behind_a_fence() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Advance);
    world.pass(3);
    world.edit("legacy", 245);
    world.pass(1);
    // Made on what is there now, and on its way.
    let late = lost_from_sight(&mut world, Command::Reassert);
    world.ask(Command::StepBack);
    world.pass(2);
    assert!(!apply(&mut world.zone.clone(), &late));
    assert_eq!(world.weights()["legacy"], 245);
    let causes: Vec<_> = world.shift.holds.keys().collect();
    assert_eq!((world.shift.phase.as_str(), causes), ("running", vec![&Cause::Operator]));
}

#[test]
fn a_step_back_that_route_53_has_lost_is_written_again_by_nobodys_leave() {
    let (mut world, late) = on_the_way_up();
    assert!(apply(&mut world.zone, &late));
    world.pass(3);
    world.check("running", 50.0, &[]);
    world.fates = vec![Fate::Stranded; 2];
    world.ask(Command::StepBack);
    world.settle();
    assert!(world.fates.is_empty(), "both are lost");
    world.check("running", 10.0, &[Cause::Operator]);
    assert_eq!((world.cloud(), world.weights()["legacy"]), (1, 9));
    assert_eq!(world.fence().map(|fence| fence.generation), Some(world.shift.generation));
}

#[test]
fn a_step_back_does_not_wait_for_a_zone_that_has_stayed_below() {
    let two =
        "[{ zone: Z1, name: www.example.com, types: [A] }, { zone: Z2, name: www.example.com, types: [A] }]";
    let plan = PLAN.replace("[{ zone: Z1, name: www.example.com, types: [A] }]", two);
    let plan = parse(&plan.replace("[10, 50, 100]", "[10, 25, 50, 100]"), Format::Yaml).unwrap();
    let groups = ["Z1", "Z2"].map(|zone| format!("{zone}/www.example.com/A").try_into().unwrap());
    let mut world = World::started();
    (world.shift, world.events) = create(plan, groups.to_vec(), &ada(), None, world.now).unwrap();
    world.ask(Command::Start);
    let listed = |weight| vec![member("cloud", weight), member("legacy", 10 - weight)];
    let sets = ["Z1", "Z2"].map(|zone| (ZoneId::new(zone), listed(0)));
    world.happen(vec![Happened::BaselineTaken { sets: sets.into() }]);
    // The step to 50 % has reached the first zone, and was dropped.
    let half = Share::from_percent(50.0).unwrap();
    world.happen(vec![world.shift.intend(Purpose::Step { index: 2 }, half, world.shift.weights_for(half))]);
    let (generation, change) = (world.shift.generation, Some(ChangeId("C1".to_owned())));
    world.happen(vec![
        Happened::Accepted { generation, zone: ZoneId::new("Z1"), change },
        Happened::WriteDropped { generation, because: "drift".to_owned() },
    ]);
    world.ask(Command::StepBack);
    let write = world.shift.write.as_ref().unwrap();
    let shares =
        write.weights.values().map(|members| crate::weights::share_of(members, &world.shift.plan.to));
    let shares: Vec<f64> = shares.map(|share| share.unwrap().percent()).collect();
    assert_eq!(shares, [25.0, 0.0]);
}

/// A daemon takes over from one whose clock was four minutes ahead.
fn taken_over(world: &mut World) {
    world.now -= SignedDuration::from_mins(4);
    world.seen = Observation::default();
    world.epoch += 1;
}

/// The same, after one attempt of a revert that met this.
fn reverted_ahead(fate: Fate) -> World {
    let mut world = World::started();
    world.pass(10);
    world.fates = vec![fate];
    world.ask(Command::Revert);
    while !world.fates.is_empty() {
        world.step();
    }
    taken_over(&mut world);
    world
}

#[test]
fn a_revert_does_not_wait_for_a_clock_that_was_ahead() {
    let mut world = reverted_ahead(Fate::Refused);
    world.settle();
    assert_eq!(world.cloud(), 0);
    world.pass(5);
    assert!(matches!(world.shift.phase, Phase::Reverted { .. }));
}

#[test]
fn a_clock_that_was_ahead_makes_nobody_read_in_a_hurry() {
    let mut world = World::started();
    world.pass(10);
    // Accepted, and in sync, by the clock that is ahead.
    world.ask(Command::Advance);
    while !world.events.iter().rev().take(1).any(|event| matches!(event.what, Happened::InSync { .. })) {
        world.step();
    }
    taken_over(&mut world);
    let decision = decide(&world.shift, &world.seen, &super::rules(), world.now);
    assert!(decision.effects.is_empty() && decision.wake.is_some(), "{:?}", decision.effects);
    world.pass(5);
    world.check("running", 50.0, &[]);
}

#[test]
fn a_listing_that_says_nothing_yet_is_not_read_again_at_once() {
    let mut world = World::started();
    world.pass(10);
    world.fates = vec![Fate::Refused];
    world.ask(Command::Revert);
    while world.fates.len() == 1 {
        world.step();
    }
    // The clock is set back by a little between the attempt and the read.
    world.read(ZoneId::new("Z1"));
    let read = world.seen.zones.get_mut(&ZoneId::new("Z1")).unwrap();
    read.at = world.now - SignedDuration::from_millis(200);
    let decision = decide(&world.shift, &world.seen, &super::rules(), world.now);
    assert!(
        !decision.effects.iter().any(|effect| matches!(effect, Effect::Read { .. })),
        "{:?}",
        decision.effects
    );
}

#[test]
fn a_revert_that_somebody_undid_is_over_when_they_put_it_right() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Revert);
    while !world.events.iter().rev().take(1).any(|event| matches!(event.what, Happened::InSync { .. })) {
        world.step();
    }
    world.edit("cloud", 7);
    world.settle();
    world.check("reverting", 0.0, &[Cause::Drift]);
    world.edit("cloud", 0);
    // Nobody asks for anything.
    world.now += SignedDuration::from_secs(61);
    world.settle();
    world.check("reverted", 0.0, &[]);
}

#[test]
fn an_adoption_that_somebody_has_changed_their_mind_about_is_dropped() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 9);
    world.pass(1);
    lost_from_sight(&mut world, Command::Adopt);
    world.edit("cloud", 0);
    world.pass(2);
    world.check("running", 10.0, &[Cause::Drift]);
    assert_eq!(world.cloud(), 0);
}

#[test]
fn a_pause_overtakes_a_reassertion() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 0);
    world.pass(1);
    lost_from_sight(&mut world, Command::Reassert);
    world.now += SignedDuration::from_secs(1);
    world.ask(Command::Pause { freeze: false });
    world.pass(2);
    world.check("running", 10.0, &[Cause::Operator, Cause::Drift]);
    assert_eq!(world.cloud(), 0);
    // Whoever asks now knows of the pause.
    world.ask(Command::Reassert);
    world.pass(2);
    world.check("running", 10.0, &[Cause::Operator]);
    assert_eq!(world.cloud(), 1);
}

#[test]
fn a_revert_without_an_answer_does_not_wait_for_a_clock_that_was_ahead() {
    let mut world = reverted_ahead(Fate::Lost);
    world.settle();
    assert_eq!(world.cloud(), 0);
}

/// Puts a plan with other steps in the place of the shift's.
fn revise_to(world: &mut World, steps: &str) {
    let plan = parse(&PLAN.replace("[10, 50, 100]", steps), Format::Yaml).unwrap();
    let groups = world.shift.groups.clone();
    let (shift, events) = revise(&world.shift, plan, &groups, &ada(), None, world.now).unwrap().unwrap();
    world.commit(shift, events);
}

#[test]
fn a_plan_without_the_open_step_keeps_it_from_landing() {
    let (mut world, late) = on_the_way_up();
    revise_to(&mut world, "[10, 20, 100]");
    world.pass(2);
    world.check("running", 10.0, &[]);
    assert!(!apply(&mut world.zone.clone(), &late));
    world.pass(12);
    world.check("running", 20.0, &[]);
}

#[test]
fn what_was_said_of_a_step_is_not_said_of_another_in_its_place() {
    let mut world =
        World::with_plan(&PLAN.replace("[10, 50, 100]", "[10, { share: 50, approval: true }, 100]"));
    world.ask(Command::Start);
    world.pass(3);
    world.ask(Command::Approve);
    world.ask(Command::Advance);
    revise_to(&mut world, "[10, { share: 100, approval: true }]");
    assert_eq!((world.shift.approved, &world.shift.asked), (None, &None));
    world.pass(30);
    world.check("running", 10.0, &[Cause::Approval]);
}

#[test]
fn attempts_keep_their_distance_where_the_clock_of_the_first_was_ahead() {
    let mut world = reverted_ahead(Fate::Lost);
    // Route 53 throttles this daemon, which is no answer that the history tells.
    world.read(ZoneId::new("Z1"));
    world.seen.trouble = Some(Trouble { at: world.now, sentence: "throttled".to_owned() });
    // The hold that says so comes first.
    world.happen(decide(&world.shift, &world.seen, &super::rules(), world.now).happened);
    let decision = decide(&world.shift, &world.seen, &super::rules(), world.now);
    assert!(decision.happened.is_empty() && decision.effects.is_empty(), "{decision:?}");
    assert!(decision.wake.is_some());
}
