//! What Route 53 does with a batch: every change in order on a working copy, and nothing at all if one is invalid.
//!
//! The messages are those of Route 53, as far as they are known.

use crossfade_core::{
    RecordName, RecordSet, Routing,
    batch::{Action, CHARACTERS_MAX, Change, RECORDS_MAX},
};

use crate::zones::Zone;

/// In the order of a listing.
pub(super) type Sets = Vec<RecordSet>;

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
    sets.into()
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
    sets.sort_by(|a, b| {
        (&a.name, &a.record_type, a.set_identifier()).cmp(&(&b.name, &b.record_type, b.set_identifier()))
    });
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

fn apply(zone: &Zone, sets: &mut Sets, change: &Change) -> Result<(), String> {
    change.apply_to(sets).map_err(|refusal| refusal.to_string())?;
    match change.action {
        Action::Delete => Ok(()),
        Action::Create | Action::Upsert => valid(zone, sets, &change.set),
    }
}

/// Whether a record set fits among the others, of which it is one already.
fn valid(zone: &Zone, sets: &Sets, set: &RecordSet) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("RRSet {} {why}", set.described()));
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
    let at_name: Vec<&RecordSet> =
        sets.iter().filter(|other| other.name == set.name && *other != set).collect();
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

fn policy(set: &RecordSet) -> &str {
    match &set.routing {
        Routing::Simple => "Simple",
        Routing::Weighted { .. } => "Weight",
        Routing::Other(field) => field,
    }
}
