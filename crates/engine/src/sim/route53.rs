//! Route 53 of a run: batches in order and whole or not at all, changes that take their time.

use std::collections::BTreeMap;

use crossfade_core::{
    RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::{Action, Batch},
    event::ChangeId,
};

pub(crate) struct Route53 {
    pub(crate) zones: BTreeMap<ZoneId, Vec<RecordSet>>,
    changes: BTreeMap<ChangeId, Change>,
    issued: u64,
    /// For a mutation of this very world: fences are not compared.
    pub(crate) ignores_fences: bool,
}

#[derive(Clone, Copy)]
struct Change {
    in_sync_at: i64,
    forgotten_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    InSync,
    Unknown,
}

impl Route53 {
    pub(crate) fn new(zones: BTreeMap<ZoneId, Vec<RecordSet>>) -> Route53 {
        Route53 { zones, changes: BTreeMap::new(), issued: 0, ignores_fences: false }
    }

    /// Applies a batch. `None` when it is refused.
    pub(crate) fn apply(&mut self, batch: &Batch) -> Option<()> {
        let zone = self.zones.get_mut(&batch.zone)?;
        let mut copy = zone.clone();
        for change in &batch.changes {
            let at = copy.iter().position(|set| same_key(set, &change.set));
            match (change.action, at) {
                (Action::Delete, Some(at))
                    if copy[at] == change.set || (self.ignores_fences && change.set.record_type == "TXT") =>
                {
                    drop(copy.remove(at));
                }
                (Action::Upsert, Some(at)) => copy[at] = change.set.clone(),
                (Action::Create | Action::Upsert, None) => copy.push(change.set.clone()),
                (Action::Delete, None) if self.ignores_fences && change.set.record_type == "TXT" => {}
                (Action::Create, Some(at)) if self.ignores_fences && change.set.record_type == "TXT" => {
                    copy[at] = change.set.clone();
                }
                (Action::Delete | Action::Create, _) => return None,
            }
        }
        sort(&mut copy);
        *zone = copy;
        Some(())
    }

    pub(crate) fn issue(&mut self, in_sync_at: i64, forgotten_at: i64) -> ChangeId {
        self.issued += 1;
        let id = ChangeId(format!("C{}", self.issued));
        self.changes.insert(id.clone(), Change { in_sync_at, forgotten_at });
        id
    }

    pub(crate) fn progress(&self, id: &ChangeId, now: i64) -> Progress {
        match self.changes.get(id) {
            Some(change) if now >= change.forgotten_at => Progress::Unknown,
            Some(change) if now >= change.in_sync_at => Progress::InSync,
            Some(_) => Progress::Pending,
            None => Progress::Unknown,
        }
    }

    /// Everything is in sync, and stays known.
    pub(crate) fn heal(&mut self, now: i64) {
        for change in self.changes.values_mut() {
            change.in_sync_at = change.in_sync_at.min(now);
        }
    }
}

pub(crate) fn member(name: &str, record_type: &str, id: &str, weight: u8, ttl: u32) -> RecordSet {
    RecordSet {
        name: RecordName::new(name),
        record_type: record_type.to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(ttl),
        values: vec![if record_type == "A" {
            format!("192.0.2.{}", id.len())
        } else {
            format!("2001:db8::{}", id.len())
        }],
        alias: None,
        health_check_id: Some(format!("check-{id}")),
        traffic_policy_instance_id: None,
    }
}

/// In the order of a listing.
pub(crate) fn sort(sets: &mut [RecordSet]) {
    sets.sort_by(|a, b| {
        (&a.name, &a.record_type, a.set_identifier()).cmp(&(&b.name, &b.record_type, b.set_identifier()))
    });
}

fn same_key(a: &RecordSet, b: &RecordSet) -> bool {
    a.name == b.name && a.record_type == b.record_type && a.set_identifier() == b.set_identifier()
}
