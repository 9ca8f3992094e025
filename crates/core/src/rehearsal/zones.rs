//! Route 53 as it is when nothing goes wrong: batches are applied whole or refused, and reach all name servers in a
//! while.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    GroupKey, RecordSet, Routing, Share, Weight, ZoneId,
    batch::{Batch, weights_of},
    decide::{ChangeRead, ChangeState},
    event::ChangeId,
    plan::Plan,
    shift::Shift,
};

/// Until a change has reached all name servers; usually it is within a minute.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html>
const PROPAGATION: SignedDuration = SignedDuration::from_secs(30);

/// What a side's largest member has at first.
const WHOLE: u64 = 100;

pub(super) struct Zones {
    zones: BTreeMap<ZoneId, Vec<RecordSet>>,
    /// When each change is in sync.
    changes: BTreeMap<ChangeId, Timestamp>,
}

impl Zones {
    /// With all traffic on the `from` side.
    pub(super) fn of(plan: &Plan, groups: &[GroupKey], ttl: SignedDuration) -> Zones {
        let largest = plan.from.values().copied().max().unwrap_or(1).max(1);
        let weight = |relative: u32| {
            let part = u64::from(relative) * WHOLE / u64::from(largest);
            Weight(u8::try_from(part.max(u64::from(relative > 0))).unwrap_or(u8::MAX))
        };
        let from = plan.from.iter().map(|(id, relative)| (id, weight(*relative)));
        let to = plan.to.keys().map(|id| (id, Weight(0)));
        let members: Vec<_> = from.chain(to).collect();
        let ttl = u32::try_from(ttl.as_secs()).unwrap_or(60);
        let mut zones: BTreeMap<ZoneId, Vec<RecordSet>> = BTreeMap::new();
        for group in groups {
            let sets = members.iter().map(|(id, weight)| RecordSet {
                name: group.name.clone(),
                record_type: group.record_type.as_str().to_owned(),
                routing: Routing::Weighted { set_identifier: (*id).clone(), weight: *weight },
                ttl_seconds: Some(ttl),
                values: vec![(*id).clone()],
                alias: None,
                health_check_id: None,
                traffic_policy_instance_id: None,
            });
            zones.entry(group.zone.clone()).or_default().extend(sets);
        }
        Zones { zones, changes: BTreeMap::new() }
    }

    pub(super) fn list(&self, zone: &ZoneId) -> Vec<RecordSet> {
        self.zones.get(zone).cloned().unwrap_or_default()
    }

    /// The part of the traffic that the zones give to the `to` side.
    pub(super) fn share(&self, shift: &Shift) -> Share {
        let weights = shift.groups.iter().map(|group| {
            let listed = self.zones.get(&group.zone).map(Vec::as_slice).unwrap_or_default();
            (group.clone(), weights_of(listed, group))
        });
        shift.share_of(&weights.collect()).unwrap_or(Share::ZERO)
    }

    pub(super) fn ask(&self, change: &ChangeId, now: Timestamp) -> ChangeRead {
        let state = match self.changes.get(change) {
            Some(at) if *at <= now => ChangeState::InSync,
            Some(_) => ChangeState::Pending,
            None => ChangeState::Unknown,
        };
        ChangeRead { at: now, state }
    }

    /// `None` is a refusal.
    pub(super) fn submit(&mut self, batch: &Batch, now: Timestamp) -> Option<ChangeId> {
        let sets = batch.apply_to(&self.list(&batch.zone)).ok()?;
        self.zones.insert(batch.zone.clone(), sets);
        let change = ChangeId(format!("C{}", self.changes.len() + 1));
        self.changes.insert(change.clone(), now + PROPAGATION);
        Some(change)
    }
}
