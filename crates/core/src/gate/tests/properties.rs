//! What holds of every series. What holds of odd ones is in `odd`.

use proptest::prelude::*;

use crate::gate::{
    Code, Evaluation, Reading, Row, State,
    evaluate::{Config, evaluate},
    vectors::defaults,
};

/// Minutes of a service whose rate is anywhere from none to all, and mostly low.
fn series() -> impl Strategy<Value = Vec<Row>> {
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
        let row = |(i, (to, from))| Row { start: 60 * i as i64, to: reading(to), from: reading(from) };
        sides.into_iter().enumerate().map(row).collect()
    })
}

/// So many that they break a minute, and so few that they are only a doubt.
fn errors() -> impl Strategy<Value = u64> {
    prop_oneof![0..=3_000_u64, 0..200_u64, 0..20_u64]
}

/// Where a shift may stand, and what a plan may ask for; times are in periods of `config.period`.
fn circumstances() -> impl Strategy<Value = (Config, State)> {
    let until = || prop::option::of(0..120_i64);
    let limits = prop_oneof![
        Just((Some(0.01), defaults().tolerated_increase)),
        Just((Some(0.01), None)),
        Just((None, defaults().tolerated_increase)),
    ];
    let config = (prop_oneof![Just(1_i64), Just(60), Just(300)], limits, 1..30_u64, 1..5_u32);
    let state = (0..40_i64, prop::option::weighted(0.9, 0..50_i64), 0.0..=1.0, until(), until());
    (config, state).prop_map(
        |((period, (most, increase), min_errors, gates), (moved, settled, weight, bakes, waits))| {
            let config = Config {
                period,
                max_error_rate: most,
                tolerated_increase: increase,
                min_errors,
                gates,
                ..defaults()
            };
            let state = State {
                moved_at: moved * period,
                settled_at: settled.map(|settled| settled * period),
                weight,
                bakes_until: bakes.map(|bakes| bakes * period),
                waits_until: waits.map(|waits| waits * period),
            };
            (config, state)
        },
    )
}

/// Judged when everything but the last minute's patience is over.
fn judged(config: &Config, rows: &[Row]) -> Evaluation {
    let minutes = rows.iter().map(|row| row.start / 60 + 1).max().unwrap_or(0);
    let state =
        State { moved_at: 600, settled_at: Some(660), weight: 0.3, bakes_until: None, waits_until: None };
    evaluate(config, &state, rows, 60 * minutes + config.metric_delay)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// More errors in the newest period, up to its requests, never make the score or the verdict milder: wherever the
    /// shift stands, and however long the step has waited.
    #[test]
    fn more_errors_are_never_milder(
        rows in series(),
        (config, state) in circumstances(),
        later in 0..6_i64,
        (few, more) in (errors(), errors()),
    ) {
        let with = |errors: u64| {
            let mut rows = rows.clone();
            for row in &mut rows {
                row.start = row.start / 60 * config.period;
            }
            let newest = rows.last_mut().unwrap();
            newest.to.errors = newest.to.requests.map(|requests| errors.min(requests));
            let now = newest.start + (1 + later) * config.period + config.metric_delay;
            evaluate(&config, &state, &rows, now)
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
        empty[at] = Row { start: empty[at].start, ..Row::default() };
        let mut without = empty.clone();
        without.remove(at);
        prop_assert_eq!(judged(&defaults(), &empty), judged(&defaults(), &without));
    }
}
