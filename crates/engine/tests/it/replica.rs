//! One of several replicas: its own way to the store and to Route 53, either of which a test can cut.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{
    RecordName, RecordSet, ZoneId,
    batch::Batch,
    event::{ChangeId, Event},
    report::Report,
    shift::Shift,
};
use crossfade_ports::{
    Poke, Store, StoreError, SubmitError, Vitals, Zone, Zones, ZonesError,
    fake::{store::MemoryStore, zones::MemoryZones},
    store::{Active, Chain, Filter, Head, IdempotencyKey, Lease, Remembered, Replica, Stored, Tenure},
    zones::ChangeStatus,
};
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
    /// Commits that were done, and when.
    commits: Mutex<Vec<Instant>>,
}

/// What one replica reaches of Route 53.
pub(crate) struct Line {
    inner: MemoryZones,
    /// Batches wait, and are sent when they no longer have to.
    stalled: tokio::sync::watch::Sender<bool>,
    /// Nothing is sent, and nothing answers.
    cut: AtomicBool,
    /// Batches that were sent, and when.
    sent: Mutex<Vec<Instant>>,
}

impl Reach {
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Reach {
        Reach { inner, cut: AtomicBool::new(false), commits: Mutex::default() }
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    pub(crate) fn commits(&self) -> Vec<Instant> {
        self.commits.lock().unwrap().clone()
    }

    fn store(&self) -> Result<&MemoryStore, StoreError> {
        if self.cut.load(Ordering::SeqCst) {
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
            cut: AtomicBool::new(false),
            sent: Mutex::default(),
        }
    }

    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.send_replace(stalled);
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    fn zones(&self) -> Result<&MemoryZones, ZonesError> {
        match self.cut.load(Ordering::SeqCst) {
            true => Err(ZonesError::Unavailable("cut off by the test".to_owned())),
            false => Ok(&self.inner),
        }
    }

    pub(crate) fn sent(&self) -> Vec<Instant> {
        self.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl Zones for Line {
    async fn find(&self, id_or_name: &str) -> Result<Vec<Zone>, ZonesError> {
        self.zones()?.find(id_or_name).await
    }

    async fn read(&self, zone: &ZoneId, names: &BTreeSet<RecordName>) -> Result<Vec<RecordSet>, ZonesError> {
        self.zones()?.read(zone, names).await
    }

    async fn submit(&self, batch: &Batch) -> Result<ChangeId, SubmitError> {
        self.stalled.subscribe().wait_for(|stalled| !stalled).await.unwrap();
        self.zones().map_err(|error| SubmitError::NotSent(error.to_string()))?;
        self.sent.lock().unwrap().push(Instant::now());
        self.inner.submit(batch).await
    }

    async fn change(&self, id: &ChangeId) -> Result<ChangeStatus, ZonesError> {
        self.zones()?.change(id).await
    }
}

#[async_trait]
impl Store for Reach {
    async fn installation(&self) -> Result<String, StoreError> {
        self.store()?.installation().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store()?.ping().await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.store()?.create(shift, events, key).await
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
        self.store()?.commit(before, shift, events, key, lease).await?;
        self.commits.lock().unwrap().push(Instant::now());
        Ok(())
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        self.store()?.recall(key).await
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        self.store()?.put_reports(reports).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.store()?.load(name).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        self.store()?.list(filter).await
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        self.store()?.active().await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.store()?.events(name, after, limit).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        self.store()?.chain(name, from, limit).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.store()?.chains(after, limit).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        self.store()?.acquire(account, replica, ttl, at_least).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        self.store()?.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.store()?.release(lease).await
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        self.store()?.leases().await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        self.store()?.attend(replica, ttl).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        self.store()?.depart(replica).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        self.store()?.replicas().await
    }
}
