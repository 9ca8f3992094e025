//! Named points at which a test may end the process.
//!
//! Six lie between an intent and its confirmation. A shift that is taken up where a point left it is at that point
//! again, so that a process can be ended twice in a row at the same one. The others lie where a process does something
//! beside the writes that must not be left in the middle.

use std::{fmt, sync::Arc};

use crossfade_core::shift::{Shift, ZoneStage};

/// Between any two of these a crash must be harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Decided, not committed.
    BeforeIntent,
    /// Committed, not sent.
    IntentCommitted,
    /// Answered, the answer not committed.
    Answered,
    /// The answer is committed; Route 53 is propagating.
    AcceptedCommitted,
    /// In sync, not read back.
    InSyncCommitted,
    /// Read back and confirmed.
    ConfirmedCommitted,
    /// The store has renewed a lease, and its holder does not know it yet.
    LeaseRenewed,
    /// The schema is about to be brought up to date.
    Migrating,
    /// The schema is up to date, and nothing has been done with it.
    Migrated,
}

impl Point {
    pub const ALL: [Point; 9] = [
        Point::BeforeIntent,
        Point::IntentCommitted,
        Point::Answered,
        Point::AcceptedCommitted,
        Point::InSyncCommitted,
        Point::ConfirmedCommitted,
        Point::LeaseRenewed,
        Point::Migrating,
        Point::Migrated,
    ];

    /// Those that every write passes, in their order.
    pub const OF_A_WRITE: [Point; 6] = [
        Point::BeforeIntent,
        Point::IntentCommitted,
        Point::Answered,
        Point::AcceptedCommitted,
        Point::InSyncCommitted,
        Point::ConfirmedCommitted,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Point::BeforeIntent => "before-intent",
            Point::IntentCommitted => "intent-committed",
            Point::Answered => "answered",
            Point::AcceptedCommitted => "accepted-committed",
            Point::InSyncCommitted => "in-sync-committed",
            Point::ConfirmedCommitted => "confirmed-committed",
            Point::LeaseRenewed => "lease-renewed",
            Point::Migrating => "migrating",
            Point::Migrated => "migrated",
        }
    }

    /// Where a crash left a shift, as far as the store knows. `None` before its first write.
    pub(crate) fn of(shift: &Shift) -> Option<Point> {
        let Some(write) = &shift.write else {
            return shift.has_written().then_some(Point::ConfirmedCommitted);
        };
        let is = |wanted: fn(&ZoneStage) -> bool| write.zones.values().any(|zone| wanted(&zone.stage));
        Some(if is(|stage| matches!(stage, ZoneStage::Intended)) {
            Point::IntentCommitted
        } else if is(|stage| matches!(stage, ZoneStage::Accepted { .. })) {
            Point::AcceptedCommitted
        } else {
            Point::InSyncCommitted
        })
    }
}

/// Called at every point; does nothing unless a test puts something there.
#[derive(Clone, Default)]
pub struct Probe(Option<Arc<dyn Fn(Point) + Send + Sync>>);

impl Probe {
    pub fn new(at: impl Fn(Point) + Send + Sync + 'static) -> Probe {
        Probe(Some(Arc::new(at)))
    }

    /// Says that the process has come to this point.
    pub fn at(&self, point: Point) {
        if let Some(probe) = &self.0 {
            probe(point);
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Probe(set)" } else { "Probe" })
    }
}
