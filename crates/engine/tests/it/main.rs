//! The engine against worlds in memory, in virtual time.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a failed test")]

mod apart;
mod calendar;
mod failover;
mod fleet;
mod harness;
mod latency;
mod life;
mod model;
mod replica;
mod replicas;
mod simulated;
mod tail;
mod trouble;
mod unreached;
mod zones;
