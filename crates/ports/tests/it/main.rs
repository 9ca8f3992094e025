//! The fakes against the suites that real adapters pass as well.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

mod metrics;
mod probes;
mod store;
mod zones;
