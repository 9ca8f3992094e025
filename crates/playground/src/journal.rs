//! What arrived: every ChangeResourceRecordSets, with what became of it.

use std::time::Instant;

use serde::Serialize;

use crate::route53::Change;

/// One ChangeResourceRecordSets that reached the control plane.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When it was evaluated; for a delayed arrival, when it finally came.
    #[serde(skip)]
    pub at: Instant,
    /// The same as seconds since the Unix epoch.
    pub at_unix: f64,
    /// The zone as named by the caller, without `/hostedzone/`.
    pub zone_id: String,
    /// The batch's comment.
    pub comment: Option<String>,
    /// The changes in their order; empty where the request could not be read.
    pub changes: Vec<Change>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Applied, whole.
    Applied {
        /// The id GetChange knows.
        change_id: String,
        /// Whether the caller was told.
        answered: bool,
    },
    /// Refused, whole, with the error the caller got (or would have got).
    Refused {
        /// Such as `InvalidChangeBatch`.
        code: String,
        /// The text.
        message: String,
    },
    /// A fault kept it from being evaluated, and the caller got no answer.
    Lost,
}

impl Entry {
    /// Whether the batch was applied.
    pub fn is_applied(&self) -> bool {
        matches!(self.outcome, Outcome::Applied { .. })
    }
}
