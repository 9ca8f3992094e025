//! Route 53 of a run: batches in order and whole or not at all, changes that take their time.

use std::collections::BTreeMap;

use crossfade_core::{
    RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::{Action, Batch, Change},
    event::ChangeId,
};

pub(crate) struct Route53 {
    pub(crate) zones: BTreeMap<ZoneId, Vec<RecordSet>>,
    changes: BTreeMap<ChangeId, Progressing>,
    issued: u64,
    /// For a mutation of this very world: fences are not compared.
    pub(crate) ignores_fences: bool,
}

#[derive(Clone, Copy)]
struct Progressing {
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
        let mut after = match self.ignores_fences {
            true => over_any_fence(batch, zone).apply_to(zone),
            false => batch.apply_to(zone),
        }
        .ok()?;
        sort(&mut after);
        *zone = after;
        Some(())
    }

    pub(crate) fn issue(&mut self, in_sync_at: i64, forgotten_at: i64) -> ChangeId {
        self.issued += 1;
        let id = ChangeId(format!("C{}", self.issued));
        self.changes.insert(id.clone(), Progressing { in_sync_at, forgotten_at });
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

/// The same batch, which deletes and replaces whatever fences there are.
fn over_any_fence(batch: &Batch, zone: &[RecordSet]) -> Batch {
    let mut batch = batch.clone();
    batch.changes.retain_mut(|Change { action, set }| match action {
        Action::Delete | Action::Create if set.record_type != "TXT" => true,
        Action::Delete => {
            let there = zone.iter().find(|there| there.name == set.name && there.record_type == "TXT");
            there.map(|there| set.clone_from(there)).is_some()
        }
        Action::Create => {
            *action = Action::Upsert;
            true
        }
        Action::Upsert => true,
    });
    batch
}
