//! What nobody can do: a sequential probability ratio test that knows the true rate of the fault, the limit, the
//! correlation of errors, and the tick in which the fault began. It goes up by the clock, and reverts when the fault is
//! a hundred times likelier than the limit. Evidence for the limit is forgotten, as in CUSUM: that makes it quicker.

use crossfade_core::gate::Row;

use crate::simulation::{
    cutover::{Decision, Rule, Seen},
    traffic::{Faulty, USUAL_RATE},
};

/// The limit that follows from the legacy side's true rate: half a point above it.
pub(crate) const LIMIT: f64 = 0.006;

pub(crate) const BURSTINESS: f64 = 0.001;

/// ln 100: wrong in 1 % of the cutovers.
pub(crate) const ENOUGH: f64 = 4.605_170_185_988_091;

/// A rate at which a success is still possible.
const HIGHEST_RATE: f64 = 0.999;

/// A burstiness of nothing would be a division by it.
const LEAST_BURSTINESS: f64 = 1e-6;

pub(crate) struct Oracle {
    /// Of the errors.
    burstiness: f64,
    /// It has to see so many minutes above the limit as are needed to sit a blip out: 3, 2 from 10 % on, 1 from 30 %.
    sits_blips_out: bool,
    evidence: f64,
    bad_minutes: u32,
    read: usize,
    /// Of the fault, lately.
    rate: f64,
}

impl Oracle {
    pub(crate) fn new(sits_blips_out: bool, burstiness: f64) -> Oracle {
        Oracle {
            burstiness: burstiness.max(LEAST_BURSTINESS),
            sits_blips_out,
            evidence: 0.0,
            bad_minutes: 0,
            read: 0,
            rate: 0.0,
        }
    }

    fn patience(&self, rate: f64) -> u32 {
        match rate {
            _ if !self.sits_blips_out => 0,
            rate if rate >= 0.3 => 1,
            rate if rate >= 0.1 => 2,
            _ => 3,
        }
    }

    fn read(&mut self, row: &Row, faulty: Faulty) {
        let Some(requests) = row.to.requests.filter(|_| faulty.part > 0.0) else { return };
        let errors = row.to.errors.unwrap_or(0);
        let gain = evidence(requests as f64, errors as f64, faulty, self.burstiness);
        self.evidence = (self.evidence + gain).max(0.0);
        let mean = faulty.part * faulty.rate + (1.0 - faulty.part) * USUAL_RATE;
        self.bad_minutes += u32::from(mean > LIMIT);
        self.rate = faulty.rate;
    }
}

impl Rule for Oracle {
    fn interval(&self) -> i64 {
        30
    }

    fn watches(&self) -> bool {
        true
    }

    fn decide(&mut self, seen: &Seen) -> Decision {
        for at in self.read..seen.rows.len() {
            self.read(&seen.rows[at], seen.faulty[at]);
        }
        self.read = seen.rows.len();
        if self.evidence >= ENOUGH && self.bad_minutes >= self.patience(self.rate) {
            Decision::Revert
        } else {
            seen.advance_on_time()
        }
    }
}

/// How much likelier, in nats, the errors of a minute are if the cloud had the fault in its part of it than if the cloud
/// was at the limit all the minute. A fault below the limit is none.
pub(crate) fn evidence(requests: f64, errors: f64, faulty: Faulty, burstiness: f64) -> f64 {
    let mean = |rate: f64| (faulty.part * rate + (1.0 - faulty.part) * USUAL_RATE).min(HIGHEST_RATE);
    let likelihood = |rate: f64| {
        let s = 1.0 / burstiness - 1.0;
        ln_rising(rate * s, errors) + ln_rising((1.0 - rate) * s, requests - errors)
    };
    if faulty.rate > LIMIT { likelihood(mean(faulty.rate)) - likelihood(LIMIT) } else { 0.0 }
}

/// ln Γ(from + count) − ln Γ(from). Written anew: a bound must not rest on the arithmetic of what it bounds.
pub(crate) fn ln_rising(from: f64, count: f64) -> f64 {
    ln_gamma(from + count) - ln_gamma(from)
}

/// <https://dlmf.nist.gov/5.11#E1>
fn ln_gamma(mut x: f64) -> f64 {
    let mut passed = 1.0;
    while x < 20.0 {
        passed *= x;
        x += 1.0;
    }
    let r = 1.0 / x;
    let series = r / 12.0 - r.powi(3) / 360.0 + r.powi(5) / 1_260.0 - r.powi(7) / 1_680.0;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - passed.ln()
}
