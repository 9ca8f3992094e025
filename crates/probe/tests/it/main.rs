//! The prober against real servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

mod endpoint;
mod http;
mod tls;
