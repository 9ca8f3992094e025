//! The endpoints that names lead to, asked directly.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crossfade_core::gate::{ProbeOutcome, ProbeTarget};

#[async_trait]
pub trait Probes: Send + Sync {
    /// Asks every target once, each within its own timeout. There is an answer for every target: what could not be
    /// asked for a reason that need not be the target's is [`ProbeOutcome::Unknown`].
    ///
    /// Nothing is ever sent to an address that is [off limits](crossfade_core::gate::off_limits).
    async fn probe(&self, targets: &[ProbeTarget]) -> BTreeMap<ProbeTarget, ProbeOutcome>;
}
