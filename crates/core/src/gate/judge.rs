//! From a plan's gate and a shift's standing to a report.
//!
//! Some rules of the house stand above the judgement: data that are incomplete or old can fail a gate but not pass it,
//! nothing passes on a `to` side that has not been heard of lately, and nothing is judged before the first step.

use jiff::{SignedDuration, Timestamp};

use super::{
    Counts, ErrorNumbers, Fetched, GateData, Numbers, STALE_AFTER, Standing, Told, Verdict, blast_radius,
    evaluate::{Code, Config, Evaluation, State},
    lately::{OBSERVED_PERIODS, observed_share, recent, recent_from},
    limits::Increase,
    memory::{Memory, Said},
    rows,
    sentence::sentence,
    signs::MISSING,
};
use crate::{
    Share,
    plan::{Errors, Source},
};

/// What the counts say, sparing what was worked out before. With it comes the share that is observed.
pub(super) fn judge(
    gate: &Errors,
    data: Option<&GateData>,
    standing: Standing,
    now: Timestamp,
    memory: &mut Memory,
) -> (Told, Option<Share>) {
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
        excess_step: None,
        excess_shift: None,
    };
    let told = |verdict, code: &str, sentence, numbers| Told {
        verdict,
        code: code.to_owned(),
        sentence,
        numbers: Numbers::Errors(numbers),
    };
    // The first read is on its way: nothing is odd, and nothing passes.
    let Some(data) = data else {
        return (told(Verdict::Wait, "unread", "no metrics have been read yet".to_owned(), numbers), None);
    };
    let stale = is_stale(gate, data, now);
    if let Some(said) = &memory.said
        && !stale
        && said.stands(gate, data, standing, now)
    {
        return (said.told.clone(), said.observed);
    }
    numbers.recent = recent(gate, data, standing.moved_at, now);
    numbers.recent_from = recent_from(gate, data, now);
    let (verdict, code, sentence) = match standing.moved_at {
        None => before_the_first_step(gate, data, numbers.recent_from, now),
        Some(moved_at) => weigh(gate, data, moved_at, standing, now, &mut numbers, memory),
    };
    let told = told(verdict, code, sentence, numbers);
    let observed = observed_share(gate, data, standing, now);
    let between = stands_between(gate, data, standing, now).filter(|_| !stale);
    let known = memory.said.take();
    memory.said = between.map(|between| {
        let gate =
            known.map(|known| known.gate).filter(|known| known == gate).unwrap_or_else(|| gate.clone());
        Box::new(Said { gate, data: data.clone(), standing, between, told: told.clone(), observed })
    });
    (told, observed)
}

impl Said {
    /// Whether the same would be said again. How old the data are is not asked here.
    fn stands(&self, gate: &Errors, data: &GateData, standing: Standing, now: Timestamp) -> bool {
        let same = |one: &Fetched, other: &Fetched| {
            one.periods.is(&other.periods) && one.incomplete == other.incomplete
        };
        self.between.0 < now
            && now < self.between.1
            && self.standing == standing
            && same(&self.data.to, &data.to)
            && match (&self.data.from, &data.from) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
            && self.gate == *gate
    }
}

/// The times between which the clock changes nothing: neither closes a period nor lets one grow old, neither settles
/// the traffic nor ends anybody's patience. `None` where periods begin at odd times.
fn stands_between(
    gate: &Errors,
    data: &GateData,
    standing: Standing,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let (to, from) = (gate.error_rate.to.period(), gate.error_rate.from.as_ref().map(Source::period));
    let delay = gate.metric_delay.0;
    if [Some(to), from, Some(delay)].into_iter().flatten().any(|span| span.subsec_nanos() != 0) {
        return None;
    }
    let (delay, to) = (delay.as_secs(), to.as_secs().max(1));
    let from = from.map_or(to, |from| from.as_secs().max(1));
    let every = divisor(to, from);
    let oldest = now.as_second() - delay - (i64::from(OBSERVED_PERIODS) + 1) * period(gate);
    let begins_oddly = |side: &Fetched| {
        let newest = side.periods.newest_first().take_while(|period| period.start.as_second() >= oldest);
        newest.into_iter().any(|p| p.start.subsec_nanosecond() != 0 || p.start.as_second() % every != 0)
    };
    if begins_oddly(&data.to) || data.from.as_ref().is_some_and(begins_oddly) {
        return None;
    }
    let tick = (now.as_second() - delay).div_euclid(every) * every + delay;
    let missing =
        standing.moved_at.map(|moved_at| moved_at.as_second() + delay + (MISSING + 1) * period(gate));
    let turns = [standing.settled_at.map(rounded_up), standing.waits_until.map(rounded_up), missing];
    let turns = turns.into_iter().flatten();
    let turns = turns.chain([tick, tick + every]).filter_map(|at| Timestamp::from_second(at).ok());
    let (before, after): (Vec<_>, Vec<_>) = turns.partition(|at| *at <= now);
    let (begins, ends) = (before.into_iter().max()?, after.into_iter().min()?);
    (begins < now).then_some((begins, ends))
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
    memory: &mut Memory,
) -> (Verdict, &'static str, String) {
    let config = config(gate, standing);
    let weight = |share: Share| f64::from(share.ppm()) / f64::from(Share::WHOLE);
    let (least, most) = (weight(standing.share_least.unwrap_or(standing.share)), weight(standing.share));
    let mut state = State {
        moved_at: moved_at.as_second(),
        settled_at: standing.settled_at.map(rounded_up),
        weight: least,
        // Whoever decides on the next step sees to the hold time.
        bakes_until: None,
        waits_until: standing.waits_until.map(rounded_up),
    };
    let mut told = memory.evaluate(&config, &state, data, now.as_second());
    if let (Code::Share, Some(observed)) = (told.code, told.observed) {
        // Off by as much as it is from the nearest share that these groups can have together.
        state.weight = observed.share.clamp(least, most.max(least));
        told = memory.evaluate(&config, &state, data, now.as_second());
    }
    numbers.step = Counts { requests: told.requests, errors: told.errors };
    numbers.limit = told.limit.unwrap_or(numbers.limit);
    numbers.score = Some(told.score);
    numbers.upper_bound = told.upper_bound;
    numbers.advance_limit = told.advance_limit;
    numbers.baseline = told.baseline;
    let spent = gate.blast_radius.and_then(|budget| {
        let complete = data.to.incomplete.is_none();
        let rows = rows::since(None, config.period, data);
        let excess = blast_radius::excess(&config, &state, &rows, complete, now.as_second());
        (numbers.excess_step, numbers.excess_shift) = (excess.step, Some(excess.shift));
        blast_radius::spent(&budget, excess, gate.error_rate.from.is_some())
    });
    if let Some(sentence) = spent.filter(|_| told.code != Code::Errors) {
        return (Verdict::Fail, "blast_radius", sentence);
    }
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
    is_stale(gate, data, now).then(|| format!("the metrics were last read {} s ago", age.as_secs()))
}

fn is_stale(gate: &Errors, data: &GateData, now: Timestamp) -> bool {
    now.duration_since(data.fetched_at) > STALE_AFTER.max(gate.error_rate.to.period() * 2)
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
pub(super) fn period(gate: &Errors) -> i64 {
    let to = gate.error_rate.to.period().as_secs().max(1);
    let from = gate.error_rate.from.as_ref().map_or(to, |from| from.period().as_secs().max(1));
    common(to, from)
}

/// The shortest length that is a whole number of both.
pub(super) fn common(one: i64, other: i64) -> i64 {
    one / divisor(one, other) * other
}

/// The greatest common one.
pub(crate) fn divisor(to: i64, from: i64) -> i64 {
    let (mut divisor, mut rest) = (to, from);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    divisor
}

/// The first whole second at or after it.
fn rounded_up(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

fn whole_seconds(span: SignedDuration) -> i64 {
    span.as_secs() + i64::from(span.subsec_nanos() > 0)
}
