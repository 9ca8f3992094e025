//! The text in which shifts and events are kept, the same in every database.
//!
//! A row is parsed, never trusted: what does not parse, or contradicts itself, is [`StoreError::Inconsistent`] with
//! its table and its row.

use crossfade_core::{
    chain::{Broken, follow},
    event::{Actor, Event, Happened, Hash},
    report::Report,
    shift::{Shift, fold},
};
use jiff::Timestamp;
use serde::Serialize;

/// What is kept of an event.
pub use crossfade_core::chain::Row as EventRow;

use super::{Active, Chain, Head, IdempotencyKey, Remembered, StoreError};

/// What is written of a shift. All but the snapshot is there to be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftRow {
    pub name: String,
    pub version: i64,
    /// The hash of the newest event.
    pub head: String,
    pub phase: &'static str,
    pub active: bool,
    pub account: String,
    pub labels: String,
    pub snapshot: String,
    pub created_at: String,
    pub updated_at: String,
}

/// What is read of a shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    pub name: String,
    pub version: i64,
    pub head: String,
    pub snapshot: String,
    pub report: Option<String>,
}

/// What is read of a history and of its shift, where either may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRow {
    pub version: Option<i64>,
    pub head: Option<String>,
    pub seq: Option<i64>,
    pub at: Option<String>,
    pub kind: Option<String>,
    pub actor: Option<String>,
    pub reason: Option<String>,
    pub data: Option<String>,
    pub hash: Option<String>,
}

/// What is read of a shift that is not over yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveRow {
    pub name: String,
    pub account: String,
    pub version: i64,
    pub head: String,
}

/// What is remembered with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    pub fingerprint: String,
    pub shift: String,
    pub seq: i64,
}

impl ShiftRow {
    /// The state after these events.
    pub fn new(shift: &Shift, events: &[Event]) -> Result<ShiftRow, StoreError> {
        Ok(ShiftRow {
            name: shift.name.clone(),
            version: number(shift.version),
            head: shift.head.0.clone(),
            phase: shift.phase.as_str(),
            active: shift.is_active(),
            account: shift.plan.account.clone(),
            labels: json("shifts", &shift.name, &shift.plan.labels)?,
            snapshot: json("shifts", &shift.name, shift)?,
            created_at: shift.created_at.to_string(),
            updated_at: events.last().map_or(shift.created_at, |event| event.at).to_string(),
        })
    }
}

impl SnapshotRow {
    /// The shift, or `None` when the snapshot was written in another format: then [`SnapshotRow::rebuild`].
    pub fn shift(&self) -> Result<Option<Shift>, StoreError> {
        match serde_json::from_str(&self.snapshot) {
            Ok(shift) => self.checked(shift).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The shift from all its events.
    pub fn rebuild(&self, rows: Vec<EventRow>) -> Result<Shift, StoreError> {
        follow(&self.name, Head::default(), &rows).map_err(|Broken { seq, why }| {
            StoreError::Inconsistent { table: "events", row: format!("{}/{seq}", self.name), why }
        })?;
        let events: Vec<Event> =
            rows.into_iter().map(|row| read(&self.name, row)).collect::<Result<_, StoreError>>()?;
        let shift = fold(&events).map_err(|error| self.inconsistent(error.to_string()))?;
        self.checked(shift)
    }

    /// A cache: what does not parse is as good as absent.
    pub fn report(&self) -> Option<Report> {
        serde_json::from_str(self.report.as_deref()?).ok()
    }

    fn checked(&self, shift: Shift) -> Result<Shift, StoreError> {
        if shift.name != self.name {
            return Err(self.inconsistent(format!("the snapshot is that of {}", shift.name)));
        }
        if number(shift.version) != self.version {
            let why = format!(
                "the row is at version {}, its snapshot or history at {}",
                self.version, shift.version
            );
            return Err(self.inconsistent(why));
        }
        if shift.head.0 != self.head {
            let why = format!("event {} is not the one that the row names by its hash", self.version);
            return Err(self.inconsistent(why));
        }
        Ok(shift)
    }

    fn inconsistent(&self, why: String) -> StoreError {
        StoreError::Inconsistent { table: "shifts", row: self.name.clone(), why }
    }
}

impl ChainRow {
    /// Both halves of all rows that were found: one at least, with nothing in it, if there is nothing.
    pub fn chain(name: &str, rows: Vec<ChainRow>) -> Result<Chain, StoreError> {
        let mut chain = Chain { head: None, rows: Vec::with_capacity(rows.len()) };
        for row in rows {
            if let (None, Some(version), Some(hash)) = (&chain.head, row.version, row.head) {
                let version = unsigned("shifts", name, version)?;
                chain.head = Some(Head { version, hash: Hash(hash) });
            }
            if let (Some(seq), Some(at), Some(kind), Some(actor), Some(data), Some(hash)) =
                (row.seq, row.at, row.kind, row.actor, row.data, row.hash)
            {
                chain.rows.push(EventRow { seq, at, kind, actor, reason: row.reason, data, hash });
            }
        }
        Ok(chain)
    }
}

/// An event as it is kept.
pub fn written(shift: &str, event: &Event) -> Result<EventRow, StoreError> {
    EventRow::of(event).map_err(|error| unparsed("events", format!("{shift}/{}", event.seq), &error))
}

/// A row as the event that it is.
pub fn read(shift: &str, row: EventRow) -> Result<Event, StoreError> {
    let place = || format!("{shift}/{}", row.seq);
    let at: Timestamp = row.at.parse().map_err(|error| unparsed("events", place(), &error))?;
    let what =
        Happened::from_parts(&row.kind, &row.data).map_err(|error| unparsed("events", place(), &error))?;
    let seq = unsigned("events", &place(), row.seq)?;
    Ok(Event { seq, at, what, actor: Actor(row.actor), reason: row.reason, hash: Hash(row.hash) })
}

impl ActiveRow {
    pub fn active(self) -> Result<Active, StoreError> {
        let version = unsigned("shifts", &self.name, self.version)?;
        let head = Head { version, hash: Hash(self.head) };
        Ok(Active { name: self.name, account: self.account, head })
    }
}

impl KeyRow {
    /// What the request with this key did; `KeyReused` when it was another request.
    pub fn recall(self, key: &IdempotencyKey) -> Result<Remembered, StoreError> {
        if self.fingerprint != key.fingerprint {
            return Err(StoreError::KeyReused);
        }
        let seq = unsigned("idempotency", &key.key, self.seq)?;
        Ok(Remembered { shift: self.shift, seq })
    }

    /// Why a write with this key is refused. The same request once more has lost a race: its sender reads again, and
    /// then recalls what the first one did.
    pub fn refusal(self, key: &IdempotencyKey) -> StoreError {
        match self.recall(key) {
            Ok(Remembered { shift, seq }) => StoreError::Conflict { shift, expected: seq },
            Err(error) => error,
        }
    }
}

/// Databases count in signed numbers. No history comes near the end of them.
pub fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub fn unsigned(table: &'static str, row: &str, n: i64) -> Result<u64, StoreError> {
    u64::try_from(n).map_err(|error| unparsed(table, row.to_owned(), &error))
}

pub fn json(table: &'static str, row: &str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unparsed(table, row.to_owned(), &error))
}

fn unparsed(table: &'static str, row: String, error: &dyn std::error::Error) -> StoreError {
    StoreError::Inconsistent { table, row, why: error.to_string() }
}
