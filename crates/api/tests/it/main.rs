//! The router, in-process, over worlds in memory.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod fleet;
mod health;
mod history;
mod http;
mod once;
mod preview;
mod shifts;
mod store;
mod verbs;
mod world;
