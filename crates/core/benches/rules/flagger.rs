//! Flagger: a check a minute of the newest value; failed checks add up over the whole run, and nothing but a new
//! revision forgets them. It goes up only on a check that passes.
//!
//! Checks and counter: <https://github.com/fluxcd/flagger/blob/main/pkg/controller/scheduler.go>; the recommended
//! interval of a minute, threshold of 5 to 10 and success rate of 99 %:
//! <https://docs.flagger.app/usage/how-it-works#canary-analysis>.
//!
//! Kinder than the original: no failed check for missing data, and it reverts with the last check that fails instead
//! of an interval later.

use crate::simulation::cutover::{Decision, Rule, Seen, cloud_rate};

const MOST: f64 = 0.01;

pub(crate) struct Flagger {
    threshold: u32,
    failed_checks: u32,
}

impl Flagger {
    pub(crate) fn new(threshold: u32) -> Flagger {
        Flagger { threshold, failed_checks: 0 }
    }
}

impl Rule for Flagger {
    fn decide(&mut self, seen: &Seen) -> Decision {
        let failed = seen.newest().and_then(cloud_rate).is_some_and(|rate| rate > MOST);
        self.failed_checks += u32::from(failed);
        if self.failed_checks >= self.threshold {
            Decision::Revert
        } else if failed {
            Decision::Stay
        } else {
            seen.advance_on_time()
        }
    }
}
