//! Requests and errors in their expected numbers, and what the metrics show of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Incident, Setting, Trouble, instant};
use crate::{
    Share,
    gate::{
        AlarmData, AlarmReading, AlarmState, Answer, Counts, Fetched, GateData, LatencyData, Period,
        ProbeData, Timed, Timing, alarm_queries, divisor,
    },
    plan::{Alarms, Errors, Latency, Question, Source},
    shift::Shift,
};

/// From a period's end until its datapoints can be read; the plan's `metric_delay` allows for more.
const PUBLISHED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Until the name servers answer with new weights, in the middle of them all.
const PROPAGATION: SignedDuration = SignedDuration::from_secs(15);

/// As far back as a daemon reads metrics: a day of evidence, and what was usual before it.
const WINDOW: SignedDuration = SignedDuration::from_hours(26);

/// In seconds, where the plan names no limit.
const USUAL_LATENCY: f64 = 0.1;

/// What happened in one interval of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub start: Timestamp,
    /// The part of the traffic that went to the `to` side, from 0 to 1.
    pub share: f64,
    pub to: Counts,
    pub from: Counts,
}

pub(super) struct Traffic {
    length: SignedDuration,
    /// Of the records, in seconds.
    ttl: f64,
    intervals: Vec<Interval>,
    /// The end of the newest interval.
    until: Timestamp,
    /// Before the latest write, after it, and when that was.
    before: f64,
    after: f64,
    turned_at: Timestamp,
    now: Now,
    /// What is left of requests and errors that were not whole yet, by side.
    rest: [f64; 4],
    failed: f64,
}

/// The state of the world, by its incidents.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Now {
    errors_to: f64,
    errors_from: f64,
    unreachable: bool,
    pinned: bool,
    /// Nothing newer than this can be read.
    shown_until: Timestamp,
}

impl Traffic {
    pub(super) fn new(setting: &Setting, shift: &Shift) -> Traffic {
        let length = shortest(shift);
        let now = Now {
            errors_to: setting.usual_errors_to,
            errors_from: setting.usual_errors_from,
            unreachable: false,
            pinned: false,
            shown_until: Timestamp::MAX,
        };
        let mut traffic = Traffic {
            length,
            ttl: setting.ttl.as_secs_f64().max(1.0),
            intervals: Vec::new(),
            until: whole(setting.begins - WINDOW, length),
            before: 0.0,
            after: 0.0,
            turned_at: setting.begins - WINDOW,
            now,
            rest: [0.0; 4],
            failed: 0.0,
        };
        traffic.pass(setting, setting.begins);
        traffic
    }

    /// New weights have been written.
    pub(super) fn turn(&mut self, share: Share, at: Timestamp) {
        self.before = self.share_at(at);
        self.after = f64::from(share.ppm()) / f64::from(Share::WHOLE);
        self.turned_at = at;
    }

    /// What goes wrong at this time.
    pub(super) fn incidents(
        &mut self,
        setting: &Setting,
        at: Timestamp,
        reached: &BTreeMap<Share, Timestamp>,
    ) {
        let shown_until = self.now.shown_until;
        let mut now = Now {
            errors_to: setting.usual_errors_to,
            errors_from: setting.usual_errors_from,
            unreachable: false,
            pinned: false,
            shown_until: Timestamp::MAX,
        };
        let happens = |incident: &&Incident| {
            instant(incident.begins, setting.begins, reached).is_some_and(|begins| {
                let ends = incident.lasts.and_then(|lasts| begins.checked_add(lasts).ok());
                begins <= at && ends.is_none_or(|ends| at < ends)
            })
        };
        for incident in setting.incidents.iter().filter(happens) {
            match incident.what {
                Trouble::ErrorsOfTo(rate) => now.errors_to = now.errors_to.max(rate),
                Trouble::ErrorsOfFrom(rate) => now.errors_from = now.errors_from.max(rate),
                Trouble::NoMetrics => now.shown_until = shown_until.min(at),
                Trouble::Unreachable => now.unreachable = true,
                Trouble::Pinned => now.pinned = true,
            }
        }
        if now.pinned && !self.now.pinned {
            (self.before, self.after) = (self.share_at(at), self.share_at(at));
        }
        self.now = now;
    }

    /// Time passes, and requests come.
    pub(super) fn pass(&mut self, setting: &Setting, to: Timestamp) {
        // What nobody will ever ask for need not have been.
        self.until = self.until.max(whole(to - WINDOW, self.length));
        while self.until + self.length <= to {
            self.add(setting);
        }
    }

    fn add(&mut self, setting: &Setting) {
        let start = self.until;
        self.until = start + self.length;
        let all = setting.requests_per_minute * self.length.as_secs_f64() / 60.0;
        let share = self.share_at(start + self.length / 2);
        let reaching = if self.now.unreachable { 0.0 } else { all * share };
        let [to_requests, to_errors, from_requests, from_errors] = [
            (0, reaching),
            (1, reaching * self.now.errors_to),
            (2, all - all * share),
            (3, (all - all * share) * self.now.errors_from),
        ]
        .map(|(which, expected)| self.whole_of(which, expected));
        let unusual = (self.now.errors_to - setting.usual_errors_to).max(0.0);
        self.failed += reaching * unusual + (all * share - reaching);
        self.intervals.push(Interval {
            start,
            share,
            to: Counts { requests: to_requests, errors: to_errors.min(to_requests) },
            from: Counts { requests: from_requests, errors: from_errors.min(from_requests) },
        });
    }

    /// Whole requests; what is left over comes with a later one.
    fn whole_of(&mut self, which: usize, expected: f64) -> u64 {
        let Some(rest) = self.rest.get_mut(which) else { return 0 };
        let sum = *rest + expected;
        *rest = sum.fract();
        sum.trunc() as u64
    }

    /// The share that the traffic has: resolvers forget the weights before the newest evenly over a TTL.
    fn share_at(&self, at: Timestamp) -> f64 {
        if self.now.pinned {
            return self.before;
        }
        let since = at.duration_since(self.turned_at + PROPAGATION).as_secs_f64();
        let followed = (since / self.ttl).clamp(0.0, 1.0);
        self.before + (self.after - self.before) * followed
    }

    /// What the gates of the shift see.
    pub(super) fn answers(&self, shift: &Shift, now: Timestamp) -> BTreeMap<String, Answer> {
        let shown = (now - PUBLISHED_AFTER).min(self.now.shown_until);
        let end = self.intervals.partition_point(|interval| interval.start + self.length <= shown);
        let begin = self.intervals.partition_point(|interval| interval.start < now - WINDOW);
        let shown = self.intervals.get(begin..end).unwrap_or_default();
        let answer = |question: &Question| match question {
            Question::Errors(errors) => Answer::Counts(counted(errors, shown, now)),
            Question::Alarms(alarms) => Answer::Alarms(self.quiet(alarms, now)),
            Question::Latency(latency) => Answer::Latencies(even(latency, shown, now)),
            // Probes are not rehearsed: every target answers.
            Question::Probe(probed) => Answer::Probes(ProbeData::all_fine(&probed.probe, &shift.plan, now)),
        };
        let gates = shift.plan.gates.iter();
        gates.map(|gate| (gate.name.clone(), answer(&gate.question))).collect()
    }

    /// Alarms are not rehearsed: they are quiet, as long as anything can be read.
    fn quiet(&self, asked: &Alarms, now: Timestamp) -> AlarmData {
        let reading = if self.now.shown_until < now {
            AlarmReading::Unreadable("nothing can be read".to_owned())
        } else {
            AlarmReading::Found { state: AlarmState::Ok, since: None, reason: None, doubt: None }
        };
        let alarms = alarm_queries(asked).map(|query| (query.name, reading.clone())).collect();
        AlarmData { fetched_at: now, alarms }
    }

    /// Everything since the shift was created, and the requests that failed beyond what is usual.
    pub(super) fn into_parts(self, since: Timestamp) -> (Vec<Interval>, f64) {
        let begin = self.intervals.partition_point(|interval| interval.start < since);
        (self.intervals.into_iter().skip(begin).collect(), self.failed)
    }
}

/// Latencies are not rehearsed either: both sides stay at half of what is allowed. How many samples there are is.
fn even(asked: &Latency, shown: &[Interval], now: Timestamp) -> LatencyData {
    let seconds = asked.max_latency.map_or(USUAL_LATENCY, |most| most.0.as_secs_f64() / 2.0);
    let side = |source: &Source, of: fn(&Interval) -> Counts| {
        let mut samples: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for interval in shown {
            *samples.entry(whole(interval.start, source.period())).or_default() += of(interval).requests;
        }
        let periods = samples.into_iter().filter(|(_, samples)| *samples > 0);
        let timing = |(start, samples)| Timing { start, seconds, samples };
        Timed { periods: periods.map(timing).collect(), incomplete: None }
    };
    let from = asked.latency.from.as_ref().map(|source| side(source, |interval| interval.from));
    LatencyData { fetched_at: now, to: side(&asked.latency.to, |interval| interval.to), from }
}

fn counted(errors: &Errors, shown: &[Interval], now: Timestamp) -> GateData {
    let side = |source: &Source, of: fn(&Interval) -> Counts| {
        let mut periods: Vec<Period> = Vec::new();
        for interval in shown {
            let start = whole(interval.start, source.period());
            let counts = of(interval);
            match periods.last_mut().filter(|period| period.start == start) {
                Some(period) => {
                    period.requests = period.requests.map(|requests| requests + counts.requests);
                    period.errors = period.errors.map(|errors| errors + counts.errors);
                }
                None => periods.push(Period {
                    start,
                    requests: Some(counts.requests),
                    errors: Some(counts.errors),
                }),
            }
        }
        // As load balancers do it: where nothing came, nothing is said.
        periods.retain(|period| period.requests != Some(0));
        Fetched { periods: periods.into(), incomplete: None }
    };
    let from = errors.error_rate.from.as_ref().map(|source| side(source, |interval| interval.from));
    GateData { fetched_at: now, to: side(&errors.error_rate.to, |interval| interval.to), from }
}

/// In which the periods of all sources are whole.
fn shortest(shift: &Shift) -> SignedDuration {
    let sources = shift.plan.gates.iter().flat_map(|gate| match &gate.question {
        Question::Errors(errors) => [Some(&errors.error_rate.to), errors.error_rate.from.as_ref()],
        Question::Latency(asked) => [Some(&asked.latency.to), asked.latency.from.as_ref()],
        Question::Alarms(_) | Question::Probe(_) => [None, None],
    });
    let periods = sources.flatten().map(|source| source.period().as_secs().max(1));
    SignedDuration::from_secs(periods.reduce(divisor).unwrap_or(60))
}

/// The beginning of the period in which it is.
fn whole(at: Timestamp, period: SignedDuration) -> Timestamp {
    let seconds = at.as_second() - at.as_second().rem_euclid(period.as_secs().max(1));
    Timestamp::from_second(seconds).unwrap_or(at)
}
