//! Gates: what the metrics say about the traffic that was moved.
//!
//! A verdict is a pure function of the gate, every datapoint known so far and the clock; nothing is remembered
//! between calls, so late and corrected datapoints simply take their place. Only [`Verdict::Pass`] lets a shift go
//! up. Missing, partial or late data never pass and never fail.

mod source;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::source::{MetricQuery, Point, periods, queries};
use crate::{Share, plan::Gate};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// Not enough evidence yet.
    Wait,
    /// Something is odd: the shift stays where it is.
    Hold,
    Fail,
}

/// Requests and errors of one endpoint in one period. `None` is a datapoint that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub start: Timestamp,
    pub requests: Option<u64>,
    pub errors: Option<u64>,
}

/// One side's periods, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    pub periods: Vec<Period>,
    /// Why these may not be all: such data can fail a gate, but not pass it.
    pub incomplete: Option<String>,
}

/// What was last read for a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateData {
    pub fetched_at: Timestamp,
    pub to: Fetched,
    pub from: Option<Fetched>,
}

/// Where the shift stands, as far as a gate needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// When the present run first moved traffic; `None` before that.
    pub moved_at: Option<Timestamp>,
    /// When the present step's traffic had settled; `None` before that.
    pub settled_at: Option<Timestamp>,
}

/// Sums over the periods that a verdict was made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub requests: u64,
    pub errors: u64,
}

/// A verdict with its sentence and its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    pub name: String,
    pub verdict: Verdict,
    pub code: String,
    pub sentence: String,
    /// The newest periods of the `to` side, settled or not.
    pub recent: Counts,
    /// The newest periods of the `from` side, where the plan names it.
    pub recent_from: Option<Counts>,
    /// The settled periods of the present step.
    pub step: Counts,
    /// The largest error rate allowed, as a ratio.
    pub limit: f64,
    pub min_requests: u64,
}

/// Periods in the window in which a failure is looked for. Five minutes of load balancer metrics: long enough to
/// gather requests at a small share, short enough that an old failure does not hide a recovery.
pub const RECENT_PERIODS: i32 = 5;

/// Periods in the observed share: resolvers choose a side once in a TTL, so that it takes some for the choices to
/// even out.
const OBSERVED_PERIODS: i32 = 10;

/// Likewise while the traffic follows new weights: enough to have a number, few enough to see it move.
const UNSETTLED_PERIODS: i32 = 2;

/// Closed periods without a datapoint after which the data count as missing rather than sparse.
const MISSING_PERIODS: i32 = 3;

/// Data read longer ago than this, or than two periods, say nothing about now.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(120);

pub fn judge(gate: &Gate, data: Option<&GateData>, standing: Standing, now: Timestamp) -> GateReport {
    let mut report = GateReport {
        name: gate.name.clone(),
        verdict: Verdict::Hold,
        code: String::new(),
        sentence: String::new(),
        recent: Counts::default(),
        recent_from: None,
        step: Counts::default(),
        limit: gate.max_error_rate.ratio(),
        min_requests: gate.min_requests,
    };
    let (verdict, code, sentence) = match data {
        // The first read is on its way: nothing is odd, and nothing passes.
        None => (Verdict::Wait, "unread", "no metrics have been read yet".to_owned()),
        Some(data) => weigh(gate, data, standing, now, &mut report),
    };
    report.verdict = verdict;
    report.code = code.to_owned();
    report.sentence = sentence;
    report
}

/// The share of requests that reached the `to` side lately: since the traffic settled, or just now while it has not.
/// `None` where it cannot be known.
pub fn observed_share(gate: &Gate, data: &GateData, standing: Standing, now: Timestamp) -> Option<Share> {
    let from_source = gate.error_rate.from.as_ref()?;
    let newest = if standing.settled_at.is_some() { OBSERVED_PERIODS } else { UNSETTLED_PERIODS };
    let settled = standing.settled_at.unwrap_or(Timestamp::MIN);
    let lately = |side: &Fetched, period: SignedDuration| {
        let since = now - gate.metric_delay.0 - period * newest;
        // The period in which it settled counts while there is no newer one.
        sum(&side.periods, |p| p.start >= since && p.start + period > settled)
    };
    let to = lately(&data.to, gate.error_rate.to.period());
    let from = lately(data.from.as_ref()?, from_source.period());
    let whole = to.requests + from.requests;
    (whole > 0).then(|| Share::of(to.requests, whole))
}

fn weigh(
    gate: &Gate,
    data: &GateData,
    standing: Standing,
    now: Timestamp,
    report: &mut GateReport,
) -> (Verdict, &'static str, String) {
    let period = gate.error_rate.to.period();
    let recent_since = now - period * RECENT_PERIODS - gate.metric_delay.0;
    report.recent_from = match (&data.from, &gate.error_rate.from) {
        (Some(from), Some(source)) => {
            let since = now - source.period() * RECENT_PERIODS - gate.metric_delay.0;
            Some(sum(&from.periods, |p| p.start >= since))
        }
        (Some(_), None) | (None, _) => None,
    };
    let Some(moved_at) = standing.moved_at else {
        report.recent = sum(&data.to.periods, |p| p.start >= recent_since);
        return before_the_first_step(data, report.recent_from, now, period);
    };

    // Everything that came after the move counts against: closed or not, settled or not, complete or not.
    let counts_against = |p: &Period| p.start >= recent_since && p.start + period > moved_at;
    report.recent = sum(&data.to.periods, counts_against);
    let proves = |p: &Period| {
        standing.settled_at.is_some_and(|settled| p.start >= settled) && closed(p, period, gate, now)
    };
    report.step = sum(&data.to.periods, proves);
    let (recent, step) = (report.recent, report.step);

    // Few requests are judged as if there had been `min_requests`, so that one error in one request is not 100 %.
    if exceeds(recent, gate.min_requests, report.limit) {
        return (
            Verdict::Fail,
            "errors",
            format!("{}, above the limit of {}", rate(recent), gate.max_error_rate),
        );
    }
    if let Some(why) = untrustworthy(data, now, period) {
        return (Verdict::Hold, "no_data", why);
    }
    let newest_closed = now - gate.metric_delay.0 - period;
    let oldest_of_missing = newest_closed - period * (MISSING_PERIODS - 1);
    if oldest_of_missing > moved_at
        && !data.to.periods.iter().any(|p| p.start > oldest_of_missing - period && has_data(p))
    {
        let sentence = format!("no datapoint of the `to` side in the last {MISSING_PERIODS} closed periods");
        return (Verdict::Hold, "no_data", sentence);
    }
    if exceeds(step, gate.min_requests, report.limit) {
        let sentence = format!(
            "{} since the step settled, above the limit of {}, though not in the newest minutes",
            rate(step),
            gate.max_error_rate
        );
        return (Verdict::Hold, "above_limit", sentence);
    }
    if standing.settled_at.is_none() {
        return (Verdict::Wait, "settling", format!("{}; the step has not settled", rate(recent)));
    }
    if step.requests < gate.min_requests {
        let sentence = format!(
            "{} of the {} requests wanted in closed periods since the step settled",
            step.requests, gate.min_requests
        );
        return (Verdict::Wait, "few_requests", sentence);
    }
    (Verdict::Pass, "healthy", format!("{}, within the limit of {}", rate(step), gate.max_error_rate))
}

/// Nothing has been moved, so there is nothing to judge; but metrics that cannot be read now could not be read
/// after the first step either, and a legacy side without data means that the plan names the wrong metric.
fn before_the_first_step(
    data: &GateData,
    recent_from: Option<Counts>,
    now: Timestamp,
    period: SignedDuration,
) -> (Verdict, &'static str, String) {
    if let Some(why) = untrustworthy(data, now, period) {
        return (Verdict::Hold, "no_data", why);
    }
    match recent_from {
        Some(Counts { requests: 0, .. }) => {
            let sentence =
                "the `from` side shows no requests: are its metric and dimensions right?".to_owned();
            (Verdict::Hold, "no_data", sentence)
        }
        Some(_) | None => (Verdict::Pass, "nothing_moved", "no traffic has been moved yet".to_owned()),
    }
}

fn untrustworthy(data: &GateData, now: Timestamp, period: SignedDuration) -> Option<String> {
    let sides = [Some(&data.to), data.from.as_ref()];
    if let Some(why) = sides.into_iter().flatten().find_map(|side| side.incomplete.as_ref()) {
        return Some(format!("the metrics are incomplete: {why}"));
    }
    let age = now.duration_since(data.fetched_at);
    (age > STALE_AFTER.max(period * 2)).then(|| format!("the metrics were last read {} s ago", age.as_secs()))
}

fn closed(p: &Period, period: SignedDuration, gate: &Gate, now: Timestamp) -> bool {
    p.start + period + gate.metric_delay.0 <= now
}

fn has_data(p: &Period) -> bool {
    p.requests.is_some() || p.errors.is_some()
}

fn exceeds(counts: Counts, min_requests: u64, limit: f64) -> bool {
    counts.errors as f64 > limit * counts.requests.max(min_requests) as f64
}

fn sum(periods: &[Period], counted: impl Fn(&Period) -> bool) -> Counts {
    periods.iter().filter(|p| counted(p)).fold(Counts::default(), |total, p| {
        let errors = p.errors.unwrap_or(0);
        // A load balancer does not count a request for which it had no target, but does count its error.
        let requests = p.requests.unwrap_or(0).max(errors);
        Counts { requests: total.requests + requests, errors: total.errors + errors }
    })
}

fn rate(counts: Counts) -> String {
    if counts.requests == 0 {
        return "no requests".to_owned();
    }
    let percent = 100.0 * counts.errors as f64 / counts.requests as f64;
    format!("{} errors in {} requests ({percent:.2} %)", counts.errors, counts.requests)
}
