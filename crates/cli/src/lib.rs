//! The command line and the daemon, as a library: `main` is a few lines over it, and tests and benches run the daemon
//! in their own process.
//!
//! In reading order: [`args`] (what can be asked), [`config`] (what can be configured), [`compose`] (where the parts
//! are put together), [`command`] (one module for each command), [`client`] and [`render`] (how they ask the daemon and
//! show the answer), [`failure`] (how they say that something went wrong).

pub mod args;
pub mod client;
pub mod command;
pub mod compose;
pub mod config;
pub mod environment;
pub mod failure;
pub mod lifecycle;
pub mod render;
#[cfg(debug_assertions)]
pub mod stop_at;
pub mod telemetry;
