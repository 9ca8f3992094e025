//! The tail: what the side that the traffic has left still gets, how fast that falls, and when it is so little that
//! the side is safe to decommission.
//!
//! A load balancer without requests publishes nothing, just as one whose metrics are lost. So a minute without a
//! datapoint of the losing side is one without requests if the other side has one, and unknown if neither has.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Answer, GateData,
    evaluate::{Reading, Row},
    judge::{common, period},
    rows,
    sentence::grouped,
};
use crate::{
    Share,
    plan::{Decommission, Errors},
    shift::{Phase, Shift},
};

/// Minutes that make up "now".
const NOW_SECONDS: i64 = 300;

/// Half-lives are measured over the newest half of the time since the side lost its weights, so that what follows the
/// TTL and what lingers for days are both seen; over no less than so many periods, and no longer than this.
const FALL_PERIODS: usize = 10;
const FALL_SECONDS: i64 = 6 * 3_600;

/// A fall of fewer standard deviations may be none.
const FALL_DEVIATIONS: f64 = 2.0;

/// Of the time asked for, so much has to be known.
const KNOWN: f64 = 0.9;

/// CloudWatch keeps minutes for 15 days.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>
const REMEMBERED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A side of a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    From,
    To,
}

/// What the side that the traffic has left still gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tail {
    pub side: Side,
    /// The end of the newest minute in this; `None` before there is one.
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// The mean of the last five minutes. `None` where neither side has a datapoint in them.
    pub requests_per_minute: Option<f64>,
    /// How long it takes to fall by half. `None` where it does not clearly fall, or cannot be told.
    pub half_life_seconds: Option<u64>,
    /// Since when it has been as low as the plan's `decommission` wants it, for as long. `None` while it is not.
    #[schemars(with = "Option<String>")]
    pub safe_since: Option<Timestamp>,
    pub sentence: String,
}

/// The side that the traffic has left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losing<'a> {
    pub side: Side,
    /// From when on no name server has answered with it.
    pub since: Timestamp,
    /// Before that, a revert may need the side any minute, and nothing is safe to decommission.
    pub ended: bool,
    /// The name of the gate that counts its requests, and that gate.
    pub gate: &'a str,
    pub errors: &'a Errors,
}

impl Losing<'_> {
    /// From when on its metrics are of use.
    pub fn read_from(&self, now: Timestamp) -> Timestamp {
        self.since.max(now - REMEMBERED)
    }
}

/// Which side the traffic has left: at 100 % and after a revert, until the records are given up. `None` too where no
/// gate counts that side's requests, or where the zone had both sides in use before the shift began.
pub fn losing(shift: &Shift) -> Option<Losing<'_>> {
    let (side, since) = match shift.phase {
        Phase::Running { .. } | Phase::Completed { finalized: false, .. } => {
            let settled_at = shift.settled_at.filter(|_| shift.landed.ppm() == Share::WHOLE)?;
            (Side::From, settled_at - shift.settling())
        }
        Phase::Reverted { at, finalized: false } if shift.landed == Share::ZERO => (Side::To, at),
        Phase::Reverted { .. }
        | Phase::Completed { .. }
        | Phase::Scheduled
        | Phase::Reverting { .. }
        | Phase::Cancelled { .. } => return None,
    };
    let counting = || shift.plan.gates.iter().filter_map(|gate| Some((gate.name.as_str(), gate.errors()?)));
    let both = counting().find(|(_, errors)| errors.error_rate.from.is_some());
    let (gate, errors) = match side {
        Side::From => both?,
        Side::To => both.or_else(|| counting().next())?,
    };
    let ended = shift.next_step().is_none();
    Some(Losing { side, since, ended, gate, errors })
}

/// The tail as the metrics that were last read show it; `None` where there is none to see.
pub fn tail(shift: &Shift, answers: &BTreeMap<String, Answer>, now: Timestamp) -> Option<Tail> {
    let losing = losing(shift)?;
    let data = answers.get(losing.gate).and_then(Answer::counts)?;
    Some(seen(&losing, data, shift.plan.decommission(), now))
}

fn seen(losing: &Losing<'_>, data: &GateData, wanted: Decommission, now: Timestamp) -> Tail {
    let timeline = Timeline::new(losing, data, now);
    let requests_per_minute = timeline.now(timeline.len());
    let half_life_seconds = timeline.half_life();
    let safe_since = losing.ended.then(|| timeline.safe_since(wanted)).flatten();
    let mut tail = Tail {
        side: losing.side,
        at: (timeline.len() > 0).then(|| timeline.end(timeline.len())),
        requests_per_minute,
        half_life_seconds,
        safe_since,
        sentence: String::new(),
    };
    tail.sentence = sentence(losing, &tail, wanted);
    tail
}

/// Requests of the losing side, period by period, without gaps.
struct Timeline {
    begins: i64,
    period: i64,
    /// `None` is unknown.
    requests: Vec<Option<u64>>,
    /// Before each period: requests, and periods that are known.
    before: Vec<(u64, usize)>,
}

impl Timeline {
    /// In whole minutes, or in the gate's periods where those are longer.
    fn new(losing: &Losing<'_>, data: &GateData, now: Timestamp) -> Timeline {
        let period = common(period(losing.errors), 60);
        let mut rows = rows::since(None, period, data).into_iter().peekable();
        let complete = match losing.side {
            Side::From => data.from.as_ref().is_some_and(|from| from.incomplete.is_none()),
            Side::To => data.to.incomplete.is_none(),
        };
        // What ended shortly before the last read may not have been there yet.
        let until = data.fetched_at.min(now).as_second() - losing.errors.metric_delay.0.as_secs();
        let begins = -(-losing.read_from(now).as_second()).div_euclid(period) * period;
        let count = usize::try_from((until - begins).div_euclid(period)).unwrap_or(0);
        let at = |i: usize| begins + i as i64 * period;
        let requests: Vec<Option<u64>> = (0..count)
            .map(|i| {
                while rows.next_if(|row| row.start < at(i)).is_some() {}
                let Row { to, from, .. } = rows.next_if(|row| row.start == at(i)).unwrap_or_default();
                let (own, other) = match losing.side {
                    Side::From => (from, to),
                    Side::To => (to, from),
                };
                let is_there = |reading: Reading| reading != Reading::default();
                if is_there(own) {
                    return Some(own.requests.unwrap_or(0).max(own.errors.unwrap_or(0)));
                }
                (complete && is_there(other)).then_some(0)
            })
            .collect();
        let mut before = vec![(0, 0)];
        let mut sum = (0_u64, 0);
        for known in &requests {
            sum = (sum.0.saturating_add(known.unwrap_or(0)), sum.1 + usize::from(known.is_some()));
            before.push(sum);
        }
        Timeline { begins, period, requests, before }
    }

    fn len(&self) -> usize {
        self.requests.len()
    }

    /// When the first so many periods were over.
    fn end(&self, periods: usize) -> Timestamp {
        Timestamp::from_second(self.begins + periods as i64 * self.period).unwrap_or(Timestamp::MAX)
    }

    fn periods(&self, seconds: i64) -> usize {
        usize::try_from((seconds + self.period - 1) / self.period).unwrap_or(0).max(1)
    }

    /// Requests a minute, and known periods, in the `count` periods before `end`.
    fn mean(&self, end: usize, count: usize) -> Option<(f64, usize)> {
        let (new, old) = (self.before.get(end)?, self.before.get(end.saturating_sub(count))?);
        let (requests, known) = (new.0 - old.0, new.1 - old.1);
        (known > 0).then(|| (requests as f64 / known as f64 * 60.0 / self.period as f64, known))
    }

    fn now(&self, end: usize) -> Option<f64> {
        Some(self.mean(end, self.periods(NOW_SECONDS))?.0)
    }

    /// From the means of two neighbouring stretches of the same length, each without its largest period, so that one
    /// burst changes nothing: of an exponential fall, their ratio is what it falls by in that length.
    fn half_life(&self) -> Option<u64> {
        let longest = self.periods(FALL_SECONDS).max(FALL_PERIODS);
        let stretch = (self.len() / 2).clamp(FALL_PERIODS, longest) / 2;
        let middle = self.len().checked_sub(stretch)?;
        let first = trimmed(self.requests.get(middle.checked_sub(stretch)?..middle)?)?;
        let second = trimmed(self.requests.get(middle..)?)?;
        let clear = first.sum - second.sum > FALL_DEVIATIONS * (first.sum + second.sum).sqrt();
        let fall = (first.sum / first.periods) / (second.sum / second.periods);
        let falls = clear && second.sum > 0.0 && fall > 1.0;
        falls.then(|| (stretch as f64 * self.period as f64 * 2.0_f64.ln() / fall.ln()).round() as u64)
    }

    /// The beginning of the time, up to now, in which the mean over `for` has been below the limit, and that of the
    /// last minutes, too.
    fn safe_since(&self, wanted: Decommission) -> Option<Timestamp> {
        let window = self.periods(wanted.lasting.0.as_secs());
        let is_safe = |end: &usize| {
            let long = self.mean(*end, window);
            let known = long.is_some_and(|(_, known)| known as f64 >= KNOWN * window as f64);
            known
                && long.is_some_and(|(mean, _)| mean < wanted.below)
                && self.now(*end).is_some_and(|now| now < wanted.below)
        };
        (window..=self.len()).rev().take_while(is_safe).last().map(|end| self.end(end))
    }
}

struct Trimmed {
    sum: f64,
    periods: f64,
}

/// Without the largest; `None` where a fifth of it is unknown.
fn trimmed(periods: &[Option<u64>]) -> Option<Trimmed> {
    let known: Vec<u64> = periods.iter().copied().flatten().collect();
    let enough = known.len() > 1 && known.len() * 5 >= periods.len() * 4;
    let largest = known.iter().max().filter(|_| enough)?;
    let sum = known.iter().map(|requests| *requests as f64).sum::<f64>() - *largest as f64;
    Some(Trimmed { sum, periods: (known.len() - 1) as f64 })
}

fn sentence(losing: &Losing<'_>, tail: &Tail, wanted: Decommission) -> String {
    let side = match losing.side {
        Side::From => "legacy",
        Side::To => "cloud",
    };
    let Some(rate) = tail.requests_per_minute else {
        return format!("It is not known how many requests the {side} side still gets.");
    };
    let amount =
        if rate > 0.0 { format!("{} requests a minute", few(rate)) } else { "no requests".to_owned() };
    match (tail.safe_since, tail.half_life_seconds) {
        (Some(since), _) => {
            let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
            format!("The {side} side gets {amount}: safe to decommission since {since}.")
        }
        (None, _) if rate < wanted.below && losing.ended => format!(
            "The {side} side gets {amount}: safe to decommission once it was below {} a minute for {}.",
            few(wanted.below),
            wanted.lasting
        ),
        (None, Some(seconds)) => {
            format!("The {side} side still gets {amount}, half as many every {}.", length(seconds))
        }
        (None, None) => format!("The {side} side still gets {amount}."),
    }
}

fn few(rate: f64) -> String {
    match rate {
        10.0.. => grouped(rate.round() as u64),
        1.0.. => format!("{rate:.1}").trim_end_matches(".0").to_owned(),
        _ => format!("{rate:.2}"),
    }
}

fn length(seconds: u64) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", few(seconds as f64 / 3_600.0)),
    }
}

#[cfg(test)]
mod tests;
