//! What holds of every series.

use proptest::prelude::*;

use super::*;
use crate::gate::{
    Code, Evaluation, Reading, State,
    evaluate::{self, Config},
    vectors::defaults,
};

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let count = || prop::option::of(prop_oneof![8 => 0..2_000_u64, 1 => Just(u64::MAX), 1 => Just(1 << 53)]);
    prop::collection::vec((-3..40_i64, count(), count()), 0..40)
}

/// Minutes of a service whose rate is anywhere from none to all, and mostly low.
fn series() -> impl Strategy<Value = Vec<evaluate::Row>> {
    let side = || {
        (
            prop::option::weighted(0.95, 0..3_000_u64),
            prop_oneof![6 => 0..20_u64, 2 => 0..150_u64, 1 => 0..1_000_u64],
        )
    };
    let reading = |(requests, permille): (Option<u64>, u64)| Reading {
        requests,
        errors: requests.map(|requests| requests * permille / 1_000),
    };
    prop::collection::vec((side(), side()), 1..60).prop_map(move |sides| {
        let row =
            |(i, (to, from))| evaluate::Row { start: 60 * i as i64, to: reading(to), from: reading(from) };
        sides.into_iter().enumerate().map(row).collect()
    })
}

/// Judged when everything but the last minute's patience is over.
fn judged(config: &Config, rows: &[evaluate::Row]) -> Evaluation {
    let minutes = rows.iter().map(|row| row.start / 60 + 1).max().unwrap_or(0);
    let state =
        State { moved_at: 600, settled_at: Some(660), weight: 0.3, bakes_until: None, waits_until: None };
    evaluate::evaluate(config, &state, rows, 60 * minutes + config.metric_delay)
}

proptest! {
    /// Whatever arrives, a pass stands on enough requests in settled, closed periods and on fresh, complete data.
    #[test]
    fn a_pass_is_never_made_of_missing_data(
        rows in rows(),
        few: bool,
        complete: bool,
        age in 0..10_i64,
    ) {
        let mut rows = rows;
        if few {
            rows.extend(minutes(9, 6, 500, 0));
        }
        let mut data = data(&rows);
        data.fetched_at = minutes_ago(age);
        data.to.incomplete = (!complete).then(|| "?".to_owned());
        let report = judge(&gate(), Some(&data), standing(), now());
        if report.verdict == Verdict::Pass {
            let numbers = report.errors().unwrap();
            prop_assert!(complete && age <= 2 && numbers.step.requests >= numbers.min_requests);
            prop_assert!(numbers.upper_bound.unwrap() < numbers.advance_limit.unwrap());
            prop_assert!(rows.iter().any(|row| (3..6).contains(&row.0) && (row.1.is_some() || row.2.is_some())));
        }
    }

    /// Nothing is too odd for a report, and its numbers can be written down.
    #[test]
    fn every_number_is_one(rows in rows(), from in rows(), share in 0..=100_u8, ttl in 0..100_000_i64) {
        let mut data = data(&rows);
        data.from = Some(fetched(&from));
        let standing = Standing {
            share: Share::from_percent(f64::from(share)).unwrap(),
            ttl: SignedDuration::from_secs(ttl),
            waits_until: Some(now()),
            ..standing()
        };
        let report = judge(&gate(), Some(&data), standing, now());
        let told = report.errors().unwrap();
        prop_assert!((0.0..=1.0).contains(&told.score.unwrap()));
        let numbers = [Some(told.limit), told.upper_bound, told.advance_limit, told.baseline];
        prop_assert!(numbers.into_iter().flatten().all(|number| number.is_finite() && number >= 0.0), "{numbers:?}");
    }

    /// More errors in the newest minute never make the score or the verdict milder.
    #[test]
    fn more_errors_are_never_milder(rows in series(), few in 0..=3_000_u64, more in 0..=3_000_u64) {
        let with = |errors: u64| {
            let mut rows = rows.clone();
            if let Some(newest) = rows.last_mut() {
                newest.to.errors = newest.to.requests.map(|requests| errors.min(requests));
            }
            judged(&defaults(), &rows)
        };
        let (milder, harder) = (with(few.min(more)), with(few.max(more)));
        prop_assert!(harder.score >= milder.score - 1e-9, "{milder:?} then {harder:?}");
        prop_assert!(harder.code.verdict() >= milder.code.verdict(), "{milder:?} then {harder:?}");
    }

    /// A gate fails neither on a few errors nor on a fault that has passed within two minutes.
    #[test]
    fn it_takes_errors_and_minutes_to_fail(rows in series()) {
        let config = Config { tolerated_increase: None, ..defaults() };
        let told = judged(&config, &rows);
        if told.code != Code::Errors {
            return Ok(());
        }
        let counted = rows.iter().filter(|row| row.start + 60 > 600);
        let counts = || counted.clone().filter_map(|row| Some((row.to.requests? as f64, row.to.errors? as f64)));
        prop_assert!(counts().map(|(_, errors)| errors).sum::<f64>() >= config.min_errors as f64);
        let rates = counts().filter(|(requests, _)| *requests > 0.0).map(|(requests, errors)| errors / requests);
        // A third of a minute's worth for each that is above the limit, half for a severe one, all for a broken one.
        let worth = rates.filter(|rate| *rate > 0.01).map(|rate| match rate {
            rate if rate >= 0.3 => 6,
            rate if rate >= 0.1 => 3,
            _ => 2,
        });
        prop_assert!(worth.sum::<u32>() >= 6, "{told:?}");
    }

    /// Rows may come in any order, and minutes without any datapoint say nothing.
    #[test]
    fn neither_order_nor_empty_minutes_matter(rows in series(), cut in 0..60_usize, gap in 0..60_usize) {
        let mut turned = rows.clone();
        turned.rotate_left(cut % rows.len());
        prop_assert_eq!(judged(&defaults(), &rows), judged(&defaults(), &turned));
        // A minute that was not reported at all, instead of one that was reported empty.
        let mut empty = rows;
        let at = gap % empty.len();
        prop_assume!(at + 1 < empty.len());
        empty[at] = evaluate::Row { start: empty[at].start, ..evaluate::Row::default() };
        let mut without = empty.clone();
        without.remove(at);
        prop_assert_eq!(judged(&defaults(), &empty), judged(&defaults(), &without));
    }
}
