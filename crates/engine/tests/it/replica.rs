//! One of several replicas: its own way to the store and to Route 53, either of which a test can cut.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{
    RecordName, RecordSet, ZoneId,
    batch::Batch,
    event::{ChangeId, Event},
    gate::{AlarmQuery, AlarmReading, MetricQuery},
    report::Report,
    shift::Shift,
};
use crossfade_ports::{
    Metrics, Poke, Store, StoreError, SubmitError, Vitals, Zone, Zones, ZonesError,
    fake::{store::MemoryStore, zones::MemoryZones},
    metrics::{Dimensions, Series},
    store::{
        Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Stored,
        Tenure,
    },
    zones::ChangeStatus,
};
use jiff::Timestamp;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) struct Running {
    pub(crate) token: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    pub(crate) poke: Poke,
    pub(crate) vitals: Vitals,
    pub(crate) reach: Arc<Reach>,
    pub(crate) line: Arc<Line>,
}

/// What one replica reaches of the common store.
pub(crate) struct Reach {
    inner: Arc<MemoryStore>,
    cut: AtomicBool,
    /// Cut as soon as it has said once more what is active.
    cut_within_a_look: AtomicBool,
    /// How long it takes to fail.
    patience: Mutex<Duration>,
    /// Commits are refused, for ever.
    refuses: AtomicBool,
    /// Reports of these shifts are refused, and all that are to be saved with them.
    refuses_reports: Mutex<BTreeSet<String>>,
    /// This shift is not to be had.
    unavailable: Mutex<Option<&'static str>>,
    /// The row of this shift makes no sense.
    spoilt: Mutex<Option<&'static str>>,
    /// The newest report of each shift that was to be saved.
    reports: Mutex<BTreeMap<String, Report>>,
    /// Commits that were done, and when.
    commits: Mutex<Vec<Instant>>,
    /// How many shifts it got to read in lists.
    listed: AtomicUsize,
}

/// What one replica reaches of Route 53.
pub(crate) struct Line {
    inner: MemoryZones,
    /// Batches wait, and are sent when they no longer have to.
    stalled: tokio::sync::watch::Sender<bool>,
    /// Zones and changes are asked for without an answer, until they no longer have to wait.
    silent: tokio::sync::watch::Sender<bool>,
    /// Nothing is sent, and nothing answers.
    cut: AtomicBool,
    /// How long a question takes to fail then.
    patience: Mutex<Duration>,
    /// All requests that were made, and when.
    asked: Mutex<Vec<Instant>>,
    /// When each zone was last read.
    read: Mutex<BTreeMap<ZoneId, Instant>>,
    /// Batches that were sent, and when.
    sent: Mutex<Vec<Instant>>,
}

impl Reach {
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Reach {
        Reach {
            inner,
            cut: AtomicBool::new(false),
            cut_within_a_look: AtomicBool::new(false),
            patience: Mutex::default(),
            refuses: AtomicBool::new(false),
            refuses_reports: Mutex::default(),
            unavailable: Mutex::default(),
            spoilt: Mutex::default(),
            reports: Mutex::default(),
            commits: Mutex::default(),
            listed: AtomicUsize::new(0),
        }
    }

    /// From now on, a store that is cut off takes so long to say so.
    pub(crate) fn fails_after(&self, patience: Duration) {
        *self.patience.lock().unwrap() = patience;
    }

    pub(crate) fn cut_within_a_look(&self) {
        self.cut_within_a_look.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn refuse_reports(&self, of: &[&str]) {
        *self.refuses_reports.lock().unwrap() = of.iter().map(|name| (*name).to_owned()).collect();
    }

    pub(crate) fn hide(&self, shift: &'static str) {
        *self.unavailable.lock().unwrap() = Some(shift);
    }

    /// Of one shift, or of none any more.
    pub(crate) fn spoil(&self, shift: Option<&'static str>) {
        *self.spoilt.lock().unwrap() = shift;
    }

    fn readable(&self, name: &str) -> Result<(), StoreError> {
        if *self.spoilt.lock().unwrap() != Some(name) {
            return Ok(());
        }
        let why = "spoilt by the test".to_owned();
        Err(StoreError::Inconsistent { table: "shifts", row: name.to_owned(), why })
    }

    /// The newest report of the shift that the engine wanted to have saved.
    pub(crate) fn report(&self, shift: &str) -> Option<Report> {
        self.reports.lock().unwrap().get(shift).cloned()
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    pub(crate) fn commits(&self) -> Vec<Instant> {
        self.commits.lock().unwrap().clone()
    }

    pub(crate) fn listed(&self) -> usize {
        self.listed.load(Ordering::SeqCst)
    }

    async fn store(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_cut() {
            let patience = *self.patience.lock().unwrap();
            tokio::time::sleep(patience).await;
            return Err(StoreError::Unavailable { what: "cut off by the test".to_owned(), source: None });
        }
        Ok(&self.inner)
    }
}

impl Line {
    pub(crate) fn new(inner: MemoryZones) -> Line {
        Line {
            inner,
            stalled: tokio::sync::watch::Sender::default(),
            silent: tokio::sync::watch::Sender::default(),
            cut: AtomicBool::new(false),
            patience: Mutex::default(),
            asked: Mutex::default(),
            read: Mutex::default(),
            sent: Mutex::default(),
        }
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// From now on, a question takes so long to fail where nothing answers.
    pub(crate) fn fails_after(&self, patience: Duration) {
        *self.patience.lock().unwrap() = patience;
    }

    fn zones(&self) -> Result<&MemoryZones, ZonesError> {
        match self.cut.load(Ordering::SeqCst) {
            true => Err(ZonesError::Unavailable("cut off by the test".to_owned())),
            false => Ok(&self.inner),
        }
    }

    pub(crate) fn silence(&self, silent: bool) {
        self.silent.send_replace(silent);
    }

    /// One more request, which may wait for its answer.
    async fn begins(&self) {
        self.asked.lock().unwrap().push(Instant::now());
        self.silent.subscribe().wait_for(|silent| !silent).await.unwrap();
        if self.cut.load(Ordering::SeqCst) {
            let patience = *self.patience.lock().unwrap();
            tokio::time::sleep(patience).await;
        }
    }

    pub(crate) fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }

    /// When the zone was last read; `None` when it never was.
    pub(crate) fn read_at(&self, zone: &ZoneId) -> Option<Instant> {
        self.read.lock().unwrap().get(zone).copied()
    }

    pub(crate) fn sent(&self) -> Vec<Instant> {
        self.sent.lock().unwrap().clone()
    }
}

/// CloudWatch that is asked and never answers.
pub(crate) struct Mute;

#[async_trait]
impl Metrics for Mute {
    async fn read(&self, _: &[MetricQuery], _: Timestamp, _: Timestamp) -> BTreeMap<MetricQuery, Series> {
        std::future::pending().await
    }

    async fn known(&self, _: &MetricQuery) -> Result<BTreeSet<Dimensions>, String> {
        std::future::pending().await
    }

    async fn alarms(&self, _: &[AlarmQuery]) -> BTreeMap<AlarmQuery, AlarmReading> {
        std::future::pending().await
    }
}

#[async_trait]
impl Zones for Line {
    async fn find(&self, id_or_name: &str) -> Result<Vec<Zone>, ZonesError> {
        self.zones()?.find(id_or_name).await
    }

    async fn read(&self, zone: &ZoneId, names: &BTreeSet<RecordName>) -> Result<Vec<RecordSet>, ZonesError> {
        self.begins().await;
        self.read.lock().unwrap().insert(zone.clone(), Instant::now());
        self.zones()?.read(zone, names).await
    }

    async fn submit(&self, batch: &Batch) -> Result<ChangeId, SubmitError> {
        self.asked.lock().unwrap().push(Instant::now());
        self.stalled.subscribe().wait_for(|stalled| !stalled).await.unwrap();
        self.zones().map_err(|error| SubmitError::NotSent(error.to_string()))?;
        self.sent.lock().unwrap().push(Instant::now());
        self.inner.submit(batch).await
    }

    async fn change(&self, id: &ChangeId) -> Result<ChangeStatus, ZonesError> {
        self.begins().await;
        self.zones()?.change(id).await
    }
}

#[async_trait]
impl Store for Reach {
    async fn installation(&self) -> Result<String, StoreError> {
        self.store().await?.installation().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store().await?.ping().await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.store().await?.create(shift, events, key).await
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        assert!(lease.is_some(), "an engine commits under its lease");
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::Refused("permission denied".to_owned()));
        }
        self.store().await?.commit(before, shift, events, key, lease).await?;
        self.commits.lock().unwrap().push(Instant::now());
        Ok(())
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        self.store().await?.recall(key).await
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        self.reports.lock().unwrap().extend(reports.iter().cloned());
        if reports.iter().any(|(name, _)| self.refuses_reports.lock().unwrap().contains(name)) {
            return Err(StoreError::Refused("permission denied".to_owned()));
        }
        self.store().await?.put_reports(reports).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        if *self.unavailable.lock().unwrap() == Some(name) {
            return Err(StoreError::Unavailable { what: "hidden by the test".to_owned(), source: None });
        }
        self.readable(name)?;
        self.store().await?.load(name).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        let listed = self.store().await?.list(filter).await?.into_iter();
        let listed: Vec<Listed> = listed
            .map(|Listed { name, found }| match self.readable(&name) {
                Ok(()) => Listed { name, found },
                Err(error) => Listed { name, found: Err(error) },
            })
            .collect();
        self.listed.fetch_add(listed.len(), Ordering::SeqCst);
        Ok(listed)
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        let active = self.store().await?.active().await;
        if self.cut_within_a_look.swap(false, Ordering::SeqCst) {
            self.cut(true);
        }
        active
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        self.store().await?.claims().await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.store().await?.events(name, after, limit).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        self.store().await?.chain(name, from, limit).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.store().await?.chains(after, limit).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        self.store().await?.acquire(account, replica, ttl, at_least).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        self.store().await?.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.store().await?.release(lease).await
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        self.store().await?.leases().await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        self.store().await?.attend(replica, ttl).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        self.store().await?.depart(replica).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        self.store().await?.replicas().await
    }
}
