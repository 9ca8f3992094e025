//! The gate with a part of its meter left out or another one in its place: what each part is there for. The limit, the
//! proof and everything else are the gate's own.

use crossfade_core::gate::{Config, Evaluation, Row, State, Verdict, evaluate};

use crate::{
    oracle::ln_rising,
    simulation::{
        cutover::{Decision, HOLD, Rule, Seen, cloud_rate},
        ours::{MAX_WAIT, SUSPICIOUS},
    },
};

const FACTORS: [f64; 3] = [2.0, 5.0, 20.0];

const STAKE: f64 = 0.75;

/// Parts of the greatest possible bet.
const BETS: [f64; 3] = [0.25, 0.5, 0.9];

/// The difference in error rates that the mixture test expects, as a standard deviation; and how often it may be wrong.
const MIXED: f64 = 0.005;
const WRONG: f64 = 0.01;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A minute adds a quarter of the meter at most, instead of a third.
    FourMinutes,
    /// One minute may fill it.
    NoCap,
    /// Nothing of the evidence is kept back.
    AllStaked,
    /// Independent requests, no cap, nothing kept back: a plain CUSUM.
    Naive,
    /// A minute's rate is one observation: the capital of bets that it is above the limit.
    /// <https://arxiv.org/abs/2010.09686>
    Betting,
    /// Whether the sides differ at all, by an always-valid test with binomial variance. <https://arxiv.org/abs/1512.04922>
    Mixture,
}

pub(crate) struct Ablated {
    kind: Kind,
    config: Config,
    enough: f64,
    evidence: [f64; 3],
    errors: [u64; 3],
    /// Requests and errors of either side, for the mixture test.
    sums: [[f64; 2]; 2],
    /// Of the newest two minutes.
    rates: [f64; 2],
    read: usize,
    /// What the last look came to; it stands until there is a minute more or the step is old enough.
    decided: Option<((usize, i64, bool), Decision)>,
}

impl Ablated {
    pub(crate) fn new(kind: Kind, config: Config) -> Ablated {
        let enough = (3.0 * 1_440.0 / config.false_alarms_per_day).ln();
        let (evidence, errors, sums, rates) = ([0.0; 3], [0; 3], [[0.0; 2]; 2], [0.0; 2]);
        Ablated { kind, config, enough, evidence, errors, sums, rates, read: 0, decided: None }
    }

    fn weigh(&mut self, row: &Row, limit: f64) {
        let Some((rate, requests)) = cloud_rate(row).zip(row.to.requests) else { return };
        let errors = row.to.errors.unwrap_or(0);
        self.rates = [self.rates[1], rate];
        for (at, factor) in FACTORS.into_iter().enumerate() {
            let gain = self.gain(requests as f64, errors as f64, limit, factor, BETS[at]);
            self.evidence[at] = (self.evidence[at] + gain).clamp(0.0, self.enough);
            self.errors[at] = if self.evidence[at] > 0.0 { self.errors[at] + errors } else { 0 };
        }
        for (sums, side) in self.sums.iter_mut().zip([row.to, row.from]) {
            sums[0] += side.requests.unwrap_or(0) as f64;
            sums[1] += side.errors.unwrap_or(0) as f64;
        }
        if self.kind == Kind::Mixture {
            self.evidence = [self.difference().clamp(0.0, self.enough); 3];
            self.errors = [u64::MAX; 3];
        }
    }

    fn gain(&self, requests: f64, errors: f64, limit: f64, factor: f64, bet: f64) -> f64 {
        let rate = errors / requests;
        let worse = factor * limit / (1.0 - limit + factor * limit);
        let binomial = |rate: f64| errors * rate.ln() + (requests - errors) * (1.0 - rate).ln();
        let bursty = |rate: f64| {
            let s = 1.0 / self.config.burstiness - 1.0;
            ln_rising(rate * s, errors) + ln_rising((1.0 - rate) * s, requests - errors)
        };
        let ratio = bursty(worse.max(limit + self.config.burstiness)) - bursty(limit);
        let staked = |ratio: f64| {
            if ratio > 700.0 { ratio + STAKE.ln() } else { (1.0 - STAKE + STAKE * ratio.exp()).ln() }
        };
        let minutes = match rate {
            rate if rate >= 0.3_f64.max(3.0 * limit) => 1.0,
            rate if rate >= 0.1_f64.max(3.0 * limit) => 2.0,
            _ if self.kind == Kind::FourMinutes => 4.0,
            _ => 3.0,
        };
        let most = self.enough / minutes;
        match self.kind {
            Kind::FourMinutes => staked(ratio).min(most),
            Kind::NoCap => staked(ratio),
            Kind::AllStaked => ratio.min(most),
            Kind::Naive => binomial(worse) - binomial(limit),
            Kind::Betting => (1.0 + bet / limit * (rate - limit)).ln().min(most),
            Kind::Mixture => 0.0,
        }
    }

    /// The mixture's evidence that the cloud is worse, in parts of what this test needs.
    fn difference(&self) -> f64 {
        let [[n, x], [m, y]] = self.sums;
        let pooled = (x + y) / (n + m);
        let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
        let difference = x / n - y / m;
        if m <= 0.0 || variance <= 0.0 || difference <= 0.0 {
            return 0.0;
        }
        let whole = variance + MIXED * MIXED;
        let ratio = 0.5 * (variance / whole).ln()
            + difference * difference * MIXED * MIXED / (2.0 * variance * whole);
        ratio / -WRONG.ln() * self.enough
    }

    fn is_full(&self) -> bool {
        let recovering = self.rates[1] < 0.3 && self.rates[1] < 0.8 * self.rates[0];
        let full = |(evidence, errors): (&f64, &u64)| *evidence >= self.enough - 1e-9 && *errors >= 10;
        self.evidence.iter().zip(&self.errors).any(full) && (!recovering || !self.waits_for_recovery())
    }

    fn waits_for_recovery(&self) -> bool {
        !matches!(self.kind, Kind::Naive | Kind::Mixture)
    }

    /// What the gate says with an empty meter: nothing it has seen is evidence.
    fn without_meter(&self, seen: &Seen, rows: usize) -> Evaluation {
        let state = State {
            moved_at: i64::MAX,
            settled_at: Some(seen.step_started_at + self.config.ttl),
            weight: seen.weight,
            bakes_until: Some(seen.step_started_at + HOLD),
            waits_until: Some(seen.step_started_at + MAX_WAIT),
        };
        evaluate(&self.config, &state, &seen.rows[..rows], seen.now)
    }
}

impl Rule for Ablated {
    fn interval(&self) -> i64 {
        30
    }

    fn decide(&mut self, seen: &Seen) -> Decision {
        let basis = (seen.rows.len(), seen.step_started_at, seen.is_held_long_enough());
        match self.decided {
            Some((before, decision)) if before == basis => decision,
            Some(_) | None => {
                let decision = self.look(seen);
                self.decided = Some((basis, decision));
                decision
            }
        }
    }
}

impl Ablated {
    fn look(&mut self, seen: &Seen) -> Decision {
        let mut told = None;
        for at in self.read..seen.rows.len() {
            if seen.rows[at].start + 60 > seen.started_at {
                let evaluation = self.without_meter(seen, at + 1);
                if let Some(limit) = evaluation.limit {
                    self.weigh(&seen.rows[at], limit);
                }
                told = Some(evaluation);
            }
        }
        self.read = seen.rows.len();
        if self.is_full() {
            return Decision::Revert;
        }
        let suspicious = self.evidence.iter().any(|evidence| *evidence >= SUSPICIOUS * self.enough);
        // The newest minute's was made of all of them.
        let told = told.unwrap_or_else(|| self.without_meter(seen, seen.rows.len()));
        match told.code.verdict() {
            Verdict::Fail => Decision::Revert,
            Verdict::Pass if !suspicious => Decision::Advance,
            Verdict::Pass | Verdict::Wait | Verdict::Hold => Decision::Stay,
        }
    }
}
