//! A shift on the real decision code, with zones and metrics made up, in a time that passes when it is told to.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_core::{
    GroupKey, RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::Batch,
    decide::{ChangeRead, ChangeState, Effect, Observation, Rules, ZoneRead, decide},
    event::{Actor, ChangeId, Event, Happened},
    fence::Fence,
    gate::{Answer, Fetched, GateData, Period},
    plan::{Format, Plan, parse},
    shift::{Command, Shift, command, create, revise},
};
use jiff::{SignedDuration, Timestamp};

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) shift: Shift,
    pub(crate) events: Vec<Event>,
    pub(crate) errors: u64,
    pub(crate) silent: bool,
    /// So many of the next batches are applied without an answer.
    pub(crate) lost_answers: u32,
    /// So many of the next batches are refused.
    pub(crate) refusals: u32,
    zones: BTreeMap<ZoneId, Vec<RecordSet>>,
    seen: Observation,
    changes: u32,
}

impl World {
    /// With two weighted record sets in every group of the plan, all of the traffic at the first.
    pub(crate) fn of(plan: &str) -> World {
        let now: Timestamp = "2026-12-01T09:00:00.123456789Z".parse().unwrap();
        let plan = parse(plan, Format::Yaml).unwrap();
        let groups: Vec<GroupKey> = plan
            .records
            .iter()
            .flat_map(|records| records.types.iter().map(move |record_type| (records, *record_type)))
            .map(|(records, record_type)| GroupKey {
                zone: ZoneId::new(&records.zone),
                name: RecordName::new(&records.name),
                record_type,
            })
            .collect();
        let mut zones: BTreeMap<ZoneId, Vec<RecordSet>> = BTreeMap::new();
        for group in &groups {
            let sets = [("legacy", 100), ("cloud", 0)].map(|(id, weight)| member(group, id, weight));
            zones.entry(group.zone.clone()).or_default().extend(sets);
        }
        let (shift, events) = create(plan, groups, &ada(), Some("as announced".to_owned()), now).unwrap();
        World {
            now,
            shift,
            events,
            errors: 0,
            silent: false,
            lost_answers: 0,
            refusals: 0,
            zones,
            seen: Observation::default(),
            changes: 0,
        }
    }

    pub(crate) fn ask(&mut self, verb: Command) {
        let reason = Some(format!("{} it", verb.verb()));
        let (shift, events) = command(&self.shift, verb, &ada(), reason, self.now).unwrap();
        self.commit(shift, events);
        self.settle();
    }

    pub(crate) fn revise(&mut self, change: impl Fn(&mut Plan)) {
        let mut plan = self.shift.plan.clone();
        change(&mut plan);
        let groups = self.shift.groups.clone();
        let (shift, events) = revise(&self.shift, plan, &groups, &ada(), None, self.now).unwrap().unwrap();
        self.commit(shift, events);
    }

    pub(crate) fn pass(&mut self, minutes: i64) {
        for _ in 0..minutes * 2 {
            self.now += SignedDuration::from_secs(30);
            if self.shift.write.is_none() && self.shift.has_written() {
                self.zones.keys().cloned().collect::<Vec<_>>().into_iter().for_each(|zone| self.read(zone));
            }
            self.settle();
        }
    }

    /// Somebody else gives a member another weight, everywhere.
    pub(crate) fn edit(&mut self, id: &str, weight: u8) {
        for set in self.zones.values_mut().flatten() {
            if set.set_identifier() == Some(id) {
                *set = set.with_weight(Weight(weight)).unwrap();
            }
        }
    }

    /// The records are taken back without the daemon, as `crossfade revert --direct` does it.
    pub(crate) fn revert_directly(&mut self) {
        self.edit("legacy", 100);
        self.edit("cloud", 0);
        for set in self.zones.values_mut().flatten() {
            if let Some(fence) = Fence::decode(set) {
                let next = Fence { generation: fence.generation + 1, ..fence };
                set.values = next.record_set(&RecordName::new("www.example.com")).values;
            }
        }
    }

    pub(crate) fn kinds(&self) -> BTreeSet<String> {
        self.events.iter().map(|event| event.what.to_parts().unwrap().0).collect()
    }

    fn commit(&mut self, shift: Shift, events: Vec<Event>) {
        self.shift = shift;
        self.events.extend(events);
    }

    fn happen(&mut self, happened: Vec<Happened>) {
        let (shift, events) = self.shift.after(happened, &Actor::daemon(), None, self.now).unwrap();
        self.seen.wrote_down(&events);
        self.commit(shift, events);
    }

    fn settle(&mut self) {
        let rules = Rules {
            owner: "0123456789abcdef".to_owned(),
            epoch: 1,
            propagation: SignedDuration::from_secs(60),
        };
        for _ in 0..200 {
            self.measure();
            let decision = decide(&self.shift, &self.seen, &rules, self.now);
            if !decision.happened.is_empty() {
                self.happen(decision.happened);
            } else if decision.effects.is_empty() {
                return;
            }
            decision.effects.into_iter().for_each(|effect| self.act(effect));
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
            Effect::Submit { generation, batch } => self.submit(generation, &batch),
            Effect::Look { .. } => panic!("this plan comes after nobody"),
        }
    }

    fn read(&mut self, zone: ZoneId) {
        let listed = Ok(self.zones[&zone].clone());
        self.seen.saw(&self.shift, zone, ZoneRead { at: self.now, listed });
    }

    fn submit(&mut self, generation: u64, batch: &Batch) {
        self.seen.zones.clear();
        self.seen.answered = None;
        let zone = batch.zone.clone();
        let refused = self.refusals > 0 || !apply(self.zones.get_mut(&zone).unwrap(), batch);
        self.changes += 1;
        let happened = if refused {
            self.refusals = self.refusals.saturating_sub(1);
            vec![Happened::Refused { generation, zone, error: "the values do not match".to_owned() }]
        } else if self.lost_answers > 0 {
            self.lost_answers -= 1;
            vec![Happened::Unanswered { generation, zone, error: "no answer in time".to_owned() }]
        } else {
            let change = Some(ChangeId(format!("C{}", self.changes)));
            vec![Happened::Accepted { generation, zone, change }]
        };
        self.happen(happened);
    }

    /// A thousand requests a minute, and of them the present number of errors.
    fn measure(&mut self) {
        let minute = |ago: i64| Timestamp::from_second(self.now.as_second() / 60 * 60 - ago * 60).unwrap();
        let period = |ago| Period { start: minute(ago), requests: Some(1_000), errors: Some(self.errors) };
        let periods = if self.silent { Vec::new() } else { (1..=40).rev().map(period).collect() };
        let data = GateData {
            fetched_at: self.now,
            to: Fetched { periods: periods.into(), incomplete: None },
            from: None,
        };
        self.seen.gates.insert("errors".to_owned(), Answer::Counts(data));
    }
}

fn ada() -> Actor {
    Actor("ada".to_owned())
}

fn member(group: &GroupKey, id: &str, weight: u8) -> RecordSet {
    RecordSet {
        name: group.name.clone(),
        record_type: group.record_type.as_str().to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(60),
        values: vec![format!("192.0.2.{}", id.len())],
        alias: None,
        health_check_id: Some(format!("check-{id}")),
        traffic_policy_instance_id: None,
    }
}

/// Whether Route 53 takes the batch.
fn apply(zone: &mut Vec<RecordSet>, batch: &Batch) -> bool {
    batch.apply_to(zone).map(|after| *zone = after).is_ok()
}
