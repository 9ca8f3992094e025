//! The meter: evidence against the `to` side, period by period, between nothing and enough.
//!
//! It is a sequential test of three hypotheses, "so many times worse than the limit". Each period multiplies a
//! hypothesis' evidence by a factor whose mean is at most 1 while the rate is within the limit; so it may be watched
//! all day, and noise still fills the meter no more often than the plan allows. `docs/gate.md` has the reasoning.

use super::{evaluate::Config, likelihood::Sample};

/// How many times worse than the limit, in odds. The first finds what is slightly bad, the last what is broken within
/// a period; another between them would cost more patience than it saves.
const FACTORS: [f64; 3] = [2.0, 5.0, 20.0];

/// The part of the evidence that is staked in a period. The rest is kept, so that one clean period does not erase the
/// memory of bad ones: an error that comes and goes is found, too.
const STAKE: f64 = 0.75;
const LN_STAKE: f64 = -0.287_682_072_451_780_9;
const LN_KEPT: f64 = -2.0 * std::f64::consts::LN_2;

/// From these observed rates on, two periods or one are enough; below them it takes three, so that a passing fault
/// does not take a shift back, and a broken endpoint goes at its first datapoint.
const SEVERE: f64 = 0.10;
const DOWN: f64 = 0.30;

/// A rate within this factor of the limit is not severe, however high both are.
const SEVERE_OVER_LIMIT: f64 = 3.0;

/// Below this part of the period before, errors are on their way out: one more period is waited for.
const RECOVERING: f64 = 0.8;

/// Nothing can be called worse than a limit of this: the `from` side is down, and the period says nothing.
pub(super) const HIGHEST_LIMIT: f64 = 0.95;

/// Beyond the largest alternative to [`HIGHEST_LIMIT`], and still a rate.
const HIGHEST_RATE: f64 = 0.999;

/// Below this a likelihood ratio is nothing beside what is kept.
const NOTHING: f64 = -40.0;

/// Three thirds of the threshold may be a rounding error less than all of it.
const ROUNDING: f64 = 1e-9;

#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    threshold: f64,
    burstiness: f64,
    evidence: [f64; FACTORS.len()],
    /// Errors since each was last empty.
    errors: [u64; FACTORS.len()],
    newest: Option<Scored>,
    /// The rate of the period before the newest.
    before: Option<f64>,
}

/// A period that was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Seconds since 1970.
    pub start: i64,
    pub requests: u64,
    pub errors: u64,
}

impl Meter {
    pub(super) fn new(config: &Config) -> Meter {
        Meter {
            threshold: threshold(config),
            burstiness: config.burstiness,
            evidence: [0.0; FACTORS.len()],
            errors: [0; FACTORS.len()],
            newest: None,
            before: None,
        }
    }

    /// Takes a period with requests into account.
    pub(super) fn weigh(&mut self, period: Scored, limit: f64) {
        self.before = self.newest.as_ref().map(Scored::rate);
        self.newest = Some(period);
        let gains = gains(period.requests, period.errors, limit, self.burstiness, self.threshold);
        for ((evidence, errors), gain) in self.evidence.iter_mut().zip(&mut self.errors).zip(gains) {
            *evidence = (*evidence + gain).clamp(0.0, self.threshold);
            *errors = if *evidence > 0.0 { errors.saturating_add(period.errors) } else { 0 };
        }
    }

    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How full it is, from 0 to 1.
    pub(super) fn score(&self) -> f64 {
        self.evidence.iter().copied().fold(0.0, f64::max) / self.threshold
    }

    pub(super) fn is_full(&self, min_errors: u64) -> bool {
        let full = |(evidence, errors): (&f64, &u64)| {
            *evidence >= self.threshold - ROUNDING && *errors >= min_errors
        };
        self.evidence.iter().zip(&self.errors).any(full)
    }

    /// Whether the newest period was clearly better than the one before, and not broken.
    pub(super) fn is_recovering(&self) -> bool {
        let (Some(newest), Some(before)) = (self.newest.as_ref().map(Scored::rate), self.before) else {
            return false;
        };
        newest < DOWN && newest < RECOVERING * before
    }

    pub(super) fn newest(&self) -> Option<Scored> {
        self.newest
    }
}

impl Scored {
    pub fn rate(&self) -> f64 {
        self.errors as f64 / self.requests as f64
    }
}

/// The evidence that is enough: over a day of periods, over all hypotheses and all gates together, noise gathers as
/// much in no more than `false_alarms_per_day` of the cases.
pub(super) fn threshold(config: &Config) -> f64 {
    let periods_per_day = 86_400.0 / config.period.max(1) as f64;
    let looks = FACTORS.len() as f64 * f64::from(config.gates.max(1)) * periods_per_day;
    (looks / config.false_alarms_per_day).ln()
}

/// What a period adds to each hypothesis' evidence; what speaks for the `to` side is negative.
pub(super) fn gains(
    requests: u64,
    errors: u64,
    limit: f64,
    burstiness: f64,
    threshold: f64,
) -> [f64; FACTORS.len()] {
    gains_of(
        Sample::new(requests, errors, burstiness),
        errors as f64 / requests as f64,
        limit,
        burstiness,
        threshold,
    )
}

/// What a period of so many requests and errors, in their expected numbers, adds to the hypothesis that gains most.
pub(super) fn gain(requests: f64, errors: f64, limit: f64, config: &Config) -> f64 {
    let sample = Sample::expected(requests, errors, config.burstiness);
    let gains = gains_of(sample, errors / requests, limit, config.burstiness, threshold(config));
    gains.into_iter().fold(f64::MIN, f64::max)
}

fn gains_of(sample: Sample, rate: f64, limit: f64, burstiness: f64, threshold: f64) -> [f64; FACTORS.len()] {
    let within = sample.ln_likelihood(limit);
    let most = threshold / periods_needed(rate, limit);
    FACTORS.map(|factor| {
        let ratio = sample.ln_likelihood(alternative(limit, factor, burstiness)) - within;
        if ratio + LN_STAKE >= most {
            most
        } else if ratio < NOTHING {
            LN_KEPT
        } else {
            ((1.0 - STAKE) + STAKE * ratio.exp()).ln().min(most)
        }
    })
}

/// A rate so many times worse, and far enough away for bursts not to look like it.
fn alternative(limit: f64, factor: f64, burstiness: f64) -> f64 {
    (factor * limit / (1.0 - limit + factor * limit)).max(limit + burstiness).min(HIGHEST_RATE)
}

fn periods_needed(rate: f64, limit: f64) -> f64 {
    if rate >= DOWN.max(SEVERE_OVER_LIMIT * limit) {
        1.0
    } else if rate >= SEVERE.max(SEVERE_OVER_LIMIT * limit) {
        2.0
    } else {
        3.0
    }
}

#[cfg(test)]
mod tests {
    use super::{super::vectors::defaults, *};

    #[test]
    fn the_threshold_is_the_designs() {
        assert!((threshold(&defaults()) - 12.976).abs() < 5e-4);
    }

    /// The guarantee rests on this: within the limit no period's factor is above 1 in the mean, whatever the traffic,
    /// and however much or little the errors come in bursts.
    #[test]
    fn within_the_limit_a_period_adds_nothing_in_the_mean() {
        let threshold = threshold(&defaults());
        for limit in [0.001, 0.006, 0.01, 0.05, 0.3] {
            for requests in [1, 6, 60, 600, 2_000] {
                let factors: Vec<_> = (0..=requests)
                    .map(|errors| gains(requests, errors, limit, 0.001, threshold).map(f64::exp))
                    .collect();
                for rate in [0.3 * limit, limit] {
                    for burstiness in [1e-9, 0.000_2, 0.001] {
                        let chances = chances(requests, rate, burstiness);
                        for hypothesis in 0..FACTORS.len() {
                            let mean: f64 =
                                chances.iter().zip(&factors).map(|(p, factor)| p * factor[hypothesis]).sum();
                            assert!(mean <= 1.001, "{limit} {requests} {rate} {burstiness}: {mean}");
                        }
                    }
                }
            }
        }
    }

    /// Of each count of errors, from the ratios of neighbours, which need no gamma function.
    fn chances(requests: u64, rate: f64, burstiness: f64) -> Vec<f64> {
        let s = 1.0 / burstiness - 1.0;
        let (a, b) = (rate * s, (1.0 - rate) * s);
        let mut logs = vec![0.0];
        for x in 0..requests {
            let (x, n) = (x as f64, requests as f64);
            let ratio = (n - x) / (x + 1.0) * (x + a) / (n - x - 1.0 + b);
            logs.push(logs.last().unwrap() + f64::ln(ratio));
        }
        let most = logs.iter().copied().fold(f64::MIN, f64::max);
        let whole: f64 = logs.iter().map(|log| f64::exp(log - most)).sum();
        logs.iter().map(|log| f64::exp(log - most) / whole).collect()
    }
}
