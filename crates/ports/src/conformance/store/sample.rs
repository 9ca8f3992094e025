//! Shifts to be kept.

use std::collections::BTreeMap;

use crossfade_core::{
    GroupKey, RecordName, Share, ZoneId,
    event::{Actor, Event, Happened},
    plan::Plan,
    record::{RecordSet, Routing, Weight},
    shift::{Command, Purpose, Shift, command, create},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::store::IdempotencyKey;

/// With all the digits there are: an instant must come back as it was.
pub fn instant(seconds: i64) -> Timestamp {
    let morning: Timestamp = "2026-03-01T09:00:00.123456789Z".parse().unwrap();
    morning + SignedDuration::from_secs(seconds)
}

pub fn actor() -> Actor {
    Actor("ada".to_owned())
}

pub fn plan(name: &str, description: &str, labels: &[(&str, &str)]) -> Plan {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    let plan = json!({
        "name": name,
        "description": description,
        "labels": labels,
        "records": [{ "zone": "Z1", "name": "www.example.com", "types": ["A"] }],
        "from": { "legacy": 1 },
        "to": { "cloud": 1 },
        "ramp": { "steps": [{ "share": 12.5 }, { "share": 100.0 }], "hold": "30m" },
        "gates": [],
    });
    serde_json::from_value(plan).unwrap()
}

/// A shift's record group of its own, in zone `Z1`.
pub fn group(name: &str) -> GroupKey {
    format!("Z1/{name}.example.com/A").try_into().unwrap()
}

/// A new shift with one record group, which has its name.
pub fn shift(name: &str) -> (Shift, Vec<Event>) {
    labelled(name, &[])
}

pub fn labelled(name: &str, labels: &[(&str, &str)]) -> (Shift, Vec<Event>) {
    of(plan(name, "", labels), &[name])
}

pub fn of(plan: Plan, groups: &[&str]) -> (Shift, Vec<Event>) {
    create(plan, groups.iter().map(|name| group(name)).collect(), &actor(), None, instant(0)).unwrap()
}

pub fn commanded(shift: &Shift, verb: Command, seconds: i64) -> (Shift, Vec<Event>) {
    command(shift, verb, &actor(), Some("as agreed".to_owned()), instant(seconds)).unwrap()
}

pub fn happened(shift: &Shift, happened: Vec<Happened>, seconds: i64) -> (Shift, Vec<Event>) {
    shift.after(happened, &Actor::daemon(), None, instant(seconds)).unwrap()
}

/// What the daemon would do to a started shift until its first step is confirmed, in three commits.
pub fn first_step(shift: &Shift) -> [(Shift, Vec<Event>); 3] {
    let zone = ZoneId::new("Z1");
    let sets = BTreeMap::from([(zone.clone(), vec![record_set("legacy", 255), record_set("cloud", 0)])]);
    let intended = Happened::Intended {
        generation: 1,
        purpose: Purpose::Step { index: 0 },
        share: Share::from_percent(12.5).unwrap(),
        weights: shift.weights_for(Share::from_percent(12.5).unwrap()),
        gates: Vec::new(),
    };
    let one = happened(shift, vec![Happened::BaselineTaken { sets: sets.clone() }, intended], 60);
    let accepted = Happened::Accepted { generation: 1, zone: zone.clone(), change: None };
    let two = happened(&one.0, vec![accepted], 61);
    let confirmed = Happened::Confirmed { generation: 1, settled_at: instant(120), sets };
    let three = happened(&two.0, vec![Happened::InSync { generation: 1, zone }, confirmed], 90);
    [one, two, three]
}

pub fn released(shift: &Shift, seconds: i64) -> (Shift, Vec<Event>) {
    happened(shift, vec![Happened::Released {}], seconds)
}

pub fn key(key: &str, fingerprint: &str, seconds: i64) -> IdempotencyKey {
    IdempotencyKey { key: key.to_owned(), fingerprint: fingerprint.to_owned(), at: instant(seconds) }
}

fn record_set(set_identifier: &str, weight: u8) -> RecordSet {
    RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing: Routing::Weighted { set_identifier: set_identifier.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(60),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}
