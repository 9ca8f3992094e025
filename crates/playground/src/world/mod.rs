//! The world: its state behind one mutex, and the handle through which tests and demos turn it.

mod records;
mod state;
mod turning;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::journal::Entry;
pub(crate) use state::{ChangeState, State};

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
    /// Not a domain name.
    #[error("'{0}' is not a domain name")]
    BadName(String),
    /// The zone would refuse the change, for these reasons.
    #[error("the zone refuses: {}", .0.join("; "))]
    Refused(Vec<String>),
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    landing: watch::Sender<u64>,
    stop: CancellationToken,
}

impl World {
    pub(crate) fn new(options: Options, stop: CancellationToken) -> Self {
        let (revision, _) = watch::channel(0);
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(State::new(options)),
                revision,
                landing: watch::Sender::default(),
                stop,
            }),
        }
    }

    /// Every ChangeResourceRecordSets that arrived, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.lock().journal.clone()
    }

    /// How many batches have been sent and are yet to arrive: a fault delays them.
    pub fn under_way(&self) -> usize {
        self.lock().under_way
    }

    /// Lets all batches arrive that a fault delays.
    pub fn land_now(&self) {
        self.inner.landing.send_modify(|landing| *landing += 1);
    }

    /// Whose changes let delayed batches arrive.
    pub(crate) fn landing(&self) -> watch::Receiver<u64> {
        self.inner.landing.subscribe()
    }

    /// How many calls arrived, by operation, whatever became of them.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().calls.clone()
    }

    /// A number that grows with every call, every propagated change, every write, and every tick of flowing
    /// traffic; await its changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.revision.subscribe()
    }

    /// The next event: a call, a propagated change, a write, a tick of traffic. Events before the call are missed;
    /// [`World::wait_for`] misses none.
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
}
