//! What Route 53 does with a batch: every change in order on a working copy, and nothing at all if one is invalid.
//!
//! The messages are those of Route 53, as far as they are known.

use std::collections::BTreeMap;

use crossfade_core::{
    RecordName, RecordSet, Routing,
    batch::{Action, CHARACTERS_MAX, Change, RECORDS_MAX},
};

use crate::zones::Zone;

/// By name, type, and what tells the members of a group apart.
pub(super) type Sets = BTreeMap<Key, RecordSet>;
type Key = (RecordName, String, String);

/// The most record sets of one name and type.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
const GROUP_MAX: usize = 100;

/// The record sets of a zone that was just created.
pub(super) fn apex(name: &RecordName) -> Sets {
    let set = |record_type: &str, ttl_seconds, value: &str| RecordSet {
        name: name.clone(),
        record_type: record_type.to_owned(),
        routing: Routing::Simple,
        ttl_seconds: Some(ttl_seconds),
        values: vec![value.to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    };
    let authority = "ns-1.memory.example. hostmaster.memory.example. 1 7200 900 1209600 86400";
    let sets = [set("NS", 172_800, "ns-1.memory.example."), set("SOA", 900, authority)];
    sets.into_iter().map(|set| (key(&set), set)).collect()
}

/// The record sets after the batch, or every reason against it.
pub(super) fn evaluate(zone: &Zone, before: &Sets, changes: &[Change]) -> Result<Sets, String> {
    let mut sets = before.clone();
    let mut reasons = size(changes);
    for change in changes {
        if let Err(reason) = apply(zone, &mut sets, change) {
            reasons.push(reason);
        }
    }
    if reasons.is_empty() { Ok(sets) } else { Err(format!("[{}]", reasons.join(", "))) }
}

fn size(changes: &[Change]) -> Vec<String> {
    let (mut records, mut characters) = (0, 0);
    for Change { action, set } in changes {
        let factor = if *action == Action::Upsert { 2 } else { 1 };
        records += factor * set.values.len().max(1);
        characters += factor * set.values.iter().map(String::len).sum::<usize>();
    }
    let limits = [
        (records > RECORDS_MAX, format!("Number of records limit of {RECORDS_MAX} exceeded.")),
        (characters > CHARACTERS_MAX, format!("Number of characters limit of {CHARACTERS_MAX} exceeded.")),
    ];
    limits.into_iter().filter_map(|(exceeded, reason)| exceeded.then_some(reason)).collect()
}

fn apply(zone: &Zone, sets: &mut Sets, Change { action, set }: &Change) -> Result<(), String> {
    let key = key(set);
    match action {
        Action::Delete => {
            let what = format!("Tried to delete resource record set {} but", described(set));
            match sets.get(&key) {
                None => return Err(format!("{what} it was not found")),
                Some(current) if !same(current, set) => {
                    return Err(format!("{what} the values provided do not match the current values"));
                }
                Some(_) => sets.remove(&key),
            };
        }
        Action::Create if sets.contains_key(&key) => {
            return Err(format!(
                "Tried to create resource record set {} but it already exists",
                described(set)
            ));
        }
        Action::Create | Action::Upsert => {
            sets.remove(&key);
            valid(zone, sets, set)?;
            sets.insert(key, set.clone());
        }
    }
    Ok(())
}

fn valid(zone: &Zone, others: &Sets, set: &RecordSet) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("RRSet {} {why}", described(set)));
    if !set.name.is_in(&zone.name) {
        return refuse(&format!("is not permitted in zone {}.", zone.name));
    }
    match &set.alias {
        Some(_) if set.ttl_seconds.is_some() || !set.values.is_empty() => {
            return refuse("has an alias and a TTL or values");
        }
        None if set.ttl_seconds.is_none() || set.values.is_empty() => {
            return refuse("has no TTL or no values");
        }
        Some(_) | None => {}
    }
    let at_name: Vec<&RecordSet> = others.values().filter(|other| other.name == set.name).collect();
    if at_name.iter().any(|other| (other.record_type == "CNAME") != (set.record_type == "CNAME")) {
        return refuse("conflicts with a CNAME, or is one and other RRSets exist with the same name");
    }
    let group: Vec<&&RecordSet> =
        at_name.iter().filter(|other| other.record_type == set.record_type).collect();
    if group.len() >= GROUP_MAX {
        return refuse("is one too many of its name and type");
    }
    if group.iter().any(|other| policy(other) != policy(set)) {
        return refuse(
            "cannot be created as a set with another routing policy exists with the same name and type.",
        );
    }
    // Aliases have none, and fit any.
    let ttls = |other: &&&RecordSet| other.ttl_seconds.zip(set.ttl_seconds);
    if group.iter().filter_map(ttls).any(|(theirs, ours)| theirs != ours) {
        return refuse("cannot be created as weighted sets must contain the same TTL.");
    }
    Ok(())
}

/// As a DELETE compares: everything, but the order of the values.
fn same(a: &RecordSet, b: &RecordSet) -> bool {
    let sorted = |set: &RecordSet| {
        let mut set = set.clone();
        set.values.sort();
        set
    };
    sorted(a) == sorted(b)
}

fn key(set: &RecordSet) -> Key {
    let member = match &set.routing {
        Routing::Simple => String::new(),
        Routing::Weighted { set_identifier, .. } => set_identifier.clone(),
        // Their identifiers are not kept, and nothing else tells them apart.
        Routing::Other(field) => format!("{field} {:?}", set.values),
    };
    (set.name.clone(), set.record_type.clone(), member)
}

fn policy(set: &RecordSet) -> &str {
    match &set.routing {
        Routing::Simple => "Simple",
        Routing::Weighted { .. } => "Weight",
        Routing::Other(field) => field,
    }
}

fn described(set: &RecordSet) -> String {
    let identifier = set.set_identifier().map(|id| format!(", set-identifier='{id}'")).unwrap_or_default();
    format!("[name='{}.', type='{}'{identifier}]", set.name, set.record_type)
}
