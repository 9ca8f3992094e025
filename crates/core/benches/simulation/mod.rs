//! Whole cutovers with everything around the rule drawn by lot: the traffic, its errors, the resolvers that follow late
//! and unevenly, and datapoints that arrive two minutes late. The same seed is the same cutover on every machine.

pub(crate) mod clock;
pub(crate) mod cutover;
pub(crate) mod ours;
pub(crate) mod random;
pub(crate) mod traffic;
