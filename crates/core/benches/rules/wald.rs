//! Wald's bound: how long the oracle's evidence takes in the mean, on the mean path of the traffic, and what the fault
//! costs until then. No test that is wrong in 1 % of the cutovers can be quicker in the mean.
//! <https://en.wikipedia.org/wiki/Sequential_probability_ratio_test>

use crate::{
    oracle::{BURSTINESS, ENOUGH, evidence},
    simulation::{
        cutover::{HOLD, METRIC_DELAY, STEPS},
        random::Random,
        traffic::{ANSWERED_AFTER, Faulty, TICK, USUAL_RATE, followed},
    },
};

/// Draws for the mean evidence of a minute, of all cases together.
const DRAWS: i64 = 36_000;

const TTL: i64 = 60;

/// Seconds until resolvers have forgotten the cloud.
const RESIDUAL: i64 = 300;

/// In the mean, over every tick in which the fault may begin.
pub(crate) struct Bound {
    pub(crate) harm: f64,
    /// Seconds.
    pub(crate) delay: f64,
}

/// For a fault that begins within `onsets` ticks after the step of this index has.
pub(crate) fn bound(requests_per_second: f64, rate: f64, step: usize, onsets: i64) -> Bound {
    let mut random = Random::new(1);
    let mut sum = Bound { harm: 0.0, delay: 0.0 };
    // The first step begins with a minute, the others anywhere in one.
    let phases = if step == 0 { 1 } else { 6 };
    let cases = onsets * phases;
    for case in 0..cases {
        let (begins, phase) = (case / phases * TICK, case % phases * TICK);
        let path = Path { requests_per_second, rate, step, begins, phase, draws: DRAWS / cases };
        let until = path.enough(&mut random);
        sum.delay += (until - path.begins) as f64 / cases as f64;
        sum.harm += path.harm(until) / cases as f64;
    }
    sum
}

/// Times are in seconds since the step began.
struct Path {
    requests_per_second: f64,
    rate: f64,
    step: usize,
    begins: i64,
    /// Into the minute, when the step began.
    phase: i64,
    draws: i64,
}

impl Path {
    /// When there is evidence enough, and it can be read.
    fn enough(&self, random: &mut Random) -> i64 {
        let mut gathered = 0.0;
        let mut minute = self.begins - (self.begins + self.phase).rem_euclid(60);
        loop {
            let ticks = || (0..6).map(|tick| minute + tick * TICK);
            let requests: f64 =
                ticks().map(|at| self.share(at)).sum::<f64>() * self.requests_per_second * 10.0;
            let faulty = ticks().filter(|at| *at >= self.begins).count() as f64 / 6.0;
            gathered += self.evidence(requests, faulty, random);
            minute += 60;
            if gathered >= ENOUGH || minute > 3 * 3_600 {
                return minute + METRIC_DELAY;
            }
        }
    }

    fn evidence(&self, requests: f64, faulty: f64, random: &mut Random) -> f64 {
        // The bound even knows which requests came when the fault was there.
        let (mean, requests) = (self.rate, (faulty * requests).round());
        let s = 1.0 / BURSTINESS - 1.0;
        let sum: f64 = (0..self.draws)
            .map(|_| {
                let rate = if mean >= 1.0 { 1.0 } else { random.beta(mean * s, (1.0 - mean) * s) };
                let errors = random.binomial(requests as u64, rate);
                evidence(requests, errors as f64, Faulty { part: 1.0, rate: self.rate }, BURSTINESS)
            })
            .sum();
        sum / self.draws as f64
    }

    fn harm(&self, until: i64) -> f64 {
        let every = |from: i64, until: i64| (from..until).step_by(TICK as usize);
        let reverted = self.share(until);
        let served: f64 = every(self.begins, until).map(|at| self.share(at)).sum();
        let residual: f64 =
            every(-ANSWERED_AFTER, RESIDUAL).map(|at| reverted * (1.0 - followed(at, TTL))).sum();
        (served + residual) * TICK as f64 * self.requests_per_second * (self.rate - USUAL_RATE)
    }

    fn share(&self, at: i64) -> f64 {
        let weight = |step: i64| usize::try_from(step).map_or(0.0, |step| STEPS[step.min(STEPS.len() - 1)]);
        let steps = at.div_euclid(HOLD);
        let now = self.step as i64 + steps;
        let since = if now >= STEPS.len() as i64 { RESIDUAL } else { at - steps * HOLD - ANSWERED_AFTER };
        weight(now - 1) + (weight(now) - weight(now - 1)) * followed(since, TTL)
    }
}
