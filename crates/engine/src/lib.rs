//! The reconcile loop: observe, decide, commit, act, verify.
//!
//! For every active shift the engine keeps what it last saw of the world, and asks the core what follows. The answer
//! is either events, which are committed before anything else is done, or effects, which follow from what is
//! committed. Then it asks again, until there is nothing to do before some later time.
//!
//! - A round takes no input but the committed state and what is seen: a poke says only where to look first, and may be lost.
//! - There are no retry loops: the next round is the retry, and the core says when.
//! - A round is repeated without harm: batches carry absolute weights and are compared with the zone.
//! - Going down does without the store: if it does not answer, or refuses, a revert is acted on first and recorded afterwards.
//! - Of several replicas, one works on an account at a time: the one that holds its lease.
//!
//! In reading order: `driver` (which shift gets a round, and when; what is still seen of those that are over), `lease`
//! (which accounts are this replica's), `slot` (what is kept of a shift), `round` (a round), `act` (effects), `guard`
//! (effects of a lease in doubt), `evidence` (metrics, alarms,
//! probes), `budget` and `probe`.

mod act;
mod budget;
mod driver;
mod evidence;
mod guard;
mod lease;
mod probe;
mod round;
#[cfg(feature = "simulator")]
pub mod sim;
mod slot;
mod telling;

use std::{sync::Arc, time::Duration};

use crossfade_ports::{Accounts, Clock, Poke, Probes, Store, Vitals};
use tokio_util::sync::CancellationToken;

pub use crate::probe::{Point, Probe};

/// How often the engine looks, and how much it may ask of AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often the store is polled for commands that no poke announced.
    pub poll: Duration,
    /// How often metrics are read; more often where a gate's periods are shorter.
    pub metrics_every: Duration,
    /// How often the targets of probe gates are asked. A target is given up after three failures in a row.
    pub probes_every: Duration,
    /// How often an idle shift's zone is read, to see drift.
    pub read_back_every: Duration,
    /// How long a change whose id was lost is given to reach all name servers.
    pub propagation: Duration,
    /// Route 53 requests a second and account, for everything but reverts.
    pub requests_per_second: u32,
    /// How long a lost replica's accounts wait for another one; at least [`LEASE_MIN`].
    pub lease: Duration,
}

/// A lease is renewed three times, each with time for an answer: below this, a busy machine loses its own.
pub const LEASE_MIN: Duration = Duration::from_secs(3);

impl Default for Settings {
    fn default() -> Self {
        Settings {
            poll: Duration::from_secs(1),
            metrics_every: Duration::from_secs(30),
            probes_every: Duration::from_secs(30),
            read_back_every: Duration::from_secs(60),
            // "Changes generally propagate to all Route 53 name servers within 60 seconds",
            // <https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html>
            propagation: Duration::from_secs(60),
            // Half of what an account has; the rest is for reverts and for whoever else uses the account.
            // <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/throttling-api-requests.html>
            requests_per_second: 5,
            // Shorter than a step is observed, longer than a database takes to fail over its connections or a
            // garbage-collected host to come back.
            lease: Duration::from_secs(15),
        }
    }
}

/// Everything the engine works with.
pub struct Engine {
    pub store: Arc<dyn Store>,
    pub accounts: Accounts,
    /// Asks the endpoints themselves.
    pub probes: Arc<dyn Probes>,
    pub clock: Arc<dyn Clock>,
    pub poke: Poke,
    pub vitals: Vitals,
    pub settings: Settings,
    pub probe: Probe,
    /// Who writes, as fences say it: [`Store::installation`].
    pub installation: String,
    /// Who holds leases: this very process, among others of the installation.
    pub replica: String,
}

impl Engine {
    /// Runs until it is cancelled.
    pub async fn run(self, shutdown: CancellationToken) {
        driver::drive(self, shutdown).await;
    }
}
