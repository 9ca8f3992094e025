//! Where shifts and their histories are kept.
//!
//! A shift is one row and an append-only list of events; both change together, by [`Store::create`] and
//! [`Store::commit`], or not at all. The row's version is the sequence number of its newest event, so a commit is a
//! compare-and-set: it names the version it was decided on.

pub mod row;

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use jiff::{SignedDuration, Timestamp};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no shift {0}")]
    NotFound(String),
    #[error("there is a shift {0} already")]
    Exists(String),
    /// Somebody else committed first; read again and decide again.
    #[error("shift {shift} is no longer at version {expected}")]
    Conflict { shift: String, expected: u64 },
    /// A record group belongs to one shift at a time.
    #[error("the records {group} belong to shift {owner}")]
    Claimed { group: String, owner: String },
    /// The same key was used with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A row that this program did not write, or no longer understands.
    #[error("table {table}, row {row}: {why}")]
    Inconsistent { table: &'static str, row: String, why: String },
    /// The database refuses what it was told to defend, such as a change of history.
    #[error("refused by the database: {0}")]
    Refused(String),
    #[error("the database cannot be reached: {what}")]
    Unavailable {
        what: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StoreError {
    pub fn is_retryable(&self) -> bool {
        match self {
            StoreError::Conflict { .. } | StoreError::Unavailable { .. } => true,
            StoreError::NotFound(_)
            | StoreError::Exists(_)
            | StoreError::Claimed { .. }
            | StoreError::KeyReused
            | StoreError::Inconsistent { .. }
            | StoreError::Refused(_) => false,
        }
    }
}

/// A shift as read, with what the engine last saw of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub shift: Shift,
    pub report: Option<Report>,
}

/// Makes a repeated POST harmless: the first request's outcome is remembered in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: String,
    /// A hash over method, path, actor and body.
    pub fingerprint: String,
    pub at: Timestamp,
}

impl IdempotencyKey {
    /// Keys that are older than this have been forgotten: a day, which is longer than any client tries.
    pub fn forgotten_before(&self) -> Timestamp {
        self.at.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN)
    }
}

/// What a remembered request did: it brought this shift to this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub shift: String,
    /// Of the last event that was committed with the key.
    pub seq: u64,
}

/// The version that a commit was decided on; refuses what is not the state after these events.
pub fn expected_version(shift: &Shift, events: &[Event]) -> Result<u64, StoreError> {
    let refused = |why: &str| Err(StoreError::Refused(format!("shift {}: {why}", shift.name)));
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return refused("a commit without events");
    };
    if last.seq != shift.version || last.hash != shift.head {
        return refused("the state is not the one after the last event");
    }
    match first.seq.checked_sub(1) {
        Some(version) => Ok(version),
        None => refused("events are counted from 1"),
    }
}

/// Which shifts a list shows. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `scheduled`, `running`, …
    pub phase: Option<String>,
    pub label: Option<(String, String)>,
    /// Names after this one, in alphabetical order.
    pub after: Option<String>,
    /// At most this many; none when it is 0.
    pub limit: u32,
}

/// Of the installation: drawn once, when the database was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Stands in every fence as its owner.
    pub id: String,
    /// Risen by one with this very call.
    pub epoch: u64,
}

#[async_trait]
pub trait Store: Send + Sync {
    /// Called once by every daemon that starts.
    async fn begin_epoch(&self) -> Result<Installation, StoreError>;

    /// Whether the store answers and its schema is the one this program needs.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Adds a shift with its first events, and claims its record groups.
    /// Errors: `KeyReused`, or `Conflict` when the same request came first with the same key; then `Exists`, then
    /// `Claimed`; `Unavailable`, after which it may have happened or not.
    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError>;

    /// Appends `events` and makes `shift` the new state, if the version still is the one before the first event.
    /// When the new state no longer holds its records ([`Shift::holds_records`]), their claims end.
    /// Errors: `KeyReused`, or `Conflict` when the same request came first with the same key; then `NotFound` or
    /// `Conflict`; `Unavailable`, after which it may have happened or not.
    async fn commit(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError>;

    /// What a request with this key did before; `KeyReused` when that was another request.
    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError>;

    /// Keeps what the engine last saw. A cache: written without a version, lost without harm. Unknown names are
    /// passed over.
    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError>;

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError>;

    /// In alphabetical order.
    async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError>;

    /// Names and versions of all shifts that [`Shift::is_active`], in alphabetical order.
    async fn active(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Events after a sequence number, oldest first. `NotFound` when there is no such shift.
    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
}
