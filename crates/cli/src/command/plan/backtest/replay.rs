//! Recorded traffic, split into two sides as a step would split it, and judged by a gate minute by minute.
//!
//! The split is drawn by chance from a fixed seed: a side that gets a twentieth of the requests gets about that, and
//! its errors fluctuate as those of so few requests do. Two runs over the same record are the same.

use crossfade_core::{
    Share,
    gate::{self, Config, Evaluation, Reading, Row, State, Verdict, evaluate},
    plan::Errors,
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
    pub(super) errors: &'a Errors,
    pub(super) share: Share,
    /// Errors of the `to` side that were not in the record, as a ratio of its requests.
    pub(super) added: f64,
    /// The hold time, in periods; the watch ends with it.
    pub(super) periods: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// So many periods after the step; by its budget of failed requests, if that was spent before the evidence was there.
    Failed {
        after: usize,
        spent: bool,
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
    let known = |known: usize| -> Option<(&[Row], i64)> {
        let now = rows.get(USUAL + known)?.start + watch.config.period + watch.config.metric_delay;
        Some((rows.get(..=USUAL + known)?, now))
    };
    let judged = |last: usize| -> Option<Evaluation> {
        let (rows, now) = known(last)?;
        Some(evaluate(watch.config, &state, rows, now))
    };
    for last in 0..watch.periods {
        if judged(last)?.code.verdict() == Verdict::Fail {
            return Some(Outcome::Failed { after: last + 1, spent: false });
        }
        let (rows, now) = known(last)?;
        if gate::is_spent(watch.errors, watch.config, &state, rows, now) {
            return Some(Outcome::Failed { after: last + 1, spent: true });
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
    Row { start, to: reading(to), from: reading(from.filter(|_| watch.errors.error_rate.from.is_some())) }
}

fn share_of(share: Share) -> f64 {
    f64::from(share.ppm()) / f64::from(Share::WHOLE)
}

#[cfg(test)]
mod tests {
    use crossfade_core::{
        gate::{Standing, config},
        plan::{BlastRadius, Format, parse},
    };

    use super::*;

    fn record(minutes: usize, bad: std::ops::Range<usize>) -> Vec<Recorded> {
        let errors = |minute: usize| if bad.contains(&minute) { 200 } else { 4 };
        (0..minutes).map(|m| Recorded { start: m as i64 * 60, requests: 4_000, errors: errors(m) }).collect()
    }

    fn errors() -> Errors {
        let plan = parse(include_str!("../../../../../../docs/timelines/www.yaml"), Format::Yaml).unwrap();
        plan.gates[0].errors().unwrap().clone()
    }

    fn alone() -> Errors {
        let mut errors = errors();
        errors.error_rate.from = None;
        errors
    }

    fn watched(record: &[Recorded], at: usize, percent: f64, added: f64, errors: &Errors) -> Option<Outcome> {
        let config = config(errors, Standing::default());
        let share = Share::from_percent(percent).unwrap();
        watch(record, at, Watch { config: &config, errors, share, added, periods: 30 })
    }

    #[test]
    fn what_is_usual_passes_and_what_is_added_fails() {
        let record = record(200, 0..0);
        assert_eq!(watched(&record, 60, 5.0, 0.0, &errors()), Some(Outcome::Passed));
        let fails = watched(&record, 60, 5.0, 0.05, &errors());
        let Some(Outcome::Failed { after, spent: false }) = fails else { panic!("{fails:?}") };
        assert!((2..10).contains(&after), "{after}");
        assert_eq!(watched(&record, 60, 5.0, 0.05, &errors()), fails);
    }

    #[test]
    fn an_outage_of_the_record_fails_only_a_gate_that_compares_with_nothing() {
        let record = record(200, 70..90);
        let outcome = watched(&record, 60, 50.0, 0.0, &errors());
        assert!(matches!(outcome, Some(Outcome::Passed | Outcome::Held)), "{outcome:?}");
        let outcome = watched(&record, 60, 50.0, 0.0, &alone());
        assert!(matches!(outcome, Some(Outcome::Failed { .. })), "{outcome:?}");
    }

    /// 0.3 % more is within what is tolerated, and six requests more than usual in each minute of this step.
    #[test]
    fn a_budget_is_spent_where_the_rate_is_tolerated() {
        let record = record(200, 0..0);
        assert_eq!(watched(&record, 60, 50.0, 0.003, &errors()), Some(Outcome::Passed));
        let mut small = errors();
        small.blast_radius = Some(BlastRadius { per_step: Some(60), per_shift: None });
        let fails = watched(&record, 60, 50.0, 0.003, &small);
        let Some(Outcome::Failed { after, spent: true }) = fails else { panic!("{fails:?}") };
        assert!((7..16).contains(&after), "{after}");
        small.blast_radius = Some(BlastRadius { per_step: None, per_shift: Some(1_000) });
        assert_eq!(watched(&record, 60, 50.0, 0.003, &small), Some(Outcome::Passed));
        // What is broken is found by the evidence before so much is spent.
        let fails = watched(&record, 60, 50.0, 0.2, &small);
        assert!(matches!(fails, Some(Outcome::Failed { after: 1..=2, .. })), "{fails:?}");
    }

    #[test]
    fn a_place_too_near_an_end_of_the_record_is_none() {
        let record = record(100, 0..0);
        assert_eq!(watched(&record, 59, 5.0, 0.0, &errors()), None);
        assert_eq!(watched(&record, 71, 5.0, 0.0, &errors()), None);
        assert!(watched(&record, 70, 5.0, 0.0, &errors()).is_some());
    }
}
