//! From a plan's gate and a shift's standing to a report.
//!
//! Some rules of the house stand above the judgement: data that are incomplete or old can fail a gate but not pass it,
//! nothing passes on a `to` side that has not been heard of lately, and nothing is judged before the first step.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Counts, ErrorNumbers, Fetched, GateData, Numbers, Standing, Told, Verdict,
    evaluate::{Code, Config, Evaluation, Reading, Row, State, evaluate},
    lately::{recent, recent_from},
    limits::Increase,
    sentence::sentence,
};
use crate::{Share, plan::Errors};

/// Data read longer ago than this, or than two periods, say nothing about now.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(120);

pub(super) fn judge(gate: &Errors, data: Option<&GateData>, standing: Standing, now: Timestamp) -> Told {
    let mut numbers = ErrorNumbers {
        recent: Counts::default(),
        recent_from: None,
        step: Counts::default(),
        limit: gate.max_error_rate.ratio(),
        min_requests: gate.min_requests,
        score: None,
        upper_bound: None,
        advance_limit: None,
        baseline: None,
    };
    let (verdict, code, sentence) = match data {
        // The first read is on its way: nothing is odd, and nothing passes.
        None => (Verdict::Wait, "unread", "no metrics have been read yet".to_owned()),
        Some(data) => {
            numbers.recent = recent(gate, data, standing.moved_at, now);
            numbers.recent_from = recent_from(gate, data, now);
            match standing.moved_at {
                None => before_the_first_step(gate, data, numbers.recent_from, now),
                Some(moved_at) => weigh(gate, data, moved_at, standing, now, &mut numbers),
            }
        }
    };
    Told { verdict, code: code.to_owned(), sentence, numbers: Numbers::Errors(numbers) }
}

/// Nothing has been moved, so there is nothing to judge; but metrics that cannot be read now could not be read
/// after the first step either, and a legacy side without data means that the plan names the wrong metric.
fn before_the_first_step(
    gate: &Errors,
    data: &GateData,
    recent_from: Option<Counts>,
    now: Timestamp,
) -> (Verdict, &'static str, String) {
    if let Some(why) = untrustworthy(gate, data, now) {
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

fn weigh(
    gate: &Errors,
    data: &GateData,
    moved_at: Timestamp,
    standing: Standing,
    now: Timestamp,
    numbers: &mut ErrorNumbers,
) -> (Verdict, &'static str, String) {
    let config = config(gate, standing);
    let state = State {
        moved_at: moved_at.as_second(),
        settled_at: standing.settled_at.map(rounded_up),
        weight: f64::from(standing.share.ppm()) / f64::from(Share::WHOLE),
        // Whoever decides on the next step sees to the hold time.
        bakes_until: None,
        waits_until: standing.waits_until.map(rounded_up),
    };
    let told = evaluate(&config, &state, &rows(config.period, data), now.as_second());
    numbers.step = Counts { requests: told.requests, errors: told.errors };
    numbers.limit = told.limit.unwrap_or(numbers.limit);
    numbers.score = Some(told.score);
    numbers.upper_bound = told.upper_bound;
    numbers.advance_limit = told.advance_limit;
    numbers.baseline = told.baseline;
    if let Some(why) = overruled(gate, data, &told, now) {
        return (Verdict::Hold, "no_data", why);
    }
    (told.code.verdict(), told.code.as_str(), sentence(&config, &state, &told))
}

/// Why the data cannot carry this judgement.
fn overruled(gate: &Errors, data: &GateData, told: &Evaluation, now: Timestamp) -> Option<String> {
    match told.code {
        // What was counted was counted.
        Code::Errors | Code::StalledBad => None,
        // An error more must not make of "not heard of" a mere "not proven".
        Code::Healthy | Code::NotProven if !told.heard => {
            let why = "the `to` side has no datapoint in the newest closed periods".to_owned();
            Some(untrustworthy(gate, data, now).unwrap_or(why))
        }
        Code::Healthy
        | Code::Settling
        | Code::Baking
        | Code::FewPeriods
        | Code::FewRequests
        | Code::NotProven
        | Code::Stalled
        | Code::Share
        | Code::SharedOutage
        | Code::Suspicious
        | Code::NoBaseline
        | Code::NoData
        | Code::Silence => untrustworthy(gate, data, now),
    }
}

fn untrustworthy(gate: &Errors, data: &GateData, now: Timestamp) -> Option<String> {
    let sides = [Some(&data.to), data.from.as_ref()];
    if let Some(why) = sides.into_iter().flatten().find_map(|side| side.incomplete.as_ref()) {
        return Some(format!("the metrics are incomplete: {why}"));
    }
    let age = now.duration_since(data.fetched_at);
    let stale = age > STALE_AFTER.max(gate.error_rate.to.period() * 2);
    stale.then(|| format!("the metrics were last read {} s ago", age.as_secs()))
}

/// What the judgement is asked, from a plan's gate.
pub fn config(gate: &Errors, standing: Standing) -> Config {
    let increase = gate.tolerated_increase();
    Config {
        period: period(gate),
        metric_delay: whole_seconds(gate.metric_delay.0),
        ttl: whole_seconds(standing.ttl),
        max_error_rate: Some(gate.max_error_rate.ratio()),
        tolerated_increase: increase
            .map(|increase| Increase { ratio: increase.ratio, points: increase.points.ratio() }),
        false_alarms_per_day: gate.false_alarms_per_day,
        gates: u32::try_from(standing.gates).unwrap_or(u32::MAX),
        min_requests: gate.min_requests,
        min_errors: gate.min_errors,
        burstiness: gate.burstiness,
        resolvers: gate.resolvers,
    }
}

/// Both sides are compared in periods that are whole ones of either.
fn period(gate: &Errors) -> i64 {
    let to = gate.error_rate.to.period().as_secs().max(1);
    let from = gate.error_rate.from.as_ref().map_or(to, |from| from.period().as_secs().max(1));
    let (mut divisor, mut rest) = (to, from);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    to / divisor * from
}

fn rows(period: i64, data: &GateData) -> Vec<Row> {
    let mut rows: BTreeMap<i64, Row> = BTreeMap::new();
    let mut add = |side: &Fetched, reading: fn(&mut Row) -> &mut Reading| {
        for counted in &side.periods {
            // Errors without requests are a dead endpoint; where data are missing, they are just missing data.
            if side.incomplete.is_some() && counted.requests.is_none() {
                continue;
            }
            let start = counted.start.as_second().div_euclid(period) * period;
            let reading = reading(rows.entry(start).or_insert(Row { start, ..Row::default() }));
            reading.requests = both(reading.requests, counted.requests);
            reading.errors = both(reading.errors, counted.errors);
        }
    };
    add(&data.to, |row| &mut row.to);
    if let Some(from) = &data.from {
        add(from, |row| &mut row.from);
    }
    rows.into_values().collect()
}

fn both(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// The first whole second at or after it.
fn rounded_up(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

fn whole_seconds(span: SignedDuration) -> i64 {
    span.as_secs() + i64::from(span.subsec_nanos() > 0)
}
