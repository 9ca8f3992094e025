//! The real binary: what it says and the code it ends with, and whole shifts in the emulated world.

#![expect(clippy::unwrap_used, reason = "a step that fails should end the test")]

mod bad_input;
mod command_line;
mod crash;
mod dashboard;
mod harness;
mod house;
mod plans;
mod probes;
mod shifts;
mod tampering;
mod two_daemons;
mod verbs;
mod wire;
mod zones;
