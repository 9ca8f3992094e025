//! In-memory worlds for fast tests. They pass the same suites as the real ones.

pub mod metrics;
pub mod probes;
pub mod store;
pub mod zones;
