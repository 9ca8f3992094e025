//! What a zone shows: whether a write has landed, at which share the groups stand, and whether anything flows at all.

use jiff::SignedDuration;

use super::{Fate, PLAN, World, member, rules};
use crate::{
    RecordName, RecordSet, Share, Weight, ZoneId,
    decide::decide,
    event::Happened,
    fence::Fence,
    gate::Verdict,
    plan::{Format, parse},
    shift::{Cause, Command, create},
};

impl World {
    /// One decision, with what follows from it.
    pub(super) fn step(&mut self) {
        self.measure();
        let decision = decide(&self.shift, &self.seen, &rules(), self.now);
        self.happen(decision.happened);
        for effect in decision.effects {
            self.act(effect);
        }
    }

    /// The first step is intended, and its batch has landed with this fence.
    fn landed_with(edit: impl FnOnce(&mut Fence)) -> World {
        let mut world = World::started();
        while world.shift.write.is_none() {
            world.step();
        }
        let name = RecordName::new("www.example.com");
        let zone = world.shift.zones().into_iter().next().unwrap();
        let mut fence = world.shift.fences(&zone, "here", 1, 1).remove(&name).unwrap();
        edit(&mut fence);
        world.zone = vec![member("legacy", 9), member("cloud", 1), fence.record_set(&name)];
        world.seen.zones.clear();
        world
    }

    fn two_types() -> World {
        let mut world = World::with_plan(&PLAN.replace("[A]", "[A, AAAA]"));
        world.ask(Command::Start);
        world.pass(5);
        world
    }

    fn edit_type(&mut self, record_type: &str, id: &str, weight: u8) {
        for set in self.zone.iter_mut().filter(|set| set.record_type == record_type) {
            if set.set_identifier() == Some(id) {
                *set = set.with_weight(Weight(weight)).unwrap();
            }
        }
    }

    fn weights_of(&self, record_type: &str) -> Vec<u8> {
        let sets = self.zone.iter().filter(|set| set.record_type == record_type);
        let mut sets: Vec<&RecordSet> = sets.collect();
        sets.sort_by_key(|set| set.set_identifier());
        sets.iter().filter_map(|set| Some(set.weight()?.0)).collect()
    }
}

#[test]
fn a_fence_of_the_same_number_and_another_write_is_not_taken_for_ours() {
    let mut ours = World::landed_with(|_| {});
    ours.settle();
    ours.check("running", 10.0, &[]);
    // A later daemon's, and one of a history that knew another baseline.
    let later = World::landed_with(|fence| fence.epoch = 2);
    let other = World::landed_with(|fence| fence.baseline.clear());
    for mut world in [later, other] {
        world.settle();
        assert!(world.events.iter().all(|event| !matches!(event.what, Happened::Accepted { .. })));
        assert_eq!(world.shift.landed, Share::ZERO);
    }
    // An earlier daemon with the same intent may have sent it.
    let mut earlier = World::landed_with(|_| {});
    earlier.epoch = 2;
    earlier.settle();
    earlier.check("running", 10.0, &[]);
}

#[test]
fn groups_that_differ_are_not_adopted() {
    let mut world = World::two_types();
    world.edit_type("A", "cloud", 7);
    world.pass(2);
    world.check("running", 10.0, &[Cause::Drift]);
    insta::assert_snapshot!(world.shift.holds[&Cause::Drift].sentence, @"somebody else changed the zone: www.example.com A: cloud has weight 7 instead of 1; the groups differ, and a shift has one share for all: the to side has 10 % in www.example.com AAAA and 43.75 % in www.example.com A; `adopt` does nothing until they have the same weights");
    world.ask(Command::Adopt);
    world.pass(20);
    world.check("running", 10.0, &[Cause::Drift]);
    assert_eq!(world.weights_of("AAAA"), [1, 9]);
    world.edit_type("AAAA", "cloud", 7);
    world.pass(1);
    world.ask(Command::Adopt);
    world.settle();
    world.check("running", 43.75, &[]);
    world.pass(16);
    assert_eq!(world.steps(), [10.0, 50.0]);
    assert_eq!((world.weights_of("A"), world.weights_of("AAAA")), (vec![1, 1], vec![1, 1]));
}

#[test]
fn reasserting_levels_groups_that_a_step_has_left_apart() {
    let mut world = World::two_types();
    for set in world.shift.known.values_mut().flat_map(|known| &mut known.sets) {
        if set.record_type == "AAAA" {
            *set =
                set.with_weight(Weight(if set.set_identifier() == Some("cloud") { 0 } else { 9 })).unwrap();
        }
    }
    let shift = world.shift.clone();
    let mut seen = world.seen.clone();
    world.read(ZoneId::new("Z1"));
    seen.zones.clone_from(&world.seen.zones);
    let mut asked = shift;
    asked.asked = Some(crate::shift::Asked::Reassert { by: "ada".to_owned() });
    let decision = decide(&asked, &seen, &rules(), world.now);
    let Some(Happened::Intended { share, weights, .. }) = decision.happened.last() else {
        panic!("{decision:#?}")
    };
    assert_eq!(*share, Share::ZERO);
    assert!(weights.values().all(|members| members["cloud"] == Weight(0)), "{weights:?}");
}

#[test]
fn groups_apart_may_be_observed_anywhere_between_their_shares() {
    let mut world = World::two_types();
    for set in world.shift.known.values_mut().flat_map(|known| &mut known.sets) {
        if set.record_type == "AAAA" && set.set_identifier() == Some("cloud") {
            *set = set.with_weight(Weight(0)).unwrap();
        }
    }
    let mut memory = None;
    let derived = super::super::Derived::of(&world.shift, &mut memory);
    let standing = super::super::standing::standing(&world.shift, derived, &world.seen, world.now);
    assert_eq!(
        (standing.share_least, standing.share),
        (Some(Share::ZERO), Share::from_percent(10.0).unwrap())
    );
}

#[test]
fn where_nothing_flows_there_is_no_evidence_to_wait_for() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 0);
    world.pass(1);
    world.ask(Command::Adopt);
    world.settle();
    world.check("running", 0.0, &[]);
    // The load balancer has no requests, and so publishes nothing of the `to` side.
    world.idle = true;
    world.pass(7);
    world.check("running", 10.0, &[]);
    assert_eq!(world.steps(), [10.0, 10.0]);
    // What flows again is judged again.
    let decision = decide(&world.shift, &world.seen, &rules(), world.now);
    assert_ne!(decision.report.gates[0].verdict, Verdict::Pass);
}

#[test]
fn a_step_never_lowers_a_group() {
    // The records have come above the first step since the plan was applied.
    let mut world = World::started();
    world.zone = vec![member("legacy", 75), member("cloud", 25)];
    world.settle();
    world.check("running", 0.0, &[Cause::Dependency]);
    assert!(world.batches.is_empty());

    // And a plan that was changed since the records were as they are.
    let mut world = World::with_plan(&PLAN.replace("[10, 50, 100]", "[30, 50, 100]"));
    world.zone = vec![member("legacy", 75), member("cloud", 25)];
    world.ask(Command::Start);
    world.pass(5);
    let lower = parse(&PLAN.replace("ramp:", "description: lower\nramp:"), Format::Yaml).unwrap();
    let groups = world.shift.groups.clone();
    let revised = crate::shift::revise(&world.shift, lower, &groups, &super::ada(), None, world.now);
    let (shift, events) = revised.unwrap().unwrap();
    world.commit(shift, events);
    world.ask(Command::Revert);
    world.settle();
    world.ask(Command::Retry);
    world.pass(5);
    world.check("running", 25.0, &[Cause::Dependency]);
    insta::assert_snapshot!(world.shift.holds[&Cause::Dependency].sentence, @"the next step, 10 %, would lower www.example.com A, which gives the to side 25 % already; change the plan to begin above that");
    assert_eq!(world.steps(), [30.0]);
}

#[test]
fn a_hold_says_its_newest_reason() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 7);
    world.pass(1);
    let first = world.shift.holds[&Cause::Drift].clone();
    let (events, seen) = (world.events.len(), world.now);
    // Another number is not worth an event.
    world.edit("cloud", 8);
    world.pass(5);
    assert_eq!((world.events.len(), &world.shift.holds[&Cause::Drift]), (events, &first));
    world.zone.retain(|set| set.set_identifier() != Some("legacy"));
    world.pass(5);
    let second = &world.shift.holds[&Cause::Drift];
    assert!(second.sentence.contains("legacy is gone"), "{second:?}");
    assert_eq!((second.since, world.events.len()), (first.since, events + 1));
    assert!(first.since <= seen);
}

#[test]
fn an_adopted_share_is_observed_like_a_step() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Revert);
    world.settle();
    // Somebody sends half of the traffic there, and the shift takes it from there.
    world.edit("cloud", 100);
    world.ask(Command::Retry);
    world.pass(1);
    world.ask(Command::Adopt);
    world.pass(5);
    world.check("running", 50.0, &[]);
    assert_eq!(world.steps(), [10.0]);
    world.error_percent = 5;
    world.settle();
    world.check("reverted", 0.0, &[]);
}

#[test]
fn a_step_back_raises_no_group_that_somebody_has_lowered() {
    let mut world = World::two_types();
    world.pass(15);
    world.check("running", 50.0, &[]);
    world.edit_type("AAAA", "cloud", 0);
    world.ask(Command::StepBack);
    world.pass(2);
    assert_eq!((world.weights_of("A"), world.weights_of("AAAA")), (vec![1, 9], vec![0, 1]));
}

#[test]
fn an_edit_before_the_first_write_has_landed_is_held_until_somebody_adopts_it() {
    let mut world = World::started();
    while world.shift.write.is_none() {
        world.step();
    }
    world.edit("legacy", 50);
    world.seen.zones.clear();
    world.settle();
    let events = world.events.len();
    for _ in 0..10 {
        world.now += SignedDuration::from_mins(1);
        world.read(ZoneId::new("Z1"));
        world.settle();
    }
    world.check("running", 0.0, &[Cause::Drift]);
    assert_eq!((world.events.len(), world.batches.len()), (events, 0));
    world.ask(Command::Adopt);
    world.pass(5);
    world.check("running", 10.0, &[]);
}

#[test]
fn a_step_that_has_landed_in_one_of_two_zones_is_finished_after_a_pause() {
    let records =
        "[{ zone: Z1, name: www.example.com, types: [A] }, { zone: Z2, name: api.example.com, types: [A] }]";
    let plan = PLAN.replace("[{ zone: Z1, name: www.example.com, types: [A] }]", records);
    let groups =
        ["Z1/www.example.com/A", "Z2/api.example.com/A"].map(|group| group.to_owned().try_into().unwrap());
    let mut world = World::new();
    let plan = parse(&plan, Format::Yaml).unwrap();
    (world.shift, world.events) = create(plan, groups.to_vec(), &super::ada(), None, world.now).unwrap();
    let api = |set: RecordSet| RecordSet { name: RecordName::new("api.example.com"), ..set };
    world.zone.extend(world.zone.clone().into_iter().map(api));
    world.ask(Command::Start);
    world.pass(5);
    world.fates = vec![Fate::Lost, Fate::Unanswered];
    world.ask(Command::Advance);
    while !world.fates.is_empty() {
        world.step();
    }
    world.ask(Command::Pause { freeze: false });
    world.pass(3);
    world.check("running", 50.0, &[Cause::Operator]);
    assert_eq!(world.weights_of("A"), [1, 1, 1, 1]);
}

#[test]
fn a_step_back_goes_down_where_a_group_has_a_member_of_somebody_elses() {
    let mut world = World::two_types();
    world.pass(15);
    world.check("running", 50.0, &[]);
    let canary = RecordSet { record_type: "AAAA".to_owned(), ..member("canary", 20) };
    world.zone.push(canary);
    world.pass(1);
    world.ask(Command::StepBack);
    world.pass(2);
    assert_eq!((world.weights_of("A"), world.weights_of("AAAA")), (vec![1, 9], vec![20, 1, 9]));
}

#[test]
fn a_step_back_leaves_a_group_that_has_lost_a_member_and_takes_the_others() {
    let mut world = World::two_types();
    world.pass(15);
    world.check("running", 50.0, &[]);
    world.zone.retain(|set| set.record_type != "AAAA" || set.set_identifier() != Some("cloud"));
    world.ask(Command::StepBack);
    world.pass(2);
    assert_eq!((world.weights_of("A"), world.weights_of("AAAA")), (vec![1, 9], vec![1]));
    assert_eq!(world.fence().map(|fence| fence.generation), Some(world.shift.generation));
}

#[test]
fn a_step_back_to_where_nothing_is_says_so() {
    let mut world = World::with_plan(&PLAN.replace("[10, 50, 100]", "[10, 20, 50, 100]"));
    world.ask(Command::Start);
    world.pass(30);
    world.check("running", 50.0, &[]);
    // Somebody has taken everything back, and while that is to be adopted the shift is still said to be at 50 %.
    for set in world.shift.known.values_mut().flat_map(|known| &mut known.sets) {
        let weight = if set.set_identifier() == Some("cloud") { 0 } else { 100 };
        *set = set.with_weight(Weight(weight)).unwrap();
    }
    let Happened::Intended { share, weights, .. } = world.shift.intend_step_back(1) else {
        panic!("no write")
    };
    assert_eq!((share, weights), (Share::ZERO, world.shift.set_weights()));
}
