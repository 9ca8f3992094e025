//! The world: its state behind one mutex, and the handle through which tests and demos turn it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::clock::{Clock, UnixSeconds};
use crate::cloudwatch::{Alarms, Dimensions, Measurement, MetricKey, Metrics};
use crate::endpoint::Endpoints;
use crate::faults::{Fault, Faults};
use crate::journal::Entry;
use crate::record::{Record, RecordKey};
use crate::route53::{self, Action, Change, Surroundings, names};
use crate::throttle::Bucket;
use crate::traffic::TrafficState;
use crate::zone::{Effect, Zone};

/// A handle to the emulated world; clones are cheap and show the same world.
#[derive(Debug, Clone)]
pub struct World {
    inner: Arc<Inner>,
}

/// Why the world could not be changed as asked.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum WorldError {
    /// No such zone.
    #[error("there is no zone {0}")]
    NoSuchZone(String),
    /// No such record set.
    #[error("there is no record set {name} {record_type} {set_identifier} in zone {zone_id}")]
    NoSuchRecord {
        /// The zone's id.
        zone_id: String,
        /// The record's name.
        name: String,
        /// The record's type.
        record_type: String,
        /// The record's set identifier.
        set_identifier: String,
    },
    /// The zone would refuse the change, for these reasons.
    #[error("the zone refuses: {}", .0.join("; "))]
    Refused(Vec<String>),
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    stop: CancellationToken,
}

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
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) bucket: Bucket,
    pub(crate) metrics: Metrics,
    pub(crate) alarms: Alarms,
    pub(crate) endpoints: Endpoints,
    pub(crate) traffic: Vec<TrafficState>,
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

impl World {
    pub(crate) fn new(options: Options, stop: CancellationToken) -> Self {
        let clock = Clock::start();
        let now = clock.unix();
        let state = State {
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
            calls: BTreeMap::new(),
            endpoints: Endpoints::default(),
            traffic: Vec::new(),
            advanced_to: now,
            sequence: 0,
        };
        let (revision, _) = watch::channel(0);
        Self { inner: Arc::new(Inner { state: Mutex::new(state), revision, stop }) }
    }

    /// Creates a public zone and returns its id.
    ///
    /// # Panics
    /// When `name` is not a domain name.
    pub fn create_zone(&self, name: &str) -> String {
        self.new_zone(name, false)
    }

    /// Creates a private zone and returns its id; it is answered by the same DNS server.
    ///
    /// # Panics
    /// When `name` is not a domain name.
    pub fn create_private_zone(&self, name: &str) -> String {
        self.new_zone(name, true)
    }

    /// Creates or replaces a record set, INSYNC at once.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse the record; [`World::try_put_record`] tells instead.
    pub fn put_record(&self, zone_id: &str, record: Record) {
        if let Err(error) = self.try_put_record(zone_id, record) {
            panic!("put_record: {error}");
        }
    }

    /// Creates or replaces a record set, INSYNC at once, or says why not.
    pub fn try_put_record(&self, zone_id: &str, record: Record) -> Result<(), WorldError> {
        self.change_at_once(zone_id, Action::Upsert, record)
    }

    /// Writes a record set as somebody else would, past this client: valid, and INSYNC at once.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse the record.
    pub fn foreign_write(&self, zone_id: &str, record: Record) {
        self.put_record(zone_id, record);
    }

    /// Changes one weight as somebody else would.
    pub fn foreign_weight(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
        weight: u8,
    ) -> Result<(), WorldError> {
        let record = self.find(zone_id, name, record_type, set_identifier)?;
        self.try_put_record(zone_id, Record { weight: Some(weight), ..record })
    }

    /// Deletes one record set as somebody else would.
    pub fn foreign_delete(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
    ) -> Result<(), WorldError> {
        let record = self.find(zone_id, name, record_type, set_identifier)?;
        self.change_at_once(zone_id, Action::Delete, record)
    }

    /// Every record set of the zone as ListResourceRecordSets shows it; empty for an unknown zone.
    pub fn records(&self, zone_id: &str) -> Vec<Record> {
        self.lock().zones.get(zone_id).map(|zone| zone.records.values().cloned().collect()).unwrap_or_default()
    }

    /// Every record set of the zone as the name servers answer it: without what is PENDING.
    pub fn visible_records(&self, zone_id: &str) -> Vec<Record> {
        self.lock().zones.get(zone_id).map(|zone| zone.visible.values().cloned().collect()).unwrap_or_default()
    }

    /// The weights of a group by set identifier, as the control plane has them.
    pub fn weights(&self, zone_id: &str, name: &str, record_type: &str) -> BTreeMap<String, u8> {
        weights_of(&self.records(zone_id), name, record_type)
    }

    /// The weights of a group by set identifier, as the name servers have them.
    pub fn visible_weights(&self, zone_id: &str, name: &str, record_type: &str) -> BTreeMap<String, u8> {
        weights_of(&self.visible_records(zone_id), name, record_type)
    }

    /// Registers a health check, healthy or not, or changes it.
    pub fn set_health_check(&self, id: &str, healthy: bool) {
        self.lock().health_checks.insert(id.to_owned(), healthy);
        self.notify();
    }

    /// How long changes accepted from now on stay PENDING. `Duration::MAX` holds them until [`World::sync_now`].
    pub fn set_insync_delay(&self, delay: Duration) {
        self.lock().options.insync_delay = delay;
    }

    /// Makes every PENDING change INSYNC.
    pub fn sync_now(&self) {
        let mut state = self.lock();
        let mut pending: Vec<(u64, String)> = state
            .changes
            .values()
            .filter(|change| !change.in_sync)
            .map(|change| (change.sequence, change.id.clone()))
            .collect();
        pending.sort();
        for (_, id) in pending {
            state.settle(&id);
        }
        drop(state);
        self.notify();
    }

    /// Changes that are not yet INSYNC.
    pub fn pending_changes(&self) -> usize {
        self.lock().changes.values().filter(|change| !change.in_sync).count()
    }

    /// Arms a fault behind those already armed.
    pub fn arm(&self, fault: Fault) {
        self.lock().faults.arm(fault);
    }

    /// Takes back every armed fault.
    pub fn disarm_all(&self) {
        self.lock().faults.disarm_all();
    }

    /// The faults that still wait for calls.
    pub fn armed(&self) -> Vec<Fault> {
        self.lock().faults.armed().to_vec()
    }

    /// Stores one value of a metric, readable once the publication delay has passed.
    pub fn put_metric(&self, namespace: &str, metric: &str, dimensions: &[(&str, &str)], at_epoch_seconds: f64, value: f64) {
        let dimensions: Dimensions =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let key = MetricKey { namespace: namespace.to_owned(), name: metric.to_owned(), dimensions };
        self.lock().metrics.put(key, at_epoch_seconds, Measurement::one(value));
    }

    /// How late data put from now on can be read: of one metric, or of the whole namespace.
    pub fn set_metric_delay(&self, namespace: &str, metric: Option<&str>, delay: Duration) {
        self.lock().metrics.set_delay(namespace, metric, delay);
    }

    /// Sets an alarm's state (`OK`, `ALARM`, `INSUFFICIENT_DATA`), creating the alarm where there is none.
    pub fn set_alarm(&self, name: &str, state: &str) {
        let mut world = self.lock();
        let now = world.clock.unix();
        world.alarms.set(name, state, "set in the playground", now);
    }

    /// Every ChangeResourceRecordSets that arrived, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.lock().journal.clone()
    }

    /// How many calls arrived, by operation, whatever became of them.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().calls.clone()
    }

    /// A number that grows with every call, every propagated change and every write; await its changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.revision.subscribe()
    }

    /// The next event: a call, a propagated change, a write.
    pub async fn changed(&self) {
        // The sender lives in `self`, so an error cannot happen.
        self.subscribe().changed().await.unwrap_or_default();
    }

    /// Waits until `look` finds what it looks for, looking now and after every event.
    pub async fn wait_for<T>(&self, mut look: impl FnMut(&World) -> Option<T>) -> T {
        let mut events = self.subscribe();
        loop {
            events.borrow_and_update();
            if let Some(found) = look(self) {
                return found;
            }
            if events.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The world's time in seconds since the Unix epoch.
    pub fn now_unix(&self) -> f64 {
        self.lock().clock.unix()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify(&self) {
        self.inner.revision.send_modify(|revision| *revision += 1);
    }

    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// Makes the change INSYNC after the configured delay. Needs a tokio runtime.
    pub(crate) fn settle_later(&self, change_id: String) {
        let delay = self.lock().options.insync_delay;
        let world = self.clone();
        let settle = move |world: &World| {
            world.lock().settle(&change_id);
            world.notify();
        };
        if delay.is_zero() {
            settle(&world);
            return;
        }
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(delay) => settle(&world),
                () = world.stopped().cancelled() => {}
            }
        });
    }

    fn new_zone(&self, name: &str, private: bool) -> String {
        let Ok(name) = names::canonical(name) else { panic!("create_zone: '{name}' is not a domain name") };
        let mut state = self.lock();
        let id = state.fresh_id('Z');
        let mut zone = Zone::new(id.clone(), name, format!("playground-{id}"));
        zone.private = private;
        state.zones.insert(id.clone(), zone);
        drop(state);
        self.notify();
        id
    }

    fn change_at_once(&self, zone_id: &str, action: Action, record: Record) -> Result<(), WorldError> {
        let mut state = self.lock();
        let sequence = state.next_sequence();
        let zone =
            state.zones.get_mut(zone_id).ok_or_else(|| WorldError::NoSuchZone(zone_id.to_owned()))?;
        let change = Change { action, record: record.canonical() };
        let surroundings = Surroundings { zone_id: &zone.id, zone_name: &zone.name };
        let effects = route53::evaluate(&zone.records, &surroundings, &[change]).map_err(WorldError::Refused)?;
        zone.write_through(sequence, &effects);
        drop(state);
        self.notify();
        Ok(())
    }

    fn find(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
    ) -> Result<Record, WorldError> {
        let state = self.lock();
        let zone = state.zones.get(zone_id).ok_or_else(|| WorldError::NoSuchZone(zone_id.to_owned()))?;
        let canonical = names::canonical(name).unwrap_or_default();
        zone.records.get(&RecordKey::new(&canonical, record_type, set_identifier)).cloned().ok_or_else(|| {
            WorldError::NoSuchRecord {
                zone_id: zone_id.to_owned(),
                name: name.to_owned(),
                record_type: record_type.to_owned(),
                set_identifier: set_identifier.to_owned(),
            }
        })
    }
}

impl State {
    /// An id such as Route 53's: a letter and twenty capitals or digits, the same for the same seed.
    pub(crate) fn fresh_id(&mut self, kind: char) -> String {
        const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let tail: String = (0..20)
            .map(|_| char::from(ALPHABET.get(self.rng.random_range(0..ALPHABET.len())).copied().unwrap_or(b'0')))
            .collect();
        format!("{kind}{tail}")
    }

    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Writes the effects to the control plane and registers the change as PENDING.
    pub(crate) fn accept(&mut self, zone_id: &str, comment: Option<String>, effects: Vec<Effect>) -> ChangeState {
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

fn weights_of(records: &[Record], name: &str, record_type: &str) -> BTreeMap<String, u8> {
    let name = names::canonical(name).unwrap_or_default();
    records
        .iter()
        .filter(|record| record.name == name && record.record_type == record_type)
        .filter_map(|record| Some((record.set_identifier.clone()?, record.weight?)))
        .collect()
}
