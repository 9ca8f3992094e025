//! A store of which one call fails.
//!
//! What is done every few seconds anyway (`REPEATED`) is counted once between two changes: the next time it would meet
//! the same store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Store,
    StoreError, Stored, Tenure,
};

/// What is lost of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The store never hears of it.
    Call,
    /// The store does what it was told, and nobody hears of that. Reads are not counted: they lose nothing else.
    Answer,
}

/// The fault, which outlives the store: a daemon that does not start is started again.
#[derive(Debug)]
pub(super) struct Fault {
    lost: Lost,
    /// Calls that get through first.
    after: u32,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    counted: u32,
    /// Changes that were asked for.
    changes: u32,
    /// Among how many changes each of the repeated calls was counted last.
    repeated: BTreeMap<&'static str, u32>,
    met: Option<&'static str>,
}

/// Looks at what there is, signs of life, and a cache.
const REPEATED: [&str; 6] = ["active", "leases", "replicas", "renew", "attend", "put_reports"];

pub(super) struct Unsteady {
    inner: Arc<dyn Store>,
    fault: Arc<Fault>,
}

impl Fault {
    pub(super) fn new(lost: Lost, after: u32) -> Arc<Fault> {
        Arc::new(Fault { lost, after, seen: Mutex::default() })
    }

    /// The call that failed.
    pub(super) fn met(&self) -> Option<&'static str> {
        self.seen.lock().unwrap().met
    }

    /// Whether it is this call's turn.
    fn meets(&self, call: &'static str) -> bool {
        let mut seen = self.seen.lock().unwrap();
        let changes = seen.changes;
        if REPEATED.contains(&call) && seen.repeated.insert(call, changes) == Some(changes) {
            return false;
        }
        let now = seen.counted == self.after;
        seen.counted += 1;
        if now {
            seen.met = Some(call);
        }
        now
    }
}

impl Unsteady {
    pub(super) fn new(inner: Arc<dyn Store>, fault: Arc<Fault>) -> Unsteady {
        Unsteady { inner, fault }
    }

    async fn reads<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.fault.lost == Lost::Call && self.fault.meets(call) {
            return Err(unavailable(call));
        }
        answer.await
    }

    async fn writes<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fails = self.fault.meets(call);
        if !REPEATED.contains(&call) {
            self.fault.seen.lock().unwrap().changes += 1;
        }
        if fails && self.fault.lost == Lost::Call {
            return Err(unavailable(call));
        }
        let answer = answer.await;
        if fails { Err(unavailable(call)) } else { answer }
    }
}

fn unavailable(call: &str) -> StoreError {
    StoreError::Unavailable { what: format!("{call} was lost by the test"), source: None }
}

#[async_trait]
impl Store for Unsteady {
    async fn installation(&self) -> Result<String, StoreError> {
        self.reads("installation", self.inner.installation()).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reads("ping", self.inner.ping()).await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.writes("create", self.inner.create(shift, events, key)).await
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        self.writes("commit", self.inner.commit(before, shift, events, key, lease)).await
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        self.reads("recall", self.inner.recall(key)).await
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        self.writes("put_reports", self.inner.put_reports(reports)).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.reads("load", self.inner.load(name)).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        self.reads("list", self.inner.list(filter)).await
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        self.reads("active", self.inner.active()).await
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        self.reads("claims", self.inner.claims()).await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.reads("events", self.inner.events(name, after, limit)).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        self.reads("chain", self.inner.chain(name, from, limit)).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.reads("chains", self.inner.chains(after, limit)).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        self.writes("acquire", self.inner.acquire(account, replica, ttl, at_least)).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        self.writes("renew", self.inner.renew(lease, ttl)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.writes("release", self.inner.release(lease)).await
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        self.reads("leases", self.inner.leases()).await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        self.writes("attend", self.inner.attend(replica, ttl)).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        self.writes("depart", self.inner.depart(replica)).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        self.reads("replicas", self.inner.replicas()).await
    }
}
