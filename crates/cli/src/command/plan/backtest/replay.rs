//! Recorded traffic, split into two sides as a step would split it, and judged by a gate minute by minute.
//!
//! The split is drawn by chance from a fixed seed: a side that gets a twentieth of the requests gets about that, and
//! its errors fluctuate as those of so few requests do. Two runs over the same record are the same.

use crossfade_core::{
    Share,
    gate::{Config, Evaluation, Reading, Row, State, Verdict, evaluate},
};
use rand::{SeedableRng as _, rngs::StdRng};
use rand_distr::{Binomial, Distribution as _};

/// Of the splits. Any other would do.
const SEED: u64 = 20_260_101;

/// Periods before a step from which the gate knows what is usual.
pub(super) const USUAL: usize = 60;

/// A recorded period: when it began, and what was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Recorded {
    pub(super) start: i64,
    pub(super) requests: u64,
    pub(super) errors: u64,
}

/// One step as it would have been watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch<'a> {
    pub(super) config: &'a Config,
    pub(super) share: Share,
    /// Whether the gate compares with the `from` side.
    pub(super) compares: bool,
    /// Errors of the `to` side that were not in the record, as a ratio of its requests.
    pub(super) added: f64,
    /// The hold time, in periods; the watch ends with it.
    pub(super) periods: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many periods after the step.
    Failed {
        after: usize,
    },
    /// It was not fit to go on when the hold time was over.
    Held,
    Passed,
}

/// Whether a step at this place of the record would have failed. `at` has [`USUAL`] periods before it.
pub(super) fn watch(record: &[Recorded], at: usize, watch: Watch<'_>) -> Option<Outcome> {
    let usual = record.get(at.checked_sub(USUAL)?..at)?;
    let step = record.get(at..at + watch.periods)?;
    let begins = step.first()?.start;
    let mut random = StdRng::seed_from_u64(SEED ^ at as u64);
    let mut rows: Vec<Row> =
        usual.iter().map(|period| row(period.start, None, Some((*period).into()), watch)).collect();
    for period in step {
        let (to, from) = split(*period, watch, &mut random);
        rows.push(row(period.start, Some(to), Some(from), watch));
    }
    let state = State {
        moved_at: begins,
        settled_at: Some(begins),
        weight: share_of(watch.share),
        bakes_until: None,
        waits_until: None,
    };
    let judged = |known: usize| -> Option<Evaluation> {
        let newest = rows.get(USUAL + known)?;
        let now = newest.start + watch.config.period + watch.config.metric_delay;
        Some(evaluate(watch.config, &state, rows.get(..=USUAL + known)?, now))
    };
    for known in 0..watch.periods {
        if judged(known)?.code.verdict() == Verdict::Fail {
            return Some(Outcome::Failed { after: known + 1 });
        }
    }
    let last = judged(watch.periods.checked_sub(1)?)?;
    Some(if last.code.verdict() == Verdict::Pass { Outcome::Passed } else { Outcome::Held })
}

#[derive(Clone, Copy)]
struct Count {
    requests: u64,
    errors: u64,
}

impl From<Recorded> for Count {
    fn from(period: Recorded) -> Count {
        Count { requests: period.requests, errors: period.errors.min(period.requests) }
    }
}

fn split(period: Recorded, watch: Watch<'_>, random: &mut StdRng) -> (Count, Count) {
    let share = share_of(watch.share);
    let Count { requests, errors } = period.into();
    let bad = drawn(errors, share, random);
    let good = drawn(requests - errors, share, random);
    let added = drawn(good, watch.added, random);
    let to = Count { requests: bad + good, errors: bad + added };
    let from = Count { requests: requests - to.requests, errors: errors - bad };
    (to, from)
}

/// How many of `count` fall to a part of so much.
fn drawn(count: u64, part: f64, random: &mut StdRng) -> u64 {
    Binomial::new(count, part.clamp(0.0, 1.0)).map_or(0, |binomial| binomial.sample(random)).min(count)
}

fn row(start: i64, to: Option<Count>, from: Option<Count>, watch: Watch<'_>) -> Row {
    let reading = |count: Option<Count>| match count.filter(|count| count.requests > 0) {
        Some(count) => Reading { requests: Some(count.requests), errors: Some(count.errors) },
        None => Reading::default(),
    };
    Row { start, to: reading(to), from: reading(from.filter(|_| watch.compares)) }
}

fn share_of(share: Share) -> f64 {
    f64::from(share.ppm()) / f64::from(Share::WHOLE)
}

#[cfg(test)]
mod tests {
    use crossfade_core::{
        gate::{Standing, config},
        plan::{Format, parse},
    };

    use super::*;

    fn record(minutes: usize, bad: std::ops::Range<usize>) -> Vec<Recorded> {
        let errors = |minute: usize| if bad.contains(&minute) { 200 } else { 4 };
        (0..minutes).map(|m| Recorded { start: m as i64 * 60, requests: 4_000, errors: errors(m) }).collect()
    }

    fn watched(record: &[Recorded], at: usize, percent: f64, added: f64, compares: bool) -> Option<Outcome> {
        let plan = include_str!("../../../../../../docs/timelines/www.yaml");
        let plan = parse(plan, Format::Yaml).unwrap();
        let config = config(plan.gates[0].errors().unwrap(), Standing::default());
        let share = Share::from_percent(percent).unwrap();
        watch(record, at, Watch { config: &config, share, compares, added, periods: 30 })
    }

    #[test]
    fn what_is_usual_passes_and_what_is_added_fails() {
        let record = record(200, 0..0);
        assert_eq!(watched(&record, 60, 5.0, 0.0, true), Some(Outcome::Passed));
        let Some(Outcome::Failed { after }) = watched(&record, 60, 5.0, 0.05, true) else { panic!() };
        assert!((2..10).contains(&after), "{after}");
        let again = watched(&record, 60, 5.0, 0.05, true);
        assert_eq!(again, Some(Outcome::Failed { after }));
    }

    #[test]
    fn an_outage_of_the_record_fails_only_a_gate_that_compares_with_nothing() {
        let record = record(200, 70..90);
        assert!(matches!(watched(&record, 60, 50.0, 0.0, true), Some(Outcome::Passed | Outcome::Held)));
        assert!(matches!(watched(&record, 60, 50.0, 0.0, false), Some(Outcome::Failed { .. })));
    }

    #[test]
    fn a_place_too_near_an_end_of_the_record_is_none() {
        let record = record(100, 0..0);
        assert_eq!(watched(&record, 59, 5.0, 0.0, true), None);
        assert_eq!(watched(&record, 71, 5.0, 0.0, true), None);
        assert!(watched(&record, 70, 5.0, 0.0, true).is_some());
    }
}
