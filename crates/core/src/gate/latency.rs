//! Whether the `to` side answers as fast as it should, by a percentile of each period.
//!
//! Percentiles of periods cannot be added up, so periods vote: the newest ones that hold enough samples together, at
//! least five. More than half of them above their limit fail the gate, more than a third hold it. A period with few
//! requests has a percentile that is little more than its slowest request; that it takes a majority makes up for it.
//! A slower newest period never makes the verdict milder, because which periods vote does not depend on latencies.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Numbers, STALE_AFTER, Standing, Timing, Told, Verdict};
use crate::plan::{Latency, Percentile};

/// Periods that vote, at least.
const VOTES_MIN: usize = 5;

/// Periods further back than this say little about now, however few samples they have.
const VOTES_MAX: usize = 60;

/// Periods that make up what is usual on the `from` side.
const USUAL: usize = 60;

/// A side that carries less of the traffic than this says little about how it usually is.
const LIVE_SHARE: f64 = 0.05;

/// Closed periods without a datapoint after which nothing is known.
const SILENT: i32 = 3;

/// One side's periods, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timed {
    pub periods: Vec<Timing>,
    /// Why these may not be all: such data can fail a gate, but not pass it.
    pub incomplete: Option<String>,
}

/// What was last read for a gate that asks for latency.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyData {
    pub fetched_at: Timestamp,
    pub to: Timed,
    pub from: Option<Timed>,
}

/// The numbers of a gate that asks for latency. Latencies are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencyNumbers {
    pub percentile: Percentile,
    /// The newest closed period of the `to` side.
    pub latency_seconds: Option<f64>,
    /// Above this the newest period counts against the `to` side.
    pub limit_seconds: Option<f64>,
    /// What is usual on the `from` side.
    #[serde(default)]
    pub baseline_seconds: Option<f64>,
    /// How many of the periods that count now were above their limit.
    pub slow_periods: u64,
    pub periods: u64,
    /// Requests of this step that the gate can pass on, and how many it takes.
    pub samples: u64,
    pub min_samples: u64,
}

pub(super) fn judge(gate: &Latency, data: Option<&LatencyData>, standing: Standing, now: Timestamp) -> Told {
    let mut numbers = LatencyNumbers {
        percentile: gate.percentile,
        latency_seconds: None,
        limit_seconds: gate.max_latency.map(|span| span.0.as_secs_f64()),
        baseline_seconds: None,
        slow_periods: 0,
        periods: 0,
        samples: 0,
        min_samples: gate.percentile.samples_needed(),
    };
    let (verdict, code, sentence) = match data {
        None => (Verdict::Wait, "unread", "no metrics have been read yet".to_owned()),
        Some(data) => weigh(gate, data, standing, now, &mut numbers),
    };
    Told { verdict, code: code.to_owned(), sentence, numbers: Numbers::Latency(numbers) }
}

type Word = (Verdict, &'static str, String);

fn weigh(
    gate: &Latency,
    data: &LatencyData,
    standing: Standing,
    now: Timestamp,
    numbers: &mut LatencyNumbers,
) -> Word {
    let untrusted = untrustworthy(gate, data, now).map(|why| (Verdict::Hold, "no_data", why));
    let Some(moved_at) = standing.moved_at else {
        let moved = || (Verdict::Pass, "nothing_moved", "no traffic has been moved yet".to_owned());
        return untrusted.or_else(|| no_usual(gate, data, now)).unwrap_or_else(moved);
    };
    let scale = Scale::of(gate, data, now);
    numbers.baseline_seconds = scale.usual;
    let heard = closed(&data.to, gate.latency.to.period(), gate, now);
    let heard = after(heard, |timing| timing.start + gate.latency.to.period() > moved_at);
    if let Some(newest) = heard.last() {
        numbers.latency_seconds = Some(newest.seconds);
        numbers.limit_seconds = scale.limit(newest).or(scale.strict);
    }
    // Against it count all periods since traffic was moved, for it those of the settled step alone.
    let against = Vote::of(heard, &scale, numbers.min_samples);
    numbers.slow_periods = against.slow;
    numbers.periods = against.periods;
    let settled = |timing: &Timing| standing.settled_at.is_some_and(|settled| timing.start >= settled);
    let proof = Vote::of(after(heard, settled), &scale, numbers.min_samples);
    numbers.samples = proof.samples;
    if against.complete && 2 * against.slow > against.periods {
        return (Verdict::Fail, "latency", slow(gate, &against, numbers));
    }
    if let Some(held) = untrusted.or_else(|| silent(gate, data, moved_at, now)) {
        return held;
    }
    if scale.strict.is_none() && gate.max_latency.is_none() {
        let sentence =
            "the `from` side has too few requests to compare with, and there is no max_latency".to_owned();
        return (Verdict::Hold, "no_baseline", sentence);
    }
    if 3 * against.over > against.periods && against.complete {
        return if 3 * against.slow > against.periods {
            (Verdict::Hold, "suspicious", slow(gate, &against, numbers))
        } else {
            let sentence =
                "the `to` side is slow, but so is the `from` side: going back would not help".to_owned();
            (Verdict::Hold, "shared_outage", sentence)
        };
    }
    let (code, lacks) = match standing.settled_at {
        None => ("settling", "the traffic has not settled on the new weights".to_owned()),
        Some(_) if proof.periods < VOTES_MIN as u64 => {
            ("few_minutes", format!("{} of {VOTES_MIN} settled periods with requests", proof.periods))
        }
        Some(_) if !proof.complete => {
            let (percentile, needed) = (gate.percentile, numbers.min_samples);
            ("few_requests", format!("{} of the {needed} requests that a {percentile} takes", proof.samples))
        }
        Some(_) if 3 * proof.over > proof.periods => ("not_proven", slow(gate, &proof, numbers)),
        Some(_) if !recently(heard, gate, now) => {
            let why = "the `to` side has no datapoint in the newest closed periods".to_owned();
            return (Verdict::Hold, "no_data", why);
        }
        Some(_) => return (Verdict::Pass, "healthy", fast(gate, &proof, numbers)),
    };
    if standing.waits_until.is_some_and(|until| now >= until) {
        return (Verdict::Hold, "stalled", format!("not proven fast in time: {lacks}"));
    }
    (Verdict::Wait, code, lacks)
}

/// What periods are measured by.
struct Scale<'a> {
    usual: Option<f64>,
    ratio: Option<f64>,
    /// The limit while the `from` side is as usual. `None` is no limit, for lack of anything to compare with.
    strict: Option<f64>,
    /// Closed, oldest first.
    from: &'a [Timing],
    to: &'a [Timing],
    period: SignedDuration,
}

impl<'a> Scale<'a> {
    fn of(gate: &Latency, data: &'a LatencyData, now: Timestamp) -> Scale<'a> {
        let ceiling = gate.max_latency.map(|span| span.0.as_secs_f64());
        let sides = gate.latency.from.as_ref().zip(data.from.as_ref());
        let (from, period) = sides.map_or((&[][..], SignedDuration::ZERO), |(source, side)| {
            (closed(side, source.period(), gate, now), source.period())
        });
        let mut scale = Scale { usual: None, ratio: None, strict: None, from, to: &data.to.periods, period };
        let live = from.iter().rev().filter(|timing| scale.is_live(timing));
        let newest: Vec<&Timing> = live.take(USUAL).collect();
        let samples = newest.iter().fold(0_u64, |sum, timing| sum.saturating_add(timing.samples));
        let enough = samples >= gate.percentile.samples_needed();
        let usual = enough.then(|| median(newest.iter().map(|timing| timing.seconds))).flatten();
        let ratio = gate.tolerated_ratio();
        let compared = usual.zip(ratio).map(|(usual, ratio)| usual * ratio);
        let strict = match (ceiling, compared) {
            (Some(ceiling), Some(compared)) => Some(ceiling.min(compared)),
            (one, other) => one.or(other),
        };
        (scale.usual, scale.ratio, scale.strict) = (usual, ratio, strict);
        scale
    }

    /// Whether the `from` side carried enough of the traffic in one of its periods.
    fn is_live(&self, timing: &Timing) -> bool {
        let end = timing.start + self.period;
        let to = after(self.to, |other| other.start >= timing.start).iter();
        let to: f64 = to.take_while(|other| other.start < end).map(|other| other.samples as f64).sum();
        let served = timing.samples as f64;
        served >= LIVE_SHARE * (served + to)
    }

    /// The limit of one period: when the `from` side is slow in the very period, it rises with it.
    fn limit(&self, timing: &Timing) -> Option<f64> {
        let strict = self.strict?;
        let earlier = &self.from[..self.from.partition_point(|from| from.start <= timing.start)];
        let is_near = |from: &&Timing| timing.start.duration_since(from.start) < SignedDuration::from_mins(5);
        let near = earlier.iter().rev().take_while(is_near).find(|from| self.is_live(from));
        let lifted = near.zip(self.ratio).map_or(0.0, |(from, ratio)| from.seconds * ratio);
        Some(strict.max(lifted))
    }
}

/// What the newest periods say, as many as it takes to have enough samples.
struct Vote {
    periods: u64,
    samples: u64,
    /// Above their limits.
    slow: u64,
    /// Above the limit that would hold if the `from` side were as usual.
    over: u64,
    /// There were periods and samples enough.
    complete: bool,
}

impl Vote {
    fn of(timings: &[Timing], scale: &Scale<'_>, samples_needed: u64) -> Vote {
        let mut vote = Vote { periods: 0, samples: 0, slow: 0, over: 0, complete: false };
        for timing in timings.iter().rev().take(VOTES_MAX) {
            vote.periods += 1;
            vote.samples = vote.samples.saturating_add(timing.samples);
            vote.slow += u64::from(scale.limit(timing).is_some_and(|limit| timing.seconds > limit));
            vote.over += u64::from(scale.strict.is_some_and(|strict| timing.seconds > strict));
            vote.complete = vote.periods >= VOTES_MIN as u64 && vote.samples >= samples_needed;
            if vote.complete {
                break;
            }
        }
        vote
    }
}

/// Periods that are over for long enough to be complete.
fn closed<'a>(side: &'a Timed, period: SignedDuration, gate: &Latency, now: Timestamp) -> &'a [Timing] {
    let open = |timing: &Timing| timing.start + period + gate.metric_delay.0 > now;
    &side.periods[..side.periods.len() - after(&side.periods, open).len()]
}

/// From the first period on of which this is so; it is so of all later ones.
fn after(periods: &[Timing], is: impl Fn(&Timing) -> bool) -> &[Timing] {
    &periods[periods.partition_point(|timing| !is(timing))..]
}

/// Metrics that cannot be read now could not be read after the first step either, and a legacy side without data means
/// that the plan names the wrong metric.
fn no_usual(gate: &Latency, data: &LatencyData, now: Timestamp) -> Option<Word> {
    let source = gate.latency.from.as_ref()?;
    let known = data.from.as_ref().is_some_and(|side| !closed(side, source.period(), gate, now).is_empty());
    let sentence = "the `from` side shows no latencies: are its metric and dimensions right, and is the metric \
                    published value by value?";
    (!known).then(|| (Verdict::Hold, "no_data", sentence.to_owned()))
}

/// Nothing of either side, though there should be.
fn silent(gate: &Latency, data: &LatencyData, moved_at: Timestamp, now: Timestamp) -> Option<Word> {
    let period = gate.latency.to.period();
    let since = now - gate.metric_delay.0 - period * (SILENT + 1);
    let spoke = |side: &Timed| side.periods.last().is_some_and(|timing| timing.start >= since);
    if moved_at > since || spoke(&data.to) || data.from.as_ref().is_some_and(spoke) {
        return None;
    }
    let sentence = format!("no datapoint of either side in the last {SILENT} closed periods");
    Some((Verdict::Hold, "no_data", sentence))
}

fn recently(heard: &[Timing], gate: &Latency, now: Timestamp) -> bool {
    let since = now - gate.metric_delay.0 - gate.latency.to.period() * (SILENT + 1);
    heard.last().is_some_and(|timing| timing.start >= since)
}

fn untrustworthy(gate: &Latency, data: &LatencyData, now: Timestamp) -> Option<String> {
    let sides = [Some(&data.to), data.from.as_ref()];
    if let Some(why) = sides.into_iter().flatten().find_map(|side| side.incomplete.as_ref()) {
        return Some(format!("the metrics are incomplete: {why}"));
    }
    let age = now.duration_since(data.fetched_at);
    let stale = age > STALE_AFTER.max(gate.latency.to.period() * 2);
    stale.then(|| format!("the metrics were last read {} s ago", age.as_secs()))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn slow(gate: &Latency, vote: &Vote, numbers: &LatencyNumbers) -> String {
    format!(
        "{} was above its limit in {} of {} periods (latest {}, limit {})",
        gate.percentile,
        vote.over.max(vote.slow),
        vote.periods,
        shown(numbers.latency_seconds),
        shown(numbers.limit_seconds)
    )
}

fn fast(gate: &Latency, vote: &Vote, numbers: &LatencyNumbers) -> String {
    format!(
        "{} was above its limit in {} of {} periods, over {} requests (latest {}, limit {})",
        gate.percentile,
        vote.over,
        vote.periods,
        vote.samples,
        shown(numbers.latency_seconds),
        shown(numbers.limit_seconds)
    )
}

/// As anybody would say it: 0.8123 as 812 ms.
fn shown(seconds: Option<f64>) -> String {
    match seconds {
        None => "unknown".to_owned(),
        Some(seconds) if seconds < 0.01 => format!("{:.1} ms", seconds * 1_000.0),
        Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1_000.0),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}
