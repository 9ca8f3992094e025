//! A store that can be made to fail.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::{
    Store, StoreError,
    fake::store::MemoryStore,
    store::{
        Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Stored,
        Tenure,
    },
};

/// Over a store in memory: what a test wants to go wrong, and which calls were made.
#[derive(Clone, Default)]
pub(crate) struct Unsteady {
    inner: Arc<MemoryStore>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    down: BTreeSet<&'static str>,
    refusing: BTreeSet<&'static str>,
    silent: BTreeSet<&'static str>,
    panicking: BTreeSet<&'static str>,
    unreadable: BTreeSet<&'static str>,
    conflicts: u32,
    calls: Vec<&'static str>,
}

impl Unsteady {
    /// These calls, by their names, find no database.
    pub(crate) fn take_down(&self, calls: &[&'static str]) {
        self.faults.lock().unwrap().down.extend(calls);
    }

    /// These calls, by their names, are refused by the database.
    pub(crate) fn refuse(&self, calls: &[&'static str]) {
        self.faults.lock().unwrap().refusing.extend(calls);
    }

    /// The next writes happen, and nobody is told.
    pub(crate) fn lose_answers(&self, writes: u32) {
        self.inner.lose_answers(writes);
    }

    /// These calls never return.
    pub(crate) fn silence(&self, calls: &[&'static str]) {
        self.faults.lock().unwrap().silent.extend(calls);
    }

    /// These calls are broken.
    pub(crate) fn break_calls(&self, calls: &[&'static str]) {
        self.faults.lock().unwrap().panicking.extend(calls);
    }

    /// The rows of these shifts make no sense.
    pub(crate) fn spoil(&self, names: &[&'static str]) {
        self.faults.lock().unwrap().unreadable.extend(names);
    }

    /// The next commits find that somebody else was faster.
    pub(crate) fn conflict(&self, times: u32) {
        self.faults.lock().unwrap().conflicts = times;
    }

    /// How often this was called since the last look.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.faults.lock().unwrap().calls.iter().filter(|called| **called == call).count()
    }

    /// The calls since the last look.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.faults.lock().unwrap().calls)
    }

    fn readable(&self, name: &str) -> Result<(), StoreError> {
        if !self.faults.lock().unwrap().unreadable.contains(name) {
            return Ok(());
        }
        let why = "it is not JSON".to_owned();
        Err(StoreError::Inconsistent { table: "shifts", row: name.to_owned(), why })
    }

    async fn called(&self, call: &'static str) -> Result<(), StoreError> {
        let (down, refusing, silent, panicking) = {
            let mut faults = self.faults.lock().unwrap();
            faults.calls.push(call);
            let is = |calls: &BTreeSet<&str>| calls.contains(call);
            (is(&faults.down), is(&faults.refusing), is(&faults.silent), is(&faults.panicking))
        };
        assert!(!panicking, "{call} is broken");
        if silent {
            std::future::pending::<()>().await;
        }
        if down {
            return Err(StoreError::Unavailable { what: "connection refused".to_owned(), source: None });
        }
        if refusing {
            return Err(StoreError::Refused("permission denied".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Unsteady {
    async fn installation(&self) -> Result<String, StoreError> {
        self.inner.installation().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.called("ping").await?;
        self.inner.ping().await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.called("create").await?;
        self.inner.create(shift, events, key).await
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        self.called("commit").await?;
        {
            let mut faults = self.faults.lock().unwrap();
            if faults.conflicts > 0 {
                faults.conflicts -= 1;
                return Err(StoreError::Conflict { shift: shift.name.clone(), expected: 0 });
            }
        }
        self.inner.commit(before, shift, events, key, lease).await
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        self.called("recall").await?;
        self.inner.recall(key).await
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        self.inner.put_reports(reports).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        self.called("load").await?;
        self.readable(name)?;
        self.inner.load(name).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        self.called("list").await?;
        let listed = self.inner.list(filter).await?.into_iter();
        let readable = |Listed { name, found }| match self.readable(&name) {
            Ok(()) => Listed { name, found },
            Err(error) => Listed { name, found: Err(error) },
        };
        Ok(listed.map(readable).collect())
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        self.inner.active().await
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        self.called("claims").await?;
        self.inner.claims().await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.called("events").await?;
        self.inner.events(name, after, limit).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        self.called("chain").await?;
        self.inner.chain(name, from, limit).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        self.called("chains").await?;
        self.inner.chains(after, limit).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        self.inner.acquire(account, replica, ttl, at_least).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        self.inner.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.inner.release(lease).await
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        self.inner.leases().await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        self.inner.attend(replica, ttl).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        self.inner.depart(replica).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        self.inner.replicas().await
    }
}
