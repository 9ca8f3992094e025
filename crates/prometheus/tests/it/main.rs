//! Against a real Prometheus, and against a server that answers whatever it likes.

#![expect(clippy::unwrap_used, reason = "a step that fails should end the test")]

mod odd;
mod real;
mod server;
mod suite;
