//! What a careful script does: at the end of each step it looks at the last five minutes.

use crate::simulation::cutover::{Decision, Rule, Seen, cloud_rate_over};

const MOST: f64 = 0.01;

const MINUTES: usize = 5;

pub(crate) struct Script;

impl Rule for Script {
    fn decide(&mut self, seen: &Seen) -> Decision {
        if !seen.is_held_long_enough() {
            return Decision::Stay;
        }
        let rate = cloud_rate_over(seen.newest_minutes(MINUTES));
        if rate.is_some_and(|rate| rate > MOST) { Decision::Revert } else { Decision::Advance }
    }
}
