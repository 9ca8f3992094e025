//! Hosted zones of one account.

use std::collections::BTreeSet;

use async_trait::async_trait;
use crossfade_core::{RecordName, RecordSet, ZoneId, batch::Batch, event::ChangeId};

pub use crossfade_core::record::Zone;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeStatus {
    Pending,
    InSync,
}

/// A read that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZonesError {
    #[error("there is no hosted zone {0} in this account")]
    NoSuchZone(String),
    #[error(
        "there is no change {0}: it is older than Route 53 remembers, or was lost with a failed control plane"
    )]
    NoSuchChange(String),
    #[error("not allowed: {0}")]
    Denied(String),
    #[error("Route 53 throttled the request: {0}")]
    Throttled(String),
    #[error("Route 53 did not answer as it should: {0}")]
    Unavailable(String),
}

/// A batch that was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// `InvalidChangeBatch` and its kin: nothing was changed, and nothing will be. Why has to be read from the zone.
    #[error("refused: {0}")]
    Refused(String),
    #[error("not allowed: {0}")]
    Denied(String),
    #[error("there is no hosted zone {0} in this account")]
    NoSuchZone(String),
    /// Nothing was changed. The same batch may be sent again later.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Route 53 is still busy with another change of this zone. Nothing was changed.
    #[error("another change of the zone is in progress: {0}")]
    Busy(String),
    /// No answer, or one that says nothing: the batch may have been applied, or may be applied later.
    #[error("unanswered: {0}")]
    Unanswered(String),
    /// The request never left this machine: nothing was changed.
    #[error("not sent: {0}")]
    NotSent(String),
}

impl ZonesError {
    pub fn is_retryable(&self) -> bool {
        match self {
            ZonesError::Throttled(_) | ZonesError::Unavailable(_) => true,
            ZonesError::NoSuchZone(_) | ZonesError::NoSuchChange(_) | ZonesError::Denied(_) => false,
        }
    }
}

impl SubmitError {
    pub fn is_retryable(&self) -> bool {
        match self {
            SubmitError::Throttled(_)
            | SubmitError::Busy(_)
            | SubmitError::Unanswered(_)
            | SubmitError::NotSent(_) => true,
            SubmitError::Refused(_) | SubmitError::Denied(_) | SubmitError::NoSuchZone(_) => false,
        }
    }
}

#[async_trait]
pub trait Zones: Send + Sync {
    /// The zones with this id (one or none) or this name (any number: a public and private ones may share it).
    async fn find(&self, id_or_name: &str) -> Result<Vec<Zone>, ZonesError>;

    /// Every record set, of every type, at these names, as it is now: changes still on their way are included.
    async fn read(&self, zone: &ZoneId, names: &BTreeSet<RecordName>) -> Result<Vec<RecordSet>, ZonesError>;

    /// Sends the batch once. It is applied whole or not at all.
    async fn submit(&self, batch: &Batch) -> Result<ChangeId, SubmitError>;

    async fn change(&self, id: &ChangeId) -> Result<ChangeStatus, ZonesError>;
}
