//! That the invariants hold where nothing happens, and do not where something is wrong.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{Commit, Landed, World, all, check};
use crate::{
    RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::{Action, Batch, Change},
    event::{Actor, Event, Happened},
    fence::Fence,
    gate::{Answer, Fetched, GateData},
    plan::{Format, parse},
    shift::{Command, Purpose, Shift, command, create},
};

const PLAN: &str = "
name: www
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10, 100], hold: 10m }
gates: [{ name: errors, error_rate: { to: { preset: alb, load_balancer: app/cloud/1 } } }]
";

fn now() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn member(id: &str, weight: u8) -> RecordSet {
    RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(60),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}

fn fence(generation: u64) -> RecordSet {
    let (owner, shift, baseline) = ("here".to_owned(), "www".to_owned(), BTreeMap::new());
    Fence { owner, shift, generation, epoch: 1, baseline }.record_set(&RecordName::new("www.example.com"))
}

/// A shift on its way to the first step, and the events so far.
fn stepping() -> (Shift, Vec<Event>, Arc<Commit>) {
    let plan = parse(PLAN, Format::Yaml).unwrap();
    let ada = Actor("ada".to_owned());
    let group = "Z1/www.example.com/A".to_owned().try_into().unwrap();
    let (created, mut events) = create(plan, vec![group], &ada, None, now()).unwrap();
    let (started, more) = command(&created, Command::Start, &ada, None, now()).unwrap();
    events.extend(more);
    let sets = BTreeMap::from([(ZoneId::new("Z1"), vec![member("cloud", 0), member("legacy", 100)])]);
    let taken = vec![Happened::BaselineTaken { sets }];
    let (taken, more) = started.after(taken, &Actor::daemon(), None, now()).unwrap();
    events.extend(more);
    let share = taken.plan.ramp.steps[0].share;
    let intended = taken.intend(Purpose::Step { index: 0 }, share, taken.weights_for(share));
    let (shift, more) = taken.after(vec![intended], &Actor::daemon(), None, now()).unwrap();
    events.extend(more.clone());
    let (gates, reads) = (BTreeMap::new(), BTreeMap::new());
    let commit = Commit {
        at: now(),
        before: Arc::new(taken),
        events: more,
        gates,
        reads,
        others: BTreeMap::new(),
        saved: true,
    };
    (shift, events, Arc::new(commit))
}

/// The first step's batch, with these record sets before and after it.
fn landed(before: Vec<RecordSet>, after: Vec<RecordSet>) -> Landed {
    let (shift, _, commit) = stepping();
    let change = |action| move |set: &RecordSet| Change { action, set: set.clone() };
    let deletes = before.iter().map(change(Action::Delete));
    let changes = deletes.chain(after.iter().map(change(Action::Create))).collect();
    let batch = Batch { zone: ZoneId::new("Z1"), comment: String::new(), changes };
    let (shift, intent) = (Arc::new(shift), Some(commit));
    Landed { at: now(), shift, generation: 1, batch, before, after, intent, saved: true, over: None }
}

/// The number of the first invariant that does not hold, and what it says.
fn violated(landed: &[Landed], commits: &[Arc<Commit>]) -> Option<(u8, String)> {
    violated_in(landed, commits, |_| ())
}

/// The same in a world that was changed.
fn violated_in(
    landed: &[Landed],
    commits: &[Arc<Commit>],
    change: impl Fn(&mut World<'_>),
) -> Option<(u8, String)> {
    let (shift, history, _) = stepping();
    let mut world = World {
        now: now() + SignedDuration::from_mins(1),
        owner: "here",
        shift: &shift,
        history: &history,
        checked: 0,
        zones: &BTreeMap::new(),
        commits,
        landed,
        sent: &[],
        writers: 1,
        requests: 0,
        requests_max: 60,
        overdue: None,
        at_rest: false,
    };
    change(&mut world);
    check(&world).err().map(|violation| (violation.number, violation.sentence))
}

#[track_caller]
fn refutes(number: u8, landed: Landed) {
    let found = violated(&[landed], &[]);
    assert_eq!(found.as_ref().map(|(number, _)| *number), Some(number), "{found:?}");
}

fn before() -> Vec<RecordSet> {
    vec![member("cloud", 0), member("legacy", 100)]
}

#[test]
fn they_are_twenty_in_order() {
    let numbers: Vec<u8> = all().iter().map(|invariant| invariant.number).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<u8>>());
    assert_eq!(violated(&[], &[]), None);
}

#[test]
fn a_step_that_does_what_it_should_breaks_none() {
    let good = landed(before(), vec![member("cloud", 1), member("legacy", 9), fence(1)]);
    assert_eq!(violated(&[good], &[]), None);
}

#[test]
fn each_wrong_batch_is_told_by_its_number() {
    refutes(1, landed(before(), vec![member("cloud", 0), member("legacy", 0), fence(1)]));
    refutes(1, landed(before(), vec![member("cloud", 1), fence(1)]));
    let cached = RecordSet { ttl_seconds: Some(300), ..member("cloud", 1) };
    refutes(2, landed(before(), vec![cached, member("legacy", 9), fence(1)]));
    let fenced = |generation| [before(), vec![fence(generation)]].concat();
    refutes(3, landed(fenced(0), before()));
    refutes(4, landed(fenced(2), vec![member("cloud", 1), member("legacy", 9), fence(1)]));
    let late = landed(fenced(0), vec![member("cloud", 1), member("legacy", 9), fence(1)]);
    refutes(5, Landed { over: Some("cancelled"), ..late });
    let unsaved = landed(before(), vec![member("cloud", 1), member("legacy", 9), fence(1)]);
    refutes(7, Landed { saved: false, ..unsaved });
    let edited = vec![member("cloud", 5), member("legacy", 100)];
    refutes(15, landed(edited, vec![member("cloud", 1), member("legacy", 9), fence(1)]));
    let mut elsewhere = landed(before(), vec![member("cloud", 1), member("legacy", 9), fence(1)]);
    elsewhere.batch.changes[0].set.name = RecordName::new("mail.example.com");
    refutes(16, elsewhere);
    let unintended = landed(before(), vec![member("cloud", 1), member("legacy", 9), fence(1)]);
    refutes(18, Landed { intent: None, ..unintended });
}

#[test]
fn a_step_needs_passing_gates() {
    let (_, _, commit) = stepping();
    let (number, sentence) = violated(&[], &[commit]).unwrap();
    assert_eq!((number, sentence.as_str()), (7, "step 1 was intended on []"));
}

#[test]
fn what_stands_in_the_world_itself_is_told_by_its_number() {
    let number = |change: fn(&mut World<'_>)| violated_in(&[], &[], change).map(|(number, _)| number);
    assert_eq!(number(|world| world.writers = 2), Some(17));
    assert_eq!(number(|world| world.requests = world.requests_max + 1), Some(19));
    assert_eq!(number(|world| world.overdue = Some("it has not ended")), Some(20));
}

/// Whether one of the twenty holds after a commit.
fn holds_after(number: usize, commit: Commit) -> Result<(), String> {
    let found = std::cell::RefCell::new(Ok(()));
    let invariant = &all()[number - 1];
    let _ = violated_in(&[], &[Arc::new(commit)], |world| *found.borrow_mut() = invariant.check(world));
    found.into_inner().map_err(|violation| violation.sentence)
}

#[test]
fn a_number_is_not_given_twice() {
    let again = |generation| {
        let (shift, _, first) = stepping();
        let before = Shift { generation, ..shift };
        holds_after(13, Commit { before: Arc::new(before), events: first.events.clone(), ..bare(&first) })
    };
    assert_eq!(again(0), Ok(()));
    assert_eq!(again(1), Err("write 1 was intended after write 1".to_owned()));
}

#[test]
fn a_gate_does_not_pass_on_what_was_read_long_ago() {
    let read = |seconds| {
        let (_, _, first) = stepping();
        let fetched_at = now() - SignedDuration::from_secs(seconds);
        let data = GateData { fetched_at, to: Fetched::default(), from: None };
        let gates = BTreeMap::from([("errors".to_owned(), Answer::Counts(data))]);
        holds_after(8, Commit { gates, events: first.events.clone(), ..bare(&first) })
    };
    assert_eq!(read(120), Ok(()));
    assert_eq!(read(121), Err("gate errors passed on data read 121 s before".to_owned()));
}

/// A commit of nothing, where another one was.
fn bare(commit: &Commit) -> Commit {
    Commit {
        at: commit.at,
        before: commit.before.clone(),
        events: Vec::new(),
        gates: BTreeMap::new(),
        reads: BTreeMap::new(),
        others: BTreeMap::new(),
        saved: true,
    }
}
