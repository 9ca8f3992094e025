//! Whatever arrives: counts beyond measure, periods twice, out of order, from the future, or missing. Nothing panics,
//! every number can be written down, and no pass is made of what is not there.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::gate::{
    Code, Evaluation, Increase, Reading, State,
    evaluate::{self, Config},
    vectors::defaults,
};

/// Seconds: an exotic one, and the shortest, the usual and the longest of CloudWatch.
const PERIODS: [i64; 4] = [1, 5, 60, 300];

fn count() -> impl Strategy<Value = Option<u64>> {
    let odd = prop_oneof![Just(0), Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 53), Just(1 << 63)];
    prop::option::of(prop_oneof![8 => 0..2_000_u64, 1 => odd])
}

/// So many that they break a period, and so few that they are only a doubt.
fn errors() -> impl Strategy<Value = u64> {
    prop_oneof![0..=2_000_u64, 0..200_u64, 0..20_u64]
}

/// In periods before now, so that negative ones are in the future; in any order, and some of them twice.
fn readings() -> impl Strategy<Value = Vec<(i64, Reading, Reading)>> {
    let reading = || (count(), count()).prop_map(|(requests, errors)| Reading { requests, errors });
    prop::collection::vec((-5..40_i64, reading(), reading()), 0..60)
}

/// What keeps a step healthy if nothing else arrives, so that passes are tested, too.
fn healthy(periods: i64) -> Vec<(i64, Reading, Reading)> {
    let reading = |requests| Reading { requests: Some(requests), errors: None };
    (1..=periods).map(|ago| (ago, reading(500), reading(1_000))).collect()
}

/// Any gate that a plan can ask for.
fn config() -> impl Strategy<Value = Config> {
    let rate = || prop_oneof![Just(0.01), 1e-6..0.5_f64];
    let increase = (1.0..100.0_f64, prop_oneof![Just(0.005), 0.0..1.0_f64]);
    let increase = increase.prop_map(|(ratio, points)| Increase { ratio, points });
    let rates =
        (prop::option::weighted(0.9, rate()), prop::option::of(increase), 1e-6..1.0_f64, 1e-5..0.1_f64);
    let whole = (prop::sample::select(&PERIODS[..]), 0..900_i64, 0..100_000_i64);
    let most = || prop_oneof![Just(10_u64), Just(1), Just(u64::MAX)];
    let many = || prop_oneof![Just(50_u32), Just(1), Just(u32::MAX)];
    (rates, whole, most(), most(), many(), many()).prop_map(
        |(
            (max_error_rate, increase, alarms, burstiness),
            whole,
            min_requests,
            min_errors,
            gates,
            resolvers,
        )| {
            Config {
                period: whole.0,
                metric_delay: whole.1,
                ttl: whole.2,
                max_error_rate,
                tolerated_increase: increase,
                false_alarms_per_day: alarms,
                gates,
                min_requests,
                min_errors,
                burstiness,
                resolvers,
            }
        },
    )
}

const NOW: i64 = 1_796_119_200;

/// The rows end where periods are closed at `NOW`.
fn rows(config: &Config, readings: &[(i64, Reading, Reading)]) -> Vec<evaluate::Row> {
    let newest = NOW - config.metric_delay;
    let row = |(ago, to, from): &(i64, Reading, Reading)| evaluate::Row {
        start: (newest - ago * config.period).div_euclid(config.period) * config.period,
        to: *to,
        from: *from,
    };
    readings.iter().map(row).collect()
}

fn state() -> impl Strategy<Value = State> {
    let seconds = || prop_oneof![0..20_000_i64, -1_000..0_i64, Just(i64::MAX), Just(i64::MIN)];
    let at = |ago: i64| NOW.saturating_sub(ago);
    let maybe = move || prop::option::of(seconds().prop_map(at));
    (seconds().prop_map(at), maybe(), prop_oneof![0.0..=1.0, Just(0.0), Just(1.0)], maybe(), maybe())
        .prop_map(|(moved_at, settled_at, weight, bakes_until, waits_until)| State {
            moved_at,
            settled_at,
            weight,
            bakes_until,
            waits_until,
        })
}

fn numbers_are_numbers(told: &Evaluation) -> Result<(), TestCaseError> {
    prop_assert!((0.0..=1.0).contains(&told.score), "{told:?}");
    let observed = told.observed.map(|observed| [observed.share, observed.tolerance]);
    let stalled = told.stalled.map(|(rate, limit)| [rate, limit]);
    let maybe = [told.limit, told.baseline, told.advance_limit, told.upper_bound];
    let all = maybe
        .into_iter()
        .flatten()
        .chain(observed.into_iter().flatten())
        .chain(stalled.into_iter().flatten());
    for number in all {
        prop_assert!(number.is_finite() && number >= 0.0, "{told:?}");
    }
    Ok(())
}

/// A pass stands on enough closed and settled periods of the `to` side, with enough requests in them, and on a period
/// that is not long ago.
fn a_pass_has_grounds(
    told: &Evaluation,
    config: &Config,
    state: &State,
    rows: &[evaluate::Row],
) -> Result<(), TestCaseError> {
    if told.code != Code::Healthy {
        return Ok(());
    }
    let is_closed = |row: &&evaluate::Row| row.start + config.period + config.metric_delay <= NOW;
    let closed = || rows.iter().filter(is_closed);
    let settled = |row: &&evaluate::Row| state.settled_at.is_some_and(|settled_at| row.start >= settled_at);
    let counted = |row: &evaluate::Row| row.to.requests.unwrap_or(0).max(row.to.errors.unwrap_or(0));
    let grounds: Vec<_> = closed().filter(settled).filter(|row| counted(row) > 0).collect();
    prop_assert!(grounds.len() >= 5, "{told:?}");
    let requests = grounds.iter().fold(0_u64, |sum, row| sum.saturating_add(counted(row)));
    prop_assert!(requests >= config.min_requests, "{told:?}");
    prop_assert!(told.upper_bound.unwrap() < told.advance_limit.unwrap(), "{told:?}");
    let newest = closed().filter(|row| row.to != Reading::default() || row.from != Reading::default());
    let newest = newest.map(|row| row.start).max().unwrap();
    let moved_long_ago = state.moved_at <= NOW - config.metric_delay - 4 * config.period;
    prop_assert!(!moved_long_ago || newest > NOW - config.metric_delay - 4 * config.period, "{told:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_judgement_takes_anything(
        readings in readings(),
        usual in prop_oneof![Just(0), 1..40_i64],
        config in config(),
        state in state(),
        odd_starts in prop::collection::vec(any::<i64>(), 0..4),
    ) {
        let mut readings = readings;
        if usual > 0 {
            readings.truncate(2);
            readings.extend(healthy(usual));
        }
        let mut rows = rows(&config, &readings);
        let told = evaluate::evaluate(&config, &state, &rows, NOW);
        numbers_are_numbers(&told)?;
        a_pass_has_grounds(&told, &config, &state, &rows)?;
        // From the other end of time.
        let odd = |start| evaluate::Row { start, to: readings.first().map_or(Reading::default(), |row| row.1), ..evaluate::Row::default() };
        rows.extend(odd_starts.into_iter().map(odd));
        numbers_are_numbers(&evaluate::evaluate(&config, &state, &rows, NOW))?;
    }

    /// Without the last of the periods that it takes, or without any lately, nothing passes.
    #[test]
    fn no_pass_without_enough_periods(
        kept in prop::collection::btree_set(0..12_i64, 0..12),
        from in prop::collection::btree_set(0..60_i64, 0..60),
        period in prop::sample::select(&PERIODS[..]),
    ) {
        let reading = Reading { requests: Some(5_000), errors: Some(0) };
        let taken = |set: &BTreeSet<i64>, ago: i64| if set.contains(&ago) { reading } else { Reading::default() };
        let readings: Vec<_> = (0..60).map(|ago| (ago + 1, taken(&kept, ago), taken(&from, ago))).collect();
        let config = Config { period, tolerated_increase: None, ..defaults() };
        let rows = rows(&config, &readings);
        let newest = rows.iter().map(|row| row.start).max().unwrap();
        let state = State {
            moved_at: newest - 60 * period,
            settled_at: Some(newest - 11 * period),
            weight: 0.5,
            bakes_until: None,
            waits_until: None,
        };
        let told = evaluate::evaluate(&config, &state, &rows, newest + period + config.metric_delay);
        prop_assert!(kept.len() >= 5 || told.code != Code::Healthy, "{told:?}");
        prop_assert!(told.heard == kept.iter().any(|ago| *ago < 3), "{told:?}");
    }

    /// Of a plan's gate: whatever arrives, a pass stands on enough requests in settled, closed periods, no two of them
    /// the same, and on fresh, complete data of the `to` side.
    #[test]
    fn a_report_is_never_made_of_missing_data(
        readings in readings(),
        usual in prop_oneof![Just(0), 1..40_i64],
        period in prop::sample::select(&[5_i64, 60, 300][..]),
        share in 0..=100_u8,
        complete: bool,
        age in 0..10_i64,
        waited: bool,
    ) {
        let mut readings = readings;
        if usual > 0 {
            readings.truncate(2);
            readings.extend(healthy(usual));
        }
        let gate = gate_with_periods(period);
        let config = Config { period, ..defaults() };
        let rows = rows(&config, &readings);
        let now = Timestamp::from_second(NOW).unwrap();
        let ago = |periods: i64| now - SignedDuration::from_secs(120 + periods * period);
        let side = |of: fn(&evaluate::Row) -> Reading| Fetched {
            periods: rows
                .iter()
                .map(|row| Period {
                    start: Timestamp::from_second(row.start).unwrap(),
                    requests: of(row).requests,
                    errors: of(row).errors,
                })
                .collect(),
            incomplete: None,
        };
        let mut data = GateData {
            fetched_at: now - SignedDuration::from_mins(age),
            to: side(|row| row.to),
            from: Some(side(|row| row.from)),
        };
        data.to.incomplete = (!complete).then(|| "?".to_owned());
        let standing = Standing {
            began_at: None,
            moved_at: Some(ago(20)),
            settled_at: Some(ago(15)),
            share: Share::from_percent(f64::from(share)).unwrap(),
            waits_until: waited.then_some(ago(0)),
            ..Standing::default()
        };
        let report = judge(&gate, Some(&data), standing, now);
        let told = report.errors().unwrap();
        prop_assert!((0.0..=1.0).contains(&told.score.unwrap()));
        let numbers = [Some(told.limit), told.upper_bound, told.advance_limit, told.baseline];
        prop_assert!(numbers.into_iter().flatten().all(|number| number.is_finite() && number >= 0.0), "{numbers:?}");
        if report.verdict == Verdict::Pass {
            prop_assert!(complete && 60 * age <= (2 * period).max(120));
            prop_assert!(told.step.requests >= told.min_requests);
            prop_assert!(told.upper_bound.unwrap() < told.advance_limit.unwrap());
            let counts = |row: &&evaluate::Row| row.to.requests.unwrap_or(0).max(row.to.errors.unwrap_or(0)) > 0;
            let closed = |row: &&evaluate::Row| row.start + period + 120 <= NOW && row.start >= ago(15).as_second();
            let grounds: BTreeSet<i64> = rows.iter().filter(counts).filter(closed).map(|row| row.start).collect();
            prop_assert!(grounds.len() >= 5, "{grounds:?} {report:?}");
            let heard = |row: &evaluate::Row| row.to != Reading::default() && row.start > NOW - 120 - 4 * period;
            prop_assert!(rows.iter().any(heard), "{report:?}");
        }
    }

    /// What `more_errors_are_never_milder` says of judgements, of reports.
    #[test]
    fn a_report_is_never_milder_for_more_errors(
        (usual, series) in (prop_oneof![Just(20_u64), Just(2_000)], prop_oneof![Just(2_u64), Just(40)]).prop_flat_map(
            |(usual, permille)| {
                let period = (prop::option::weighted(0.9, 0..usual), 0..permille);
                (Just(usual), prop::collection::vec(period, 1..40))
            },
        ),
        period in prop::sample::select(&[5_i64, 60, 300][..]),
        later in 0..8_i64,
        waited: bool,
        complete: bool,
        (few, more) in (errors(), errors()),
    ) {
        let now = Timestamp::from_second(NOW).unwrap();
        let start = |ago: i64| Timestamp::from_second(NOW - 120 - (ago + 1) * period).unwrap();
        let report = |errors: u64| {
            let mut periods: Vec<Period> = series
                .iter()
                .zip(later..)
                .map(|((requests, permille), ago)| Period {
                    start: start(ago),
                    requests: *requests,
                    errors: requests.map(|requests| requests * permille / 1_000),
                })
                .collect();
            periods[0].errors = periods[0].requests.map(|requests| errors.min(requests));
            let legacy = (0..60).map(|ago| Period { start: start(ago), requests: Some(usual), errors: None });
            let data = GateData {
                fetched_at: now,
                to: Fetched { periods: periods.into(), incomplete: (!complete).then(|| "?".to_owned()) },
                from: Some(Fetched { periods: legacy.collect(), incomplete: None }),
            };
            let standing = Standing {
            began_at: None,
                moved_at: Some(start(35)),
                settled_at: Some(start(30)),
                waits_until: waited.then_some(now),
                ..standing()
            };
            judge(&gate_with_periods(period), Some(&data), standing, now)
        };
        let (milder, harder) = (report(few.min(more)), report(few.max(more)));
        prop_assert!(harder.verdict >= milder.verdict, "{milder:?} then {harder:?}");
    }
}

fn gate_with_periods(seconds: i64) -> Gate {
    let period = if seconds < 60 { format!("{seconds}s") } else { format!("{}m", seconds / 60) };
    let source = format!("preset: custom, namespace: N, errors: [E], requests: [R], period: {period}");
    let text = GATE.replace("preset: alb, load_balancer: app/cloud/1", &source);
    let text = text.replace("preset: alb, load_balancer: app/legacy/1", &source);
    gate_of(&text)
}
