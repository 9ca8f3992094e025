//! Everything the world consists of, and what happens to a change on its way to the name servers.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Options;
use crate::clock::{Clock, UnixSeconds};
use crate::cloudwatch::{Alarms, Metrics};
use crate::endpoint::Endpoints;
use crate::faults::Faults;
use crate::journal::Entry;
use crate::throttle::Bucket;
use crate::traffic::TrafficState;
use crate::zone::{Effect, Zone};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) rng: StdRng,
    pub(crate) zones: BTreeMap<String, Zone>,
    pub(crate) changes: HashMap<String, ChangeState>,
    pub(crate) health_checks: BTreeMap<String, bool>,
    pub(crate) faults: Faults,
    pub(crate) journal: Vec<Entry>,
    /// Batches that a fault delays.
    pub(crate) under_way: usize,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) bucket: Bucket,
    pub(crate) metrics: Metrics,
    pub(crate) alarms: Alarms,
    pub(crate) endpoints: Endpoints,
    pub(crate) traffic: Vec<TrafficState>,
    /// Whether resolvers keep what they know, whatever its TTL.
    pub(crate) pinned: bool,
    pub(crate) advanced_to: UnixSeconds,
    sequence: u64,
}

/// A change that GetChange knows.
#[derive(Debug, Clone)]
pub(crate) struct ChangeState {
    pub(crate) id: String,
    pub(crate) zone_id: String,
    pub(crate) comment: Option<String>,
    pub(crate) submitted_at: UnixSeconds,
    pub(crate) in_sync: bool,
    sequence: u64,
    effects: Vec<Effect>,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        let clock = Clock::start();
        let now = clock.unix();
        Self {
            rng: StdRng::seed_from_u64(options.seed),
            bucket: Bucket::new(options.throttle, now),
            metrics: Metrics::new(options.metric_retention),
            alarms: Alarms::default(),
            options,
            clock,
            zones: BTreeMap::new(),
            changes: HashMap::new(),
            health_checks: BTreeMap::new(),
            faults: Faults::default(),
            journal: Vec::new(),
            under_way: 0,
            calls: BTreeMap::new(),
            endpoints: Endpoints::default(),
            traffic: Vec::new(),
            pinned: false,
            advanced_to: now,
            sequence: 0,
        }
    }

    /// An id such as Route 53's: a letter and twenty capitals or digits, the same for the same seed.
    pub(crate) fn fresh_id(&mut self, kind: char) -> String {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let tail: String = (0..20)
            .map(|_| {
                char::from(ALPHABET.get(self.rng.random_range(0..ALPHABET.len())).copied().unwrap_or(b'0'))
            })
            .collect();
        format!("{kind}{tail}")
    }

    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Writes the effects to the control plane and registers the change as PENDING.
    pub(crate) fn accept(
        &mut self,
        zone_id: &str,
        comment: Option<String>,
        effects: Vec<Effect>,
    ) -> ChangeState {
        let id = self.fresh_id('C');
        let sequence = self.next_sequence();
        if let Some(zone) = self.zones.get_mut(zone_id) {
            for (key, record) in &effects {
                match record {
                    Some(record) => zone.records.insert(key.clone(), record.clone()),
                    None => zone.records.remove(key),
                };
            }
        }
        let change = ChangeState {
            id: id.clone(),
            zone_id: zone_id.to_owned(),
            comment,
            submitted_at: self.clock.unix(),
            in_sync: false,
            sequence,
            effects,
        };
        self.changes.insert(id, change.clone());
        change
    }

    /// The change has reached every name server.
    pub(crate) fn settle(&mut self, change_id: &str) {
        let Some(change) = self.changes.get_mut(change_id) else { return };
        change.in_sync = true;
        let effects = std::mem::take(&mut change.effects);
        if let Some(zone) = self.zones.get_mut(&change.zone_id) {
            zone.propagate(change.sequence, &effects);
        }
    }

    pub(crate) fn count_call(&mut self, operation: &str) {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
    }
}
