//! The life of a shift on the real decision code, in virtual time, against a zone in memory.

mod calendar;
mod given_up;
mod landed;
mod overtaken;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{ChangeRead, ChangeState, Effect, Observation, Other, Progress, Rules, ZoneRead, decide};
use crate::{
    RecordName, RecordSet, RecordType, Routing, Share, Weight, ZoneId,
    batch::{Action, Batch},
    event::{Actor, ChangeId, Event, Happened},
    fence::Fence,
    gate::{Answer, Fetched, GateData, Period, Verdict},
    plan::{Format, parse},
    shift::{Cause, Command, Phase, Purpose, Shift, Stage, command, create, fold},
};

const PLAN: &str = r#"
name: www
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10, 50, 100], hold: 10m, bake: 20m }
settle_margin: 30s
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
"#;

/// What Route 53 does with the next batch.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Applied,
    /// Applied, and the answer lost.
    Unanswered,
    /// Lost before it was applied.
    Lost,
    Refused,
    /// Accepted, and lost by Route 53 before it was applied.
    Stranded,
}

struct World {
    epoch: u64,
    now: Timestamp,
    shift: Shift,
    events: Vec<Event>,
    zone: Vec<RecordSet>,
    seen: Observation,
    fates: Vec<Fate>,
    batches: Vec<Batch>,
    error_percent: u64,
    /// Errors end here.
    mended_at: Option<Timestamp>,
    silent: bool,
    /// Nobody asks the `to` side for anything, and CloudWatch has nothing to say.
    idle: bool,
    /// Other shifts of the store.
    others: BTreeMap<String, Progress>,
}

fn member(id: &str, weight: u8) -> RecordSet {
    RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(60),
        values: vec![format!("192.0.2.{}", id.len())],
        alias: None,
        health_check_id: Some(format!("check-{id}")),
        traffic_policy_instance_id: None,
    }
}

fn rules() -> Rules {
    Rules { owner: "here".to_owned(), epoch: 1, propagation: SignedDuration::from_secs(60) }
}

fn ada() -> Actor {
    Actor("ada".to_owned())
}

impl World {
    fn new() -> World {
        World::with_plan(PLAN)
    }

    fn with_plan(text: &str) -> World {
        let now: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        let plan = parse(text, Format::Yaml).unwrap();
        let group = |t| format!("Z1/www.example.com/{t}").try_into().unwrap();
        let groups = plan.records[0].types.iter().map(group).collect();
        let mut zone = vec![member("legacy", 100), member("cloud", 0)];
        if plan.records[0].types.contains(&RecordType::Aaaa) {
            zone.extend(
                zone.clone().into_iter().map(|set| RecordSet { record_type: "AAAA".to_owned(), ..set }),
            );
        }
        let (shift, events) = create(plan, groups, &ada(), None, now).unwrap();
        World {
            epoch: 1,
            now,
            shift,
            events,
            zone,
            seen: Observation::default(),
            fates: Vec::new(),
            batches: Vec::new(),
            error_percent: 0,
            mended_at: None,
            silent: false,
            idle: false,
            others: BTreeMap::new(),
        }
    }

    fn started() -> World {
        let mut world = World::new();
        world.ask(Command::Start);
        world
    }

    fn ask(&mut self, verb: Command) {
        let (shift, events) =
            command(&self.shift, verb, &ada(), Some("because".to_owned()), self.now).unwrap();
        self.commit(shift, events);
    }

    fn commit(&mut self, shift: Shift, events: Vec<Event>) {
        self.shift = shift;
        self.events.extend(events);
        // State is the fold of the events, whatever happened.
        assert_eq!(fold(&self.events).unwrap(), self.shift);
        let weights = self.shift.set_weights();
        // A zone whose records were given up has none.
        let mut known = weights.values().filter(|group| !group.is_empty());
        assert!(known.all(|group| group.values().any(|weight| weight.0 > 0)));
    }

    fn happen(&mut self, happened: Vec<Happened>) {
        let (shift, events) = self.shift.after(happened, &Actor::daemon(), None, self.now).unwrap();
        self.seen.wrote_down(&events);
        self.commit(shift, events);
    }

    /// Decides, commits and acts until there is nothing to do now.
    fn settle(&mut self) -> Option<Timestamp> {
        for _ in 0..200 {
            self.measure();
            let decision = decide(&self.shift, &self.seen, &Rules { epoch: self.epoch, ..rules() }, self.now);
            if decision.happened.is_empty() && decision.effects.is_empty() {
                return decision.wake.map(|(at, _)| at);
            }
            if !decision.happened.is_empty() {
                assert!(decision.effects.is_empty(), "effects follow only from what is committed");
                self.happen(decision.happened);
                continue;
            }
            for effect in decision.effects {
                self.act(effect);
            }
        }
        panic!("it never comes to rest: {:#?}", self.shift);
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Read { zone } => self.read(zone),
            Effect::Ask { change } => {
                self.seen.zones.clear();
                self.seen.changes.insert(change, ChangeRead { at: self.now, state: ChangeState::InSync });
            }
            Effect::Submit { generation, batch } => self.submit(generation, batch),
            Effect::Look { shift } => {
                let found = self.others.get(&shift).cloned();
                self.seen.others.insert(shift, Other { at: self.now, found });
            }
        }
    }

    fn read(&mut self, zone: ZoneId) {
        self.seen.saw(&self.shift, zone, ZoneRead { at: self.now, listed: Ok(self.zone.clone()) });
    }

    fn submit(&mut self, generation: u64, batch: Batch) {
        let fate = if self.fates.is_empty() { Fate::Applied } else { self.fates.remove(0) };
        self.seen.zones.clear();
        self.seen.answered = None;
        let zone = batch.zone.clone();
        let landed = matches!(fate, Fate::Applied | Fate::Unanswered) && apply(&mut self.zone, &batch);
        self.batches.push(batch);
        let change = ChangeId(format!("C{}", self.batches.len()));
        self.happen(match fate {
            Fate::Applied if landed => vec![Happened::Accepted { generation, zone, change: Some(change) }],
            Fate::Stranded => vec![Happened::Accepted { generation, zone, change: Some(change) }],
            Fate::Applied | Fate::Refused => {
                vec![Happened::Refused { generation, zone, error: "values do not match".to_owned() }]
            }
            Fate::Unanswered | Fate::Lost => {
                vec![Happened::Unanswered { generation, zone, error: "timeout".to_owned() }]
            }
        });
    }

    /// A thousand requests a minute at the present error rate, all known.
    fn measure(&mut self) {
        let minutes = (1..=40).rev().map(|ago| {
            let start = Timestamp::from_second(self.now.as_second() / 60 * 60 - ago * 60).unwrap();
            let fails = self.mended_at.is_none_or(|mended| start < mended);
            let errors = if fails { 10 * self.error_percent } else { 0 };
            Period { start, requests: Some(1_000), errors: Some(errors) }
        });
        let periods = if self.silent || self.idle { Vec::new() } else { minutes.collect() };
        let data = GateData {
            fetched_at: self.now,
            to: Fetched { periods: periods.into(), incomplete: None },
            from: None,
        };
        for gate in &self.shift.plan.gates {
            self.seen.gates.insert(gate.name.clone(), Answer::Counts(data.clone()));
        }
    }

    fn pass(&mut self, minutes: i64) {
        for _ in 0..minutes * 2 {
            self.now += SignedDuration::from_secs(30);
            // An idle zone is read back now and then.
            if self.shift.write.is_none() && self.shift.has_written() {
                self.read(ZoneId::new("Z1"));
            }
            self.settle();
        }
    }

    fn weights(&self) -> BTreeMap<String, u8> {
        let weighted = self.zone.iter().filter_map(|set| Some((set.set_identifier()?, set.weight()?)));
        weighted.map(|(id, weight)| (id.to_owned(), weight.0)).collect()
    }

    fn cloud(&self) -> u8 {
        self.weights()["cloud"]
    }

    fn edit(&mut self, id: &str, weight: u8) {
        for set in &mut self.zone {
            if set.set_identifier() == Some(id) {
                *set = set.with_weight(Weight(weight)).unwrap();
            }
        }
    }

    fn fence(&self) -> Option<Fence> {
        self.zone.iter().find_map(Fence::decode)
    }

    fn steps(&self) -> Vec<f64> {
        let mut steps = Vec::new();
        for event in &self.events {
            if let Happened::Intended { purpose: Purpose::Step { .. }, share, .. } = &event.what {
                steps.push(share.percent());
            }
        }
        steps
    }

    #[track_caller]
    fn check(&self, phase: &str, share: f64, causes: &[Cause]) {
        assert_eq!(self.shift.phase.as_str(), phase, "{:#?}", self.shift.holds);
        assert_eq!(self.shift.landed, Share::from_percent(share).unwrap());
        assert_eq!(self.shift.holds.keys().copied().collect::<Vec<_>>(), causes, "{:#?}", self.shift.holds);
    }
}

/// Whether Route 53 takes the batch.
fn apply(zone: &mut Vec<RecordSet>, batch: &Batch) -> bool {
    batch.apply_to(zone).map(|after| *zone = after).is_ok()
}

#[test]
fn a_healthy_shift_takes_every_step_once_and_is_completed() {
    let mut world = World::started();
    world.settle();
    assert_eq!(world.shift.stage(world.now), Stage::Settling);
    world.pass(120);
    world.check("completed", 100.0, &[]);
    assert_eq!(world.steps(), [10.0, 50.0, 100.0]);
    assert_eq!(world.weights(), BTreeMap::from([("cloud".to_owned(), 1), ("legacy".to_owned(), 0)]));
    // Nothing but the weight was changed.
    let cloud = world.zone.iter().find(|set| set.set_identifier() == Some("cloud")).unwrap();
    assert_eq!(cloud, &member("cloud", 1));
}

#[test]
fn a_step_is_held_for_its_whole_time_after_it_has_settled() {
    let mut world = World::started();
    world.settle();
    // One minute of TTL and half a minute of margin, then ten minutes of hold and two until a period is closed.
    world.pass(11);
    assert_eq!(world.steps(), [10.0]);
    world.pass(1);
    assert_eq!(world.steps(), [10.0, 50.0]);
}

#[test]
fn errors_revert_to_the_baseline_and_nothing_restarts() {
    let mut world = World::started();
    world.pass(15);
    world.error_percent = 5;
    world.settle();
    world.check("reverted", 0.0, &[]);
    assert_eq!(world.weights(), BTreeMap::from([("cloud".to_owned(), 0), ("legacy".to_owned(), 100)]));
    world.error_percent = 0;
    world.pass(60);
    world.check("reverted", 0.0, &[]);
    world.ask(Command::Retry);
    world.pass(1);
    world.check("running", 10.0, &[]);
}

#[test]
fn errors_revert_while_paused_but_not_while_frozen() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Pause { freeze: true });
    world.error_percent = 50;
    world.pass(5);
    world.check("running", 10.0, &[Cause::Operator]);
    world.ask(Command::Pause { freeze: false });
    world.settle();
    world.check("reverted", 0.0, &[]);
}

#[test]
fn a_pause_keeps_it_where_it_is_until_it_is_resumed() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Pause { freeze: false });
    world.pass(60);
    world.check("running", 10.0, &[Cause::Operator]);
    world.ask(Command::Resume);
    world.settle();
    world.check("running", 50.0, &[]);
}

#[test]
fn missing_metrics_hold_and_it_goes_on_when_they_return() {
    let mut world = World::started();
    world.pass(5);
    world.silent = true;
    world.pass(60);
    world.check("running", 10.0, &[Cause::NoData]);
    world.silent = false;
    world.settle();
    world.check("running", 50.0, &[]);
}

#[test]
fn a_foreign_edit_is_not_overwritten() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 7);
    world.pass(60);
    world.check("running", 10.0, &[Cause::Drift]);
    assert_eq!(world.cloud(), 7);

    world.ask(Command::Reassert);
    world.settle();
    world.check("running", 10.0, &[]);
    assert_eq!(world.cloud(), 1);
}

#[test]
fn a_foreign_edit_that_is_taken_back_is_waited_out() {
    let mut world = World::started();
    world.pass(5);
    // Just before the next step, so that the write itself meets it.
    while world.batches.len() < 2 {
        world.now += SignedDuration::from_secs(30);
        world.read(ZoneId::new("Z1"));
        world.measure();
        let decision = decide(&world.shift, &world.seen, &rules(), world.now);
        if decision.happened.iter().any(|event| matches!(event, Happened::Intended { .. })) {
            world.edit("cloud", 9);
            world.seen.zones.clear();
            world.happen(decision.happened);
            break;
        }
        world.settle();
    }
    world.settle();
    world.check("running", 10.0, &[Cause::Drift]);
    world.edit("cloud", 1);
    world.pass(20);
    world.check("running", 50.0, &[]);
}

#[test]
fn adopting_goes_on_with_the_first_step_above() {
    let mut world = World::started();
    world.pass(5);
    // 7 of 16: 43.75 %.
    world.edit("cloud", 7);
    world.pass(1);
    world.ask(Command::Adopt);
    world.settle();
    world.check("running", 43.75, &[]);
    world.pass(14);
    assert_eq!(world.steps(), [10.0, 50.0]);
}

#[test]
fn adopting_the_weights_of_a_step_does_not_repeat_it() {
    let mut world = World::started();
    world.pass(5);
    world.edit("legacy", 1);
    world.pass(1);
    world.ask(Command::Adopt);
    world.pass(16);
    // The zone was at 50 % already.
    assert_eq!(world.steps(), [10.0, 100.0]);
}

#[test]
fn a_lost_answer_is_recognised_by_the_fence() {
    let mut world = World::started();
    world.fates = vec![Fate::Unanswered];
    world.pass(3);
    world.check("running", 10.0, &[]);
    assert_eq!(world.batches.len(), 1);
    assert_eq!(world.fence().unwrap().generation, 1);
}

#[test]
fn a_batch_that_was_lost_is_sent_again_with_the_same_fence() {
    let mut world = World::started();
    world.fates = vec![Fate::Lost];
    world.pass(3);
    world.check("running", 10.0, &[]);
    assert_eq!(world.batches.len(), 2);
    assert_eq!(world.batches[0], world.batches[1]);
}

#[test]
fn a_pause_before_the_batch_is_resent_keeps_it_from_ever_landing() {
    let mut world = World::started();
    world.pass(5);
    world.fates = vec![Fate::Lost];
    while world.batches.len() < 2 {
        world.now += SignedDuration::from_secs(30);
        world.read(ZoneId::new("Z1"));
        world.measure();
        let decision = decide(&world.shift, &world.seen, &rules(), world.now);
        if !decision.happened.is_empty() {
            world.happen(decision.happened);
        }
        let decision = decide(&world.shift, &world.seen, &rules(), world.now);
        for effect in decision.effects {
            world.act(effect);
        }
    }
    let late = world.batches[1].clone();
    world.ask(Command::Pause { freeze: false });
    world.pass(2);
    world.check("running", 10.0, &[Cause::Operator]);
    assert!(!apply(&mut world.zone, &late), "the overtaken batch is refused by the fence");
    world.ask(Command::Resume);
    world.pass(14);
    assert_eq!(world.shift.landed, Share::from_percent(50.0).unwrap());
}

#[test]
fn a_refused_revert_reads_again_and_in_the_end_overwrites() {
    let mut world = World::started();
    world.pass(5);
    let before = world.batches.len();
    world.ask(Command::Revert);
    world.fates = vec![Fate::Refused, Fate::Refused, Fate::Refused];
    world.settle();
    world.check("reverted", 0.0, &[]);
    let sent = &world.batches[before..];
    assert_eq!(sent.len(), 4);
    assert!(sent[3].changes.iter().all(|change| change.action == Action::Upsert));
}

#[test]
fn a_revert_goes_over_a_foreign_edit_and_creates_what_is_gone() {
    let mut world = World::started();
    world.pass(5);
    world.edit("cloud", 200);
    world.zone.retain(|set| set.set_identifier() != Some("legacy"));
    world.ask(Command::Revert);
    world.settle();
    world.check("reverted", 0.0, &[]);
    assert_eq!(world.weights(), BTreeMap::from([("cloud".to_owned(), 0), ("legacy".to_owned(), 100)]));
}

#[test]
fn a_revert_done_without_the_daemon_is_found() {
    let mut world = World::started();
    world.pass(5);
    let fence = world.fence().unwrap();
    world.zone = vec![member("legacy", 100), member("cloud", 0)];
    let next = Fence { generation: fence.generation + 1, ..fence };
    world.zone.push(next.record_set(&RecordName::new("www.example.com")));
    world.pass(1);
    world.check("reverted", 0.0, &[]);
    assert_eq!(world.shift.generation, next.generation);
}

#[test]
fn stepping_back_waits_for_a_person() {
    let mut world = World::started();
    world.pass(15);
    world.check("running", 50.0, &[]);
    world.ask(Command::StepBack);
    world.pass(60);
    world.check("running", 10.0, &[Cause::Operator]);
    world.ask(Command::Resume);
    world.pass(1);
    world.check("running", 50.0, &[]);
}

#[test]
fn a_gate_may_step_back_instead() {
    let mut world =
        World::with_plan(&PLAN.replace("    error_rate:", "    on_fail: step_back\n    error_rate:"));
    world.ask(Command::Start);
    world.pass(15);
    world.check("running", 50.0, &[]);
    world.error_percent = 5;
    world.settle();
    world.check("running", 10.0, &[Cause::Gate]);
    // It still fails where it settled: now there is nothing below but the baseline.
    world.pass(10);
    world.check("reverted", 0.0, &[]);
}

#[test]
fn what_a_step_back_has_answered_does_not_fail_again() {
    let mut world =
        World::with_plan(&PLAN.replace("    error_rate:", "    on_fail: step_back\n    error_rate:"));
    world.ask(Command::Start);
    world.pass(15);
    world.error_percent = 5;
    world.settle();
    world.check("running", 10.0, &[Cause::Gate]);
    world.mended_at = Some(world.now);
    world.pass(10);
    world.check("running", 10.0, &[Cause::Gate]);
    world.ask(Command::Resume);
    world.pass(5);
    world.check("running", 50.0, &[]);
}

#[test]
fn what_somebody_has_seen_and_resumed_does_not_fail_again() {
    let mut world = World::with_plan(&PLAN.replace("    error_rate:", "    on_fail: pause\n    error_rate:"));
    world.ask(Command::Start);
    world.pass(5);
    world.error_percent = 5;
    world.settle();
    world.check("running", 10.0, &[Cause::Gate]);
    world.mended_at = Some(world.now);
    world.ask(Command::Resume);
    world.pass(4);
    world.check("running", 10.0, &[]);
    // It goes on failing.
    world.mended_at = None;
    world.pass(1);
    world.check("running", 10.0, &[Cause::Gate]);
}

#[test]
fn a_gate_that_only_observes_neither_holds_nor_fails() {
    let decides = PLAN.split("gates:\n").nth(1).unwrap();
    let decides = decides.replace("name: errors", "name: lenient\n    max_error_rate: 20%");
    let observes = PLAN.replace("name: errors", "name: errors\n    observe_only: true");
    let mut world = World::with_plan(&format!("{observes}{decides}"));
    world.error_percent = 5;
    world.ask(Command::Start);
    world.pass(18);
    world.check("running", 50.0, &[]);
    let gates = decide(&world.shift, &world.seen, &rules(), world.now).report.gates;
    assert_eq!((gates[0].verdict, gates[0].observe_only), (Verdict::Fail, true), "{gates:#?}");
}

#[test]
fn a_step_that_is_never_proven_healthy_waits_for_a_person() {
    let plan = PLAN.replace("bake: 20m", "max_wait: 1h");
    let mut world =
        World::with_plan(&plan.replace("    error_rate:", "    min_requests: 1000000\n    error_rate:"));
    world.ask(Command::Start);
    world.pass(60);
    world.check("running", 10.0, &[]);
    world.pass(2);
    world.check("running", 10.0, &[Cause::Gate]);
    let hold = &world.shift.holds[&Cause::Gate];
    assert!(hold.until_resumed && hold.code == "stalled", "{hold:?}");
    world.ask(Command::Resume);
    world.pass(59);
    world.check("running", 10.0, &[]);
    world.pass(2);
    world.check("running", 10.0, &[Cause::Gate]);
}

#[test]
fn advancing_waives_the_hold_time_but_no_hold() {
    let mut world = World::started();
    world.pass(3);
    world.ask(Command::Advance);
    world.settle();
    world.check("running", 50.0, &[]);
    world.ask(Command::Pause { freeze: false });
    let refused = command(&world.shift, Command::Advance, &ada(), None, world.now).unwrap_err();
    insta::assert_snapshot!(refused, @"cannot advance www while it is held: paused: it does not go up; a failing gate still takes it back");
}

#[test]
fn approval_is_waited_for() {
    let mut world =
        World::with_plan(&PLAN.replace("[10, 50, 100]", "[10, { share: 50, approval: true }, 100]"));
    world.ask(Command::Start);
    world.pass(30);
    world.check("running", 10.0, &[Cause::Approval]);
    world.ask(Command::Approve);
    world.settle();
    world.check("running", 50.0, &[]);
}

#[test]
fn a_plan_with_a_start_begins_by_itself() {
    let schedule = "schedule: { start: \"2026-12-01T10:00:00+01:00[Europe/Paris]\" }\nramp:";
    let mut world = World::with_plan(&PLAN.replace("ramp:", schedule));
    world.now = "2026-12-01T08:00:00Z".parse().unwrap();
    assert_eq!(world.settle(), Some("2026-12-01T09:00:00Z".parse().unwrap()));
    world.now = "2026-12-01T09:00:00Z".parse().unwrap();
    world.settle();
    world.check("running", 10.0, &[]);
}

#[test]
fn cancelling_removes_the_fence_and_leaves_the_weights() {
    let mut world = World::started();
    world.pass(5);
    world.ask(Command::Cancel);
    world.settle();
    world.check("cancelled", 10.0, &[]);
    assert_eq!(world.fence(), None);
    assert_eq!(world.cloud(), 1);
    assert!(!world.shift.holds_records());
}

/// Both fences are found gone in the same look, so neither answer is the last one.
#[test]
fn a_release_ends_even_if_the_answers_of_all_its_zones_are_lost() {
    let records = "records:
  - { zone: Z1, name: www.example.com, types: [A] }
  - { zone: Z2, name: api.example.com, types: [A] }";
    let one = "records: [{ zone: Z1, name: www.example.com, types: [A] }]";
    let plan = parse(&PLAN.replace(one, records), Format::Yaml).unwrap();
    let groups = ["Z1/www.example.com/A", "Z2/api.example.com/A"];
    let groups = groups.map(|group| group.to_owned().try_into().unwrap()).to_vec();
    let mut world = World::new();
    (world.shift, world.events) = create(plan, groups, &ada(), None, world.now).unwrap();
    for mut set in world.zone.clone() {
        set.name = RecordName::new("api.example.com");
        world.zone.push(set);
    }
    world.ask(Command::Start);
    world.pass(5);
    assert!(world.shift.has_written());
    world.ask(Command::Cancel);
    world.fates = vec![Fate::Unanswered, Fate::Unanswered];
    world.pass(5);
    assert_eq!(world.fence(), None);
    assert!(!world.shift.holds_records(), "{:#?}", world.shift);
    assert!(world.shift.holds.is_empty(), "{:#?}", world.shift.holds);
}

#[test]
fn a_completed_shift_can_be_reverted_until_it_is_finalized() {
    let mut world = World::started();
    world.pass(120);
    world.ask(Command::Revert);
    world.settle();
    world.check("reverted", 0.0, &[]);
    world.ask(Command::Finalize);
    world.settle();
    assert_eq!(world.fence(), None);
    assert!(!world.shift.holds_records());
    let refused = command(&world.shift, Command::Revert, &ada(), None, world.now).unwrap_err();
    insta::assert_snapshot!(refused, @"cannot revert www, which is reverted: the records have their baseline weights");
}

#[test]
fn records_of_somebody_else_are_not_touched() {
    let mut world = World::started();
    let fence = Fence {
        owner: "elsewhere".to_owned(),
        shift: "other".to_owned(),
        generation: 4,
        epoch: 1,
        baseline: BTreeMap::new(),
    };
    world.zone.push(fence.record_set(&RecordName::new("www.example.com")));
    world.settle();
    world.check("running", 0.0, &[Cause::Dependency]);
    assert!(world.batches.is_empty());
}

#[test]
fn forgetting_everything_at_any_moment_changes_nothing() {
    // The same life, with everything that is not committed forgotten before every single decision.
    let mut world = World::started();
    for _ in 0..240 {
        world.now += SignedDuration::from_secs(30);
        for _ in 0..50 {
            world.seen.changes.clear();
            world.measure();
            let decision = decide(&world.shift, &world.seen, &rules(), world.now);
            if decision.happened.is_empty() && decision.effects.is_empty() {
                break;
            }
            if !decision.happened.is_empty() {
                world.seen = Observation::default();
                world.happen(decision.happened);
                continue;
            }
            for effect in decision.effects {
                match effect {
                    Effect::Ask { change } => {
                        // The answer is used before it can be forgotten.
                        world
                            .seen
                            .changes
                            .insert(change, ChangeRead { at: world.now, state: ChangeState::InSync });
                        let decision = decide(&world.shift, &world.seen, &rules(), world.now);
                        world.happen(decision.happened);
                        world.seen = Observation::default();
                    }
                    Effect::Read { .. } | Effect::Submit { .. } | Effect::Look { .. } => world.act(effect),
                }
            }
        }
    }
    world.check("completed", 100.0, &[]);
    assert_eq!(world.steps(), [10.0, 50.0, 100.0]);
    assert_eq!(world.batches.len(), 3);
}

#[test]
fn a_crash_before_and_after_every_batch_neither_repeats_nor_skips_a_step() {
    for fate in [Fate::Unanswered, Fate::Lost] {
        let mut world = World::started();
        // Every batch meets the same fate once, as if the program had died before or after it was applied.
        world.fates = vec![fate, Fate::Applied, fate, Fate::Applied, fate, Fate::Applied];
        if fate == Fate::Unanswered {
            world.fates = vec![fate; 3];
        }
        world.pass(150);
        world.check("completed", 100.0, &[]);
        assert_eq!(world.steps(), [10.0, 50.0, 100.0]);
        assert_eq!(world.fence().unwrap().generation, 3);
    }
}

#[test]
fn phases_that_have_ended_rest() {
    let mut world = World::new();
    world.ask(Command::Cancel);
    assert_eq!(world.settle(), None);
    assert!(matches!(world.shift.phase, Phase::Cancelled { .. }));
}

#[test]
fn a_number_that_a_lost_history_has_used_is_not_taken_for_applied() {
    let mut world = World::started();
    world.pass(5);
    let (backup, events) = (world.shift.clone(), world.events.clone());
    world.pass(13);
    world.check("running", 50.0, &[]);
    // The database is restored from before the step, and somebody reverts at once.
    (world.shift, world.events) = (backup, events);
    world.seen = Observation::default();
    world.ask(Command::Revert);
    world.settle();
    world.check("reverted", 0.0, &[]);
    assert_eq!(world.weights(), BTreeMap::from([("cloud".to_owned(), 0), ("legacy".to_owned(), 100)]));
}

#[test]
fn records_that_were_given_back_are_looked_at_again() {
    let mut world = World::started();
    let (owner, shift, baseline) = ("elsewhere".to_owned(), "other".to_owned(), BTreeMap::new());
    let fence = Fence { owner, shift, generation: 4, epoch: 1, baseline };
    world.zone.push(fence.record_set(&RecordName::new("www.example.com")));
    world.settle();
    world.check("running", 0.0, &[Cause::Dependency]);
    world.zone.retain(|set| Fence::decode(set).is_none());
    world.pass(2);
    world.check("running", 10.0, &[]);
}
