//! What should happen next, as values.
//!
//! This crate holds everything that Crossfade decides and nothing that it does: plans, weights, the life of a
//! shift, gates, and the sentence that says where a shift stands. It never waits, never reads a clock and never
//! fails except on invalid input; time and identifiers come in as arguments.
//!
//! In reading order: the words ([`share`], [`record`], [`plan`]), what can be written ([`weights`], [`fence`],
//! [`batch`], [`preview`]), what is remembered ([`event`], [`shift`]), and what follows ([`gate`], [`calendar`],
//! [`decide`], [`report`]); and what would follow ([`rehearsal`]).

pub mod record;
pub mod share;

pub mod plan;

pub mod batch;
pub mod fence;
pub mod preview;
pub mod weights;

pub mod chain;
pub mod event;
pub mod shift;

pub mod calendar;
pub mod decide;
pub mod gate;
pub mod invariants;
pub mod rehearsal;
pub mod report;

pub use crate::{
    record::{AliasTarget, GroupKey, RecordName, RecordSet, RecordType, Routing, Weight, ZoneId},
    share::Share,
};
