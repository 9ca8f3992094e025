//! Signs of life: written by the engine, read by whoever answers for the daemon's health.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

/// When things last went well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// The engine looked through all shifts.
    pub cycle: Option<Timestamp>,
    /// A zone was read.
    pub read_back: Option<Timestamp>,
    /// Metrics were read without an error.
    pub metrics: Option<Timestamp>,
    /// What last went wrong with the store, if it has not answered since.
    pub store_error: Option<String>,
    /// This replica's id, as leases name it.
    pub replica: String,
    /// The accounts that this replica works on.
    pub leases: BTreeMap<String, Held>,
}

/// A lease that this replica holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub epoch: u64,
    /// From then on it acts no more on the account, unless it renews the lease before.
    pub trusted_until: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct Vitals(Arc<Mutex<Signs>>);

impl Vitals {
    pub fn signs(&self) -> Signs {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn note(&self, change: impl FnOnce(&mut Signs)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
