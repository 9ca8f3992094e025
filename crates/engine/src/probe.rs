//! Named points between an intent and its confirmation, at which a test may end the process.

use std::{fmt, sync::Arc};

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
}

impl Point {
    pub const ALL: [Point; 6] = [
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
        }
    }
}

/// Called at every point; does nothing unless a test puts something there.
#[derive(Clone, Default)]
pub struct Probe(Option<Arc<dyn Fn(Point) + Send + Sync>>);

impl Probe {
    pub fn new(at: impl Fn(Point) + Send + Sync + 'static) -> Probe {
        Probe(Some(Arc::new(at)))
    }

    pub(crate) fn at(&self, point: Point) {
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
