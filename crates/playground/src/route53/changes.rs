//! Evaluating a change batch: in order, on a working copy, whole or not at all.
//!
//! Every refusal carries the text the real service answers with, because clients decide by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{names, values};
use crate::record::{Policy, Record, RecordKey};
use crate::zone::{Effect, Records};

/// What a change asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// The record set must not exist.
    Create,
    /// The record set must exist and be the same in everything.
    Delete,
    /// Create, or replace what is there.
    Upsert,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What to do.
    pub action: Action,
    /// The whole record set.
    pub record: Record,
}

/// What a batch is judged against besides the records themselves.
pub(crate) struct Surroundings<'a> {
    pub(crate) zone_id: &'a str,
    pub(crate) zone_name: &'a str,
}

/// A group may have this many members.
const MAX_GROUP: usize = 100;
/// A batch may name this many values; an alias counts as one, an UPSERT twice.
const MAX_VALUES: usize = 1_000;
/// The characters of all values of a batch; an UPSERT counts twice.
const MAX_CHARACTERS: usize = 32_000;
/// Values of one record set.
const MAX_VALUES_PER_RECORD: usize = 400;

/// The effects of the batch on the records, or every reason against it.
pub(crate) fn evaluate(
    records: &Records,
    surroundings: &Surroundings<'_>,
    changes: &[Change],
) -> Result<Vec<Effect>, Vec<String>> {
    let mut errors = over_limits(changes);
    let mut batch =
        Batch { working: records.clone(), touched: BTreeMap::new(), deleted: BTreeSet::new(), surroundings };
    for change in changes {
        if let Err(error) = batch.apply(change) {
            errors.push(error);
        }
    }
    if errors.is_empty() {
        errors.extend(batch.apex_refusals());
    }
    if errors.is_empty() { Ok(batch.touched.into_iter().collect()) } else { Err(errors) }
}

struct Batch<'a> {
    working: Records,
    touched: BTreeMap<RecordKey, Option<Record>>,
    deleted: BTreeSet<RecordKey>,
    surroundings: &'a Surroundings<'a>,
}

impl Batch<'_> {
    fn apply(&mut self, change: &Change) -> Result<(), String> {
        let key = change.record.key();
        match change.action {
            Action::Delete => self.delete(key, &change.record),
            Action::Create => {
                if self.working.contains_key(&key) {
                    return Err(format!(
                        "Tried to create {} but it already exists",
                        described(&change.record)
                    ));
                }
                self.put(key, &change.record)
            }
            Action::Upsert => self.put(key, &change.record),
        }
    }

    fn delete(&mut self, key: RecordKey, record: &Record) -> Result<(), String> {
        if self.deleted.contains(&key) {
            return Err(format!(
                "The request contains an invalid set of changes for a resource record set '{} {}'",
                record.record_type, record.name
            ));
        }
        let Some(current) = self.working.get(&key) else {
            return Err(format!("Tried to delete {} but it was not found", described(record)));
        };
        if !current.same_as(record) {
            return Err(format!(
                "Tried to delete {} but the values provided do not match the current values",
                described(record)
            ));
        }
        self.working.remove(&key);
        self.deleted.insert(key.clone());
        self.touched.insert(key, None);
        Ok(())
    }

    fn put(&mut self, key: RecordKey, record: &Record) -> Result<(), String> {
        self.check_place(record)?;
        self.check_values(record)?;
        self.check_group(&key, record)?;
        self.check_alias(record)?;
        self.working.insert(key.clone(), record.clone());
        self.touched.insert(key, Some(record.clone()));
        Ok(())
    }

    fn check_place(&self, record: &Record) -> Result<(), String> {
        let zone = self.surroundings.zone_name;
        let Record { name, record_type, .. } = record;
        if !names::is_within(name, zone) {
            return Err(format!("RRSet with DNS name {name} is not permitted in zone {zone}"));
        }
        if record_type == "CNAME" && name == zone {
            return Err(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
            ));
        }
        if record_type == "SOA" && name != zone {
            return Err(format!("RRSet of type SOA with DNS name {name} is not permitted in zone {zone}"));
        }
        let others =
            self.working.values().filter(|other| other.name == *name && other.record_type != *record_type);
        for other in others {
            if record_type == "CNAME" {
                return Err(format!(
                    "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records \
                     with the same DNS name in zone {zone}"
                ));
            }
            if other.record_type == "CNAME" {
                return Err(format!(
                    "RRSet of type {record_type} with DNS name {name} is not permitted because a conflicting RRSet \
                     of type CNAME with the same DNS name already exists in zone {zone}"
                ));
            }
        }
        Ok(())
    }

    fn check_values(&self, record: &Record) -> Result<(), String> {
        if let Some(refusal) =
            record.values.iter().find_map(|value| values::refusal(&record.record_type, value))
        {
            return Err(refusal);
        }
        let distinct: BTreeSet<&String> = record.values.iter().collect();
        if distinct.len() != record.values.len() {
            return Err(format!("Duplicate Resource Record: '{}'", record.values.join(", ")));
        }
        if record.values.len() > MAX_VALUES_PER_RECORD {
            return Err(format!("Number of values in {} exceeds {MAX_VALUES_PER_RECORD}", described(record)));
        }
        if matches!(record.record_type.as_str(), "CNAME" | "SOA") && record.values.len() > 1 {
            return Err(format!("{} must have exactly one value", described(record)));
        }
        Ok(())
    }

    fn check_group(&self, key: &RecordKey, record: &Record) -> Result<(), String> {
        let policy = record.policy();
        let group: Vec<&Record> = self
            .working
            .iter()
            .filter(|(other_key, other)| {
                *other_key != key && other.name == record.name && other.record_type == record.record_type
            })
            .map(|(_, other)| other)
            .collect();
        let head = grouped(record);
        for other in &group {
            if policy == Policy::Simple {
                return Err(format!(
                    "RRSet with DNS name {}, type {} cannot be created as other RRSets exist with the same name and type.",
                    record.name, record.record_type
                ));
            }
            if other.policy() != policy {
                return Err(format!(
                    "{head} cannot be created as a non-{} set exists with the same name and type.",
                    policy.word()
                ));
            }
            if let (Some(ttl), Some(other_ttl)) = (record.ttl, other.ttl)
                && ttl != other_ttl
            {
                return Err(format!(
                    "{head} cannot be created as {} sets must contain the same TTL.",
                    policy.word()
                ));
            }
        }
        if group.len() >= MAX_GROUP {
            return Err(format!(
                "{head} cannot be created as there are already {MAX_GROUP} RRSets with the same name and type."
            ));
        }
        Ok(())
    }

    fn check_alias(&self, record: &Record) -> Result<(), String> {
        let Some(alias) = &record.alias else { return Ok(()) };
        if alias.zone_id != self.surroundings.zone_id {
            return Ok(());
        }
        let tried = format!(
            "Tried to create an alias that targets {}, type {} in zone {},",
            alias.name, record.record_type, alias.zone_id
        );
        if !names::is_within(&alias.name, self.surroundings.zone_name) {
            return Err(format!("{tried} but the alias target name does not lie within the target zone"));
        }
        let found = self
            .working
            .values()
            .any(|other| other.name == alias.name && other.record_type == record.record_type);
        if found { Ok(()) } else { Err(format!("{tried} but that target was not found")) }
    }

    /// A zone without its own NS and SOA would not be one.
    fn apex_refusals(&self) -> Vec<String> {
        let zone = self.surroundings.zone_name;
        let lacks = |record_type: &str| !self.working.contains_key(&RecordKey::new(zone, record_type, ""));
        let mut refusals = Vec::new();
        if lacks("NS") {
            refusals.push("A HostedZone must contain at least one NS record for the zone itself.".to_owned());
        }
        if lacks("SOA") {
            refusals.push("A HostedZone must contain exactly one SOA record.".to_owned());
        }
        refusals
    }
}

fn over_limits(changes: &[Change]) -> Vec<String> {
    let (mut count, mut characters) = (0, 0);
    for Change { action, record } in changes {
        let times = if *action == Action::Upsert { 2 } else { 1 };
        count += times * (record.values.len() + usize::from(record.alias.is_some()));
        characters += times * record.values.iter().map(|value| value.chars().count()).sum::<usize>();
    }
    let mut errors = Vec::new();
    if count > MAX_VALUES {
        errors.push(format!("Number of records limit of {MAX_VALUES} exceeded."));
    }
    if characters > MAX_CHARACTERS {
        errors.push(format!("Number of characters limit of {MAX_CHARACTERS} exceeded."));
    }
    errors
}

fn described(record: &Record) -> String {
    let identifier =
        record.set_identifier.as_ref().map(|id| format!(", set-identifier='{id}'")).unwrap_or_default();
    format!("resource record set [name='{}', type='{}'{identifier}]", record.name, record.record_type)
}

fn grouped(record: &Record) -> String {
    format!(
        "RRSet with DNS name {}, type {}, SetIdentifier {}",
        record.name,
        record.record_type,
        record.set_identifier.as_deref().unwrap_or_default()
    )
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
