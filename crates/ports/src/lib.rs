//! What the engine and the API may ask of the world, and the suites that every answer to it must pass.
//!
//! Each port is a narrow trait. `fake` holds in-memory worlds for fast tests; `conformance` holds the suites, which
//! fakes and real adapters pass alike. The engine and the API know these traits and nothing behind them.

pub mod account;
pub mod clock;
pub mod doubts;
pub mod metrics;
pub mod outlook;
pub mod poke;
pub mod probes;
pub mod store;
pub mod vitals;
pub mod zones;

#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod fake;

pub use crate::{
    account::{Account, Accounts},
    clock::{Clock, SystemClock},
    doubts::doubts,
    metrics::{Dimensions, Metrics, Series},
    outlook::outlook,
    poke::Poke,
    probes::Probes,
    store::{Store, StoreError},
    vitals::Vitals,
    zones::{SubmitError, Zone, Zones, ZonesError},
};
