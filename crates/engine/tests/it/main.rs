//! The engine against worlds in memory, in virtual time.

mod harness;
mod life;
mod trouble;
