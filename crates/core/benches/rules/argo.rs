//! Argo Rollouts: measurements in the background, each of as many minutes as lie between two. The run fails when more
//! than `failureLimit` of them have; steps go on by the clock meanwhile.
//!
//! Counters: `result.Failed > metric.FailureLimit` in
//! <https://github.com/argoproj/argo-rollouts/blob/045c1cf0cd406ebac39be33b2d61df54b51d02b9/analysis/analysis.go>, so that
//! a limit of 3 fails with the fourth; the documentation's words are "three such measurements". Its example of a
//! background analysis has an interval of 5 minutes and a limit of 3:
//! <https://github.com/argoproj/argo-rollouts/blob/010ad554e932161b933a6df49ee3378b1c470e5e/docs/features/analysis.md>.
//! Without one the limit is 0. The minute is ours.
//!
//! Kinder than the original: it begins when all of a measurement lies in the cutover, it never reads a minute that is
//! still being counted, and no data is a success.

use crate::simulation::cutover::{Decision, Rule, Seen, cloud_rate_over};

const MOST: f64 = 0.01;

const FAILURE_LIMIT: u32 = 3;

pub(crate) struct Argo {
    minutes: usize,
    failed: u32,
    next: Option<i64>,
}

impl Argo {
    /// With measurements of so many minutes.
    pub(crate) fn new(minutes: usize) -> Argo {
        Argo { minutes, failed: 0, next: None }
    }
}

impl Rule for Argo {
    fn decide(&mut self, seen: &Seen) -> Decision {
        let measured = seen.newest_minutes(self.minutes);
        let is_of_the_cutover = measured.first().is_some_and(|row| row.start >= seen.started_at);
        if self.next.map_or(is_of_the_cutover, |next| seen.now >= next) {
            self.next = Some(seen.now + 60 * self.minutes as i64);
            self.failed += u32::from(cloud_rate_over(measured).is_some_and(|rate| rate > MOST));
        }
        // A measurement that is due when the last step ends comes too late.
        let completed = seen.weight >= 1.0 && seen.is_held_long_enough();
        if self.failed > FAILURE_LIMIT && !completed { Decision::Revert } else { seen.advance_on_time() }
    }
}
