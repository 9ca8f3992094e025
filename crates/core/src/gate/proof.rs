//! The proof that the `to` side is healthy: made of the present step's settled periods alone.
//!
//! That nothing bad was found is no proof: at a small share of a small service, hours pass without telling anything.

use super::{
    clean::{Closed, Count},
    evaluate::Config,
};

/// 80 %, one-sided. A wrong step up is still watched, and at 95 % a quiet service would take twice as long to prove
/// for no less harm.
const PROOF_Z: f64 = 0.841_621_233_572_914_3;

/// 99 %, one-sided: what a step that was never proven has to be for being taken back instead of being held.
const STALLED_Z: f64 = 2.326_347_874_040_840_8;

/// The newest periods that the proof is made of, so that an old fault is forgotten in time…
const PERIODS: u32 = 30;

/// …and more of them until there are so many requests for each error that the limit allows.
const REQUESTS_TIMES_LIMIT: f64 = 10.0;

/// Settled periods with traffic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) to: Count,
    pub(super) from: Count,
    pub(super) periods: u32,
    /// What the requests are worth, as independent ones.
    pub(super) effective: f64,
}

/// The newest settled periods, as many as a proof is made of.
pub(super) fn newest(config: &Config, settled: &[Closed], limit: Option<f64>) -> Step {
    let enough = |step: &Step| {
        step.periods >= PERIODS
            && limit.is_some_and(|limit| step.to.requests as f64 >= REQUESTS_TIMES_LIMIT / limit)
    };
    let mut step = Step::default();
    for period in settled.iter().rev() {
        if enough(&step) {
            break;
        }
        step.add(period, config.burstiness);
    }
    step
}

pub(super) fn whole(config: &Config, settled: &[Closed]) -> Step {
    let mut step = Step::default();
    for period in settled {
        step.add(period, config.burstiness);
    }
    step
}

impl Step {
    /// The error rate is below this, as far as chance allows to say. `None` without requests.
    pub(super) fn upper_bound(&self) -> Option<f64> {
        (self.to.requests > 0).then(|| wilson(self.to.rate(), self.effective, PROOF_Z))
    }

    /// The error rate is above this, nearly certainly.
    pub(super) fn lower_bound(&self) -> Option<f64> {
        (self.to.requests > 0).then(|| wilson(self.to.rate(), self.effective, -STALLED_Z))
    }

    /// Periods like these that are still wanted before the bound is below the limit. `None` where it never will be.
    pub(super) fn periods_to_go(&self, limit: f64) -> Option<u64> {
        let rate = self.to.rate();
        if self.periods == 0 || rate >= limit {
            return None;
        }
        let wanted = effective_wanted(rate, limit);
        let each = self.effective / f64::from(self.periods);
        Some(((wanted - self.effective) / each).ceil().max(1.0) as u64)
    }

    fn add(&mut self, period: &Closed, burstiness: f64) {
        if let Some(from) = period.from {
            self.from = self.from.plus(from);
        }
        if let Some(to) = period.to.filter(|to| to.requests > 0) {
            self.to = self.to.plus(to);
            self.periods += 1;
            self.effective += effective(to.requests as f64, burstiness);
        }
    }
}

/// How many independent requests those of one period are worth.
pub(super) fn effective(requests: f64, burstiness: f64) -> f64 {
    requests / (1.0 + (requests - 1.0) * burstiness)
}

/// So many independent requests at this rate as make Wilson's bound meet the limit.
pub(super) fn effective_wanted(rate: f64, limit: f64) -> f64 {
    PROOF_Z * PROOF_Z * limit * (1.0 - limit) / ((limit - rate) * (limit - rate))
}

/// Wilson's bound of a rate: the upper one for a positive quantile, the lower one for a negative.
/// <https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval>
fn wilson(rate: f64, requests: f64, z: f64) -> f64 {
    let (z2, n) = (z * z, requests);
    (rate + z2 / (2.0 * n) + z * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt()) / (1.0 + z2 / n)
}
