//! Where shifts and their histories are kept.
//!
//! A shift is one row and an append-only list of events; both change together, by [`Store::create`] and
//! [`Store::commit`], or not at all. The row keeps the sequence number and the hash of its newest event, its [`Head`],
//! so a commit is a compare-and-set: it names the head it was decided on. The number alone would not do: after a
//! database has lost its newest commits (a failover, a backup), others get the same numbers. An engine's commit also
//! names its lease, and is refused once that is lost.

pub mod lease;
pub mod row;

use std::time::Duration;

use async_trait::async_trait;
pub use crossfade_core::chain::Head;
use crossfade_core::{chain, event::Event, report::Report, shift::Shift};
use jiff::{SignedDuration, Timestamp};

pub use self::lease::{Lease, Replica, Tenure};
use self::row::EventRow;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no shift {0}")]
    NotFound(String),
    #[error("there is a shift {0} already")]
    Exists(String),
    /// Somebody else committed first; read again and decide again.
    #[error("shift {shift} is no longer as it was at version {expected}")]
    Conflict { shift: String, expected: u64 },
    /// A record group belongs to one shift at a time. Of several that are taken, the first in their order.
    #[error("the records {group} belong to shift {owner}")]
    Claimed { group: String, owner: String },
    /// The replica no longer is the one that works on this account; nothing was written.
    #[error("the lease of account {account} is lost")]
    LeaseLost { account: String },
    /// Another daemon has the database for itself.
    #[error("the database is in use by {by}")]
    InUse { by: String },
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
            | StoreError::LeaseLost { .. }
            | StoreError::InUse { .. }
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

/// A shift of a list. One that cannot be read is there by its name, and keeps no other from being read.
#[derive(Debug)]
pub struct Listed {
    pub name: String,
    pub found: Result<Stored, StoreError>,
}

impl Listed {
    /// Only what is this shift's own affair is kept with it: a store that does not answer fails the whole list.
    pub fn new(name: String, found: Result<Stored, StoreError>) -> Result<Listed, StoreError> {
        match found {
            Err(error) if error.is_retryable() => Err(error),
            found => Ok(Listed { name, found }),
        }
    }
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

/// Refuses what does not lead from `before` to `shift`.
pub fn refuse_unfounded(before: &Head, shift: &Shift, events: &[Event]) -> Result<(), StoreError> {
    let refused = |why: &str| Err(StoreError::Refused(format!("shift {}: {why}", shift.name)));
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return refused("a commit without events");
    };
    if last.seq != shift.version || last.hash != shift.head {
        return refused("the state is not the one after the last event");
    }
    let row = row::written(&shift.name, first)?;
    if chain::follow(&shift.name, before.clone(), [&row]).is_err() {
        return refused("the first event does not follow the one that it was decided on");
    }
    Ok(())
}

/// A part of a history exactly as it is kept, for whoever checks it. Nothing of it has been parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Where the shift's own row said that the history ends, in the moment in which the rows were read; `None` where
    /// there are events and no such row.
    pub head: Option<Head>,
    pub rows: Vec<EventRow>,
}

/// Which shifts a list shows. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `scheduled`, `running`, …
    pub phase: Option<String>,
    pub label: Option<(String, String)>,
    /// Those with an event since then. Compared as the text in which it is kept, so not to the fraction of a second.
    pub since: Option<Timestamp>,
    /// Names after this one, in alphabetical order.
    pub after: Option<String>,
    /// At most this many; none when it is 0.
    pub limit: u32,
}

/// A record group and the shift that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// In the words of [`crossfade_core::GroupKey`].
    pub group: String,
    pub shift: String,
}

/// A shift that is not over yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    pub name: String,
    /// Of its plan: whose lease is needed to work on it.
    pub account: String,
    pub head: Head,
}

#[async_trait]
pub trait Store: Send + Sync {
    /// The installation's identifier, drawn once, when the database was made. Stands in every fence as its owner.
    async fn installation(&self) -> Result<String, StoreError>;

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

    /// Appends `events` and makes `shift` the new state, if the history still ends at `before`.
    /// When the new state no longer holds its records ([`Shift::holds_records`]), their claims end.
    ///
    /// An engine names its lease, and nobody else can get it before the write is done. People's commands name none:
    /// they are valid at every replica.
    /// Errors: `KeyReused`, or `Conflict` when the same request came first with the same key; then `LeaseLost`; then
    /// `NotFound` or `Conflict`; `Unavailable`, after which it may have happened or not.
    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError>;

    /// What a request with this key did before; `KeyReused` when that was another request.
    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError>;

    /// Keeps what the engine last saw. A cache: written without a version, lost without harm. Unknown names are
    /// passed over.
    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError>;

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError>;

    /// In alphabetical order, those that cannot be read among the others.
    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError>;

    /// All shifts that [`Shift::is_active`], in alphabetical order.
    async fn active(&self) -> Result<Vec<Active>, StoreError>;

    /// The record groups that shifts hold ([`Shift::holds_records`]), in the order of the shifts' names. No shift is read
    /// for it, so it can be answered whatever has become of one.
    async fn claims(&self) -> Result<Vec<Claim>, StoreError>;

    /// Events after a sequence number, oldest first. `NotFound` when there is no such shift.
    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// The rows of a history from a sequence number on, in their order. `NotFound` when there is nothing of that name,
    /// neither a shift nor an event.
    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError>;

    /// The names after this one of all that [`Store::chain`] knows, in alphabetical order.
    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError>;

    /// Takes an account's lease for so long: one that is free, has run out, or is this replica's own. The epoch is one
    /// more than both the one before and `at_least`. `None` while somebody else has it.
    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError>;

    /// Makes a lease last so long from now. `false` when it has run out or changed hands: it never comes back.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError>;

    /// Gives a lease up at once. Without effect when it is lost already.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The leases that somebody holds, by account.
    async fn leases(&self) -> Result<Vec<Tenure>, StoreError>;

    /// Counts a replica among those that take part, for so long.
    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError>;

    /// Takes a replica off the list.
    async fn depart(&self, replica: &str) -> Result<(), StoreError>;

    /// The replicas that take part, by id.
    async fn replicas(&self) -> Result<Vec<Replica>, StoreError>;
}
