//! The suites that every implementation of a port must pass.

pub mod metrics;
pub mod probes;
pub mod store;
pub mod zones;
