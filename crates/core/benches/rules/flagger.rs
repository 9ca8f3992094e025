//! Flagger: a check a minute of the newest value; failed checks add up over the whole run, and nothing but a new
//! revision forgets them. It goes up only on a check that passes.
//!
//! Checks and counter:
//! <https://github.com/fluxcd/flagger/blob/0016895489a8589bd9472e10668f89063d48189c/pkg/controller/scheduler.go>: a failed
//! analysis adds one to `FailedChecks` and returns, a new revision sets it to zero, and the threshold is looked at before
//! the next analysis. Interval of a minute, success rate of 99 % and threshold of 10:
//! <https://github.com/fluxcd/flagger/blob/061c17971e78c4d77a8f70fe792f7231e301a2e8/docs/gitbook/usage/how-it-works.md>;
//! other examples have a threshold of 5.
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
