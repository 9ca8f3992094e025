//! The judgement itself: from counts to a code and its numbers.
//!
//! A pure function of everything known so far and the clock, so a restart, a late datapoint or a corrected one needs no
//! special care. What `memory` keeps between calls only spares work.

use super::{
    Verdict,
    clean::{self, Closed},
    limits::{self, Baseline, Increase},
    meter::{HIGHEST_LIMIT, Meter, Scored},
    proof::{self, Step},
    signs::{self, Silence},
};

/// What a gate asks for. Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub period: i64,
    /// How long after its end a period's datapoints are taken to be complete.
    pub metric_delay: i64,
    /// Of the records.
    pub ttl: i64,
    pub max_error_rate: Option<f64>,
    pub tolerated_increase: Option<Increase>,
    pub false_alarms_per_day: f64,
    /// Gates that share the false alarms.
    pub gates: u32,
    pub min_requests: u64,
    pub min_errors: u64,
    /// The correlation of two requests of the same period.
    pub burstiness: f64,
    /// Equally busy resolvers that would spread the traffic as the real ones do.
    pub resolvers: u32,
}

/// Where the shift stands. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// When traffic was first moved; the period in which it was counts.
    pub moved_at: i64,
    /// From here on periods belong to the present step. `None` while it is being written.
    pub settled_at: Option<i64>,
    /// The part of the traffic that is meant for the `to` side.
    pub weight: f64,
    /// The step does not pass before this.
    pub bakes_until: Option<i64>,
    /// A step that has not passed by then is stalled.
    pub waits_until: Option<i64>,
}

/// What is known of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub start: i64,
    pub to: Reading,
    pub from: Reading,
}

/// The datapoints of one side; `None` is one that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub requests: Option<u64>,
    pub errors: Option<u64>,
}

/// Why a verdict is what it is. Stable: alerts and runbooks name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Healthy,
    Settling,
    Baking,
    FewPeriods,
    FewRequests,
    NotProven,
    Stalled,
    Share,
    SharedOutage,
    Suspicious,
    NoBaseline,
    NoData,
    StalledBad,
    Silence,
    Errors,
}

/// A judgement with the numbers it rests on. Rates are ratios.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub code: Code,
    /// How full the meter is: at 1 the gate fails.
    pub score: f64,
    /// What fills the meter, in nats.
    pub threshold: f64,
    /// Above this the newest period counts against the `to` side. `None` where there is nothing to measure it by.
    pub limit: Option<f64>,
    /// The usual rate of the `from` side.
    pub baseline: Option<f64>,
    /// Below this the step is healthy.
    pub advance_limit: Option<f64>,
    /// Requests and errors that the proof of health is made of, and the periods they came in.
    pub requests: u64,
    pub errors: u64,
    pub periods: u32,
    /// The step's error rate is below this.
    pub upper_bound: Option<f64>,
    pub observed: Option<Observed>,
    /// The newest period that was judged.
    pub newest: Option<Scored>,
    /// The newest period is clearly better than the one before.
    pub recovering: bool,
    /// Whether the `to` side has a datapoint in the newest closed periods.
    pub heard: bool,
    pub silence: Option<Silence>,
    /// Periods like these before it would be proven.
    pub periods_to_go: Option<u64>,
    /// What a stalled step still lacks.
    pub lacks: Option<Code>,
    /// The error rate of the whole step and its limit, where it is stalled.
    pub stalled: Option<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    pub share: f64,
    /// How far that may be from what is meant.
    pub tolerance: f64,
}

/// Settled periods with traffic that a proof is made of at least: one period is one burst.
pub(super) const PROOF_PERIODS_MIN: u32 = 5;

/// From this part of the meter on, it is not the moment to go up.
const SUSPICIOUS: f64 = 0.25;

pub fn evaluate(config: &Config, state: &State, rows: &[Row], now: i64) -> Evaluation {
    let closed = clean::closed(config, rows, now);
    let mut course = Course::new(config);
    for period in &closed {
        course.measure(config, period);
        course.weigh(config, state, period);
    }
    conclude(config, state, &closed, &course, now)
}

/// What closed periods, one after the other, have come to.
#[derive(Clone, Debug)]
pub(super) struct Course {
    baseline: Baseline,
    /// By which the newest was measured.
    pub(super) limit: Option<f64>,
    pub(super) meter: Meter,
}

impl Course {
    pub(super) fn new(config: &Config) -> Course {
        Course { baseline: Baseline::default(), limit: None, meter: Meter::new(config) }
    }

    /// Takes a period into account for what is usual. To be followed by [`Course::weigh`].
    pub(super) fn measure(&mut self, config: &Config, period: &Closed) {
        self.baseline.add(period.from, period.to.unwrap_or_default().requests);
        self.limit = limits::failing(config, self.baseline.excused());
    }

    /// Takes it into account as evidence.
    pub(super) fn weigh(&mut self, config: &Config, state: &State, period: &Closed) {
        let to = period.to.unwrap_or_default();
        if period.start.saturating_add(config.period) <= state.moved_at || to.requests == 0 {
            return;
        }
        if let Some(limit) = self.limit.filter(|limit| *limit < HIGHEST_LIMIT) {
            let scored = Scored { start: period.start, requests: to.requests, errors: to.errors };
            self.meter.weigh(scored, limit);
        }
    }
}

/// What follows from the closed periods, and what they have come to.
pub(super) fn conclude(
    config: &Config,
    state: &State,
    closed: &[Closed],
    course: &Course,
    now: i64,
) -> Evaluation {
    let Course { baseline, limit, meter } = course;
    let settled = match state.settled_at {
        Some(settled_at) => &closed[closed.partition_point(|period| period.start < settled_at)..],
        None => &[],
    };
    let advance_limit = limits::healthy(config, baseline.usual());
    let step = proof::newest(config, settled, advance_limit);
    let mut evaluation = Evaluation {
        code: Code::Healthy,
        score: meter.score(),
        threshold: meter.threshold(),
        limit: *limit,
        baseline: baseline.usual(),
        advance_limit,
        requests: step.to.requests,
        errors: step.to.errors,
        periods: step.periods,
        upper_bound: step.upper_bound(),
        observed: signs::observed(config, state, settled),
        newest: meter.newest(),
        recovering: meter.is_recovering(),
        heard: signs::is_heard(config, closed, now),
        silence: signs::silence(config, state, settled),
        periods_to_go: advance_limit.and_then(|limit| step.periods_to_go(limit)),
        lacks: None,
        stalled: None,
    };
    let lacks = lacking(config, state, &step, now, &evaluation);
    let waited = state.waits_until.is_some_and(|until| now >= until);
    if waited && lacks.is_some_and(|lacks| lacks != Code::Baking) {
        evaluation.lacks = lacks;
        evaluation.stalled = stalled(config, settled, baseline);
    }
    let code = verdict(config, state, closed, meter, now, &evaluation);
    let stalled = evaluation.lacks.map(|_| Code::Stalled);
    evaluation.code = code.or(stalled).or(lacks).unwrap_or(Code::Healthy);
    evaluation
}

/// What stands against the step; the first that matches.
fn verdict(
    config: &Config,
    state: &State,
    closed: &[Closed],
    meter: &Meter,
    now: i64,
    evaluation: &Evaluation,
) -> Option<Code> {
    if meter.is_full(config.min_errors) && !evaluation.recovering {
        return Some(Code::Errors);
    }
    if evaluation.silence.is_some() {
        return Some(Code::Silence);
    }
    if signs::is_without_data(config, state, closed, now) {
        return Some(Code::NoData);
    }
    let Some(advance_limit) = evaluation.advance_limit else { return Some(Code::NoBaseline) };
    // Before what only holds: more errors in the newest period must not spare a step that is bad without them.
    if evaluation.stalled.is_some() {
        return Some(Code::StalledBad);
    }
    if evaluation.score >= SUSPICIOUS {
        return Some(Code::Suspicious);
    }
    let newest = closed.last().and_then(|period| period.to).filter(|to| to.requests > 0);
    if newest.is_some_and(|to| to.rate() > advance_limit)
        && evaluation.limit.is_some_and(|limit| limit > advance_limit)
    {
        return Some(Code::SharedOutage);
    }
    let off = evaluation.observed.is_some_and(|seen| (seen.share - state.weight).abs() > seen.tolerance);
    off.then_some(Code::Share)
}

/// What the proof of health still lacks.
fn lacking(config: &Config, state: &State, step: &Step, now: i64, evaluation: &Evaluation) -> Option<Code> {
    let bounds = evaluation.upper_bound.zip(evaluation.advance_limit);
    let proven = bounds.is_some_and(|(bound, limit)| bound < limit);
    if state.bakes_until.is_some_and(|until| now < until) {
        Some(Code::Baking)
    } else if state.settled_at.is_none_or(|settled| now < settled) {
        Some(Code::Settling)
    } else if step.periods < PROOF_PERIODS_MIN {
        Some(Code::FewPeriods)
    } else if step.to.requests < config.min_requests {
        Some(Code::FewRequests)
    } else if !proven {
        Some(Code::NotProven)
    } else {
        None
    }
}

/// The error rate of the whole step and its limit, if it is clearly above it.
fn stalled(config: &Config, settled: &[Closed], baseline: &Baseline) -> Option<(f64, f64)> {
    let step = proof::whole(config, settled);
    let live = limits::rate_of_step(step.from, step.to.requests);
    let limit = limits::failing(config, live.or_else(|| baseline.usual()))?;
    let above = step.lower_bound().is_some_and(|bound| bound > limit);
    (step.to.errors >= config.min_errors && above).then(|| (step.to.rate(), limit))
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Healthy => "healthy",
            Code::Settling => "settling",
            Code::Baking => "baking",
            Code::FewPeriods => "few_minutes",
            Code::FewRequests => "few_requests",
            Code::NotProven => "not_proven",
            Code::Stalled => "stalled",
            Code::Share => "share",
            Code::SharedOutage => "shared_outage",
            Code::Suspicious => "suspicious",
            Code::NoBaseline => "no_baseline",
            Code::NoData => "no_data",
            Code::StalledBad => "stalled_bad",
            Code::Silence => "silence",
            Code::Errors => "errors",
        }
    }

    pub fn verdict(self) -> Verdict {
        match self {
            Code::Healthy => Verdict::Pass,
            Code::Settling | Code::Baking | Code::FewPeriods | Code::FewRequests | Code::NotProven => {
                Verdict::Wait
            }
            Code::Stalled
            | Code::Share
            | Code::SharedOutage
            | Code::Suspicious
            | Code::NoBaseline
            | Code::NoData => Verdict::Hold,
            Code::StalledBad | Code::Silence | Code::Errors => Verdict::Fail,
        }
    }
}
