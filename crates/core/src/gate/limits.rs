//! The error rate that the `to` side may have: never above `max_error_rate`, and not much worse than the `from` side.

use std::collections::VecDeque;

use super::{clean::Count, evaluate::Config};

/// How much worse than the `from` side is still fine: the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Increase {
    /// Times its rate.
    pub ratio: f64,
    /// Above its rate, as a ratio: half a point is 0.005.
    pub points: f64,
}

/// Periods of the `from` side that make up its usual rate: an hour of a load balancer's.
const PERIODS: usize = 60;

/// Fewer requests than this tell no rate.
const FEWEST_REQUESTS: u128 = 100;

/// Below this part of the traffic the `from` side is made of stragglers, whose errors are not the service's.
const SMALLEST_SHARE: f64 = 0.05;

/// Errors of the `from` side in one period from which that very period's rate counts: both sides may be failing.
const SHARED_ERRORS: u64 = 3;

/// The usual rate of the `from` side, as far as it has been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Baseline {
    newest: VecDeque<Count>,
    requests: u128,
    errors: u128,
    /// Of the period that was added last, if it failed on both sides.
    now: Option<f64>,
}

impl Baseline {
    pub(super) fn add(&mut self, from: Option<Count>, to_requests: u64) {
        self.now = None;
        let serves = |from: &Count| {
            let whole = from.requests as f64 + to_requests as f64;
            from.requests >= 1 && from.requests as f64 >= SMALLEST_SHARE * whole
        };
        let Some(from) = from.filter(serves) else { return };
        self.newest.push_back(from);
        self.requests += u128::from(from.requests);
        self.errors += u128::from(from.errors);
        if self.newest.len() > PERIODS
            && let Some(oldest) = self.newest.pop_front()
        {
            self.requests -= u128::from(oldest.requests);
            self.errors -= u128::from(oldest.errors);
        }
        if from.errors >= SHARED_ERRORS {
            self.now = Some(rate(u128::from(from.requests), u128::from(from.errors)));
        }
    }

    /// Its usual rate. `None` where too few requests are known of.
    pub(super) fn usual(&self) -> Option<f64> {
        (self.requests >= FEWEST_REQUESTS).then(|| rate(self.requests, self.errors))
    }

    /// Its usual rate, or that of the newest period where it is failing there itself.
    pub(super) fn excused(&self) -> Option<f64> {
        let usual = self.usual()?;
        Some(self.now.map_or(usual, |now| usual.max(now)))
    }
}

/// The rate of the `from` side over a whole step, if it can stand for one.
pub(super) fn rate_of_step(from: Count, to_requests: u64) -> Option<f64> {
    let mut step = Baseline::default();
    step.add(Some(from), to_requests);
    step.usual()
}

/// Above this a period counts against the `to` side. `None` where nothing is known to measure it by.
pub(super) fn failing(config: &Config, baseline: Option<f64>) -> Option<f64> {
    let (Some(increase), Some(rate)) = (config.tolerated_increase, baseline) else {
        return config.max_error_rate;
    };
    let relative = increase.over(rate);
    Some(match config.max_error_rate {
        None => relative,
        // The stricter one, unless the `from` side fails as badly: going back would not help anybody.
        Some(most) => most.min(relative).max(increase.ratio * rate),
    })
}

/// Below this the `to` side is healthy; an outage of both sides is no excuse for going up.
pub(super) fn healthy(config: &Config, baseline: Option<f64>) -> Option<f64> {
    let (Some(increase), Some(rate)) = (config.tolerated_increase, baseline) else {
        return config.max_error_rate;
    };
    let relative = increase.over(rate);
    Some(config.max_error_rate.map_or(relative, |most| most.min(relative)))
}

impl Increase {
    fn over(self, rate: f64) -> f64 {
        (self.ratio * rate).max(rate + self.points)
    }
}

/// Slightly above what was seen: no errors in a hundred requests is not a rate of zero.
fn rate(requests: u128, errors: u128) -> f64 {
    (errors + 1) as f64 / (requests + 1) as f64
}
