//! When a side that has lost its traffic may be switched off.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

/// The side that the traffic has left is safe to decommission once it has had so few requests for so long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decommission {
    /// Requests a minute, in the mean.
    #[serde(default = "default_below")]
    #[schemars(range(min = 0.01, max = 1_000_000.0))]
    pub below: f64,
    /// 5 min to 72 h.
    #[serde(default = "default_lasting", rename = "for")]
    pub lasting: Span,
}

impl Default for Decommission {
    fn default() -> Decommission {
        Decommission { below: default_below(), lasting: default_lasting() }
    }
}

/// What scanners and forgotten monitors make of it.
pub(super) fn default_below() -> f64 {
    1.0
}

/// Longer than most resolvers keep an answer against its TTL.
pub(super) fn default_lasting() -> Span {
    Span(SignedDuration::from_hours(1))
}
