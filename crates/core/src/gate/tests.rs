//! Verdicts, as a table: what was counted, and what follows.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Fetched, GateData, GateReport, Period, Standing, Verdict, judge};
use crate::plan::{Format, Gate, parse};

const GATE: &str = r#"
name: x
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10], hold: 10m }
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
      from: { preset: alb, load_balancer: app/legacy/1 }
"#;

fn gate() -> Gate {
    parse(GATE, Format::Yaml).unwrap().gates.remove(0)
}

fn now() -> Timestamp {
    "2026-12-01T10:00:00Z".parse().unwrap()
}

fn minutes_ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// Minutes ago, requests, errors.
type Row = (i64, Option<u64>, Option<u64>);

fn fetched(rows: &[Row]) -> Fetched {
    let period = |row: &Row| Period { start: minutes_ago(row.0), requests: row.1, errors: row.2 };
    Fetched { periods: rows.iter().map(period).collect(), incomplete: None }
}

fn data(rows: &[Row]) -> GateData {
    GateData { fetched_at: now(), to: fetched(rows), from: Some(fetched(&[(4, Some(1_000), None)])) }
}

/// Moved twenty minutes ago, settled fifteen minutes ago.
fn standing() -> Standing {
    Standing { moved_at: Some(minutes_ago(20)), settled_at: Some(minutes_ago(15)) }
}

#[track_caller]
fn check(data: &GateData, standing: Standing, verdict: Verdict, code: &str) -> GateReport {
    let report = judge(&gate(), Some(data), standing, now());
    assert_eq!((report.verdict, report.code.as_str()), (verdict, code), "{}", report.sentence);
    report
}

#[test]
fn verdicts() {
    let table: &[(&str, &[Row], Verdict, &str)] = &[
        (
            "healthy",
            &[(6, Some(500), None), (5, Some(500), Some(3)), (4, Some(500), None)],
            Verdict::Pass,
            "healthy",
        ),
        ("too few to tell", &[(5, Some(30), None), (4, Some(30), None)], Verdict::Wait, "few_requests"),
        ("one error in one request is not 100 %", &[(4, Some(1), Some(1))], Verdict::Wait, "few_requests"),
        ("errors", &[(4, Some(500), Some(50))], Verdict::Fail, "errors"),
        (
            "errors in a minute that is not closed",
            &[(4, Some(500), None), (1, Some(500), Some(50))],
            Verdict::Fail,
            "errors",
        ),
        ("errors without requests", &[(4, Some(500), None), (3, None, Some(40))], Verdict::Fail, "errors"),
        ("no datapoint at all", &[], Verdict::Hold, "no_data"),
        ("none lately", &[(12, Some(500), None), (11, Some(500), None)], Verdict::Hold, "no_data"),
        (
            "bad earlier in the step",
            &[(12, Some(500), Some(50)), (4, Some(500), None)],
            Verdict::Hold,
            "above_limit",
        ),
        (
            "bad before the step settled, good since",
            &[(17, Some(500), Some(50)), (4, Some(500), None)],
            Verdict::Pass,
            "healthy",
        ),
        (
            "bad before anything was moved",
            &[(25, Some(500), Some(500)), (4, Some(500), None)],
            Verdict::Pass,
            "healthy",
        ),
    ];
    for (name, rows, verdict, code) in table {
        println!("{name}");
        check(&data(rows), standing(), *verdict, code);
    }
}

#[test]
fn a_period_counts_for_it_only_when_it_is_settled_and_closed() {
    // Settled at the start of the minute 5 ago, which is closed; the one 2 ago is not closed for another minute.
    let standing = Standing { settled_at: Some(minutes_ago(5)), ..standing() };
    let report = check(
        &data(&[(6, Some(7), None), (5, Some(100), None), (2, Some(70), None)]),
        standing,
        Verdict::Pass,
        "healthy",
    );
    assert_eq!(report.step.requests, 100);
    let unsettled = Standing { settled_at: None, ..standing };
    check(&data(&[(4, Some(500), None)]), unsettled, Verdict::Wait, "settling");
}

#[test]
fn incomplete_or_stale_data_can_fail_but_not_pass() {
    let good: &[Row] = &[(4, Some(500), None)];
    let bad: &[Row] = &[(4, Some(500), Some(100))];
    let incomplete = |rows| {
        let mut data = data(rows);
        data.to.incomplete = Some("PartialData".to_owned());
        data
    };
    check(&incomplete(good), standing(), Verdict::Hold, "no_data");
    check(&incomplete(bad), standing(), Verdict::Fail, "errors");
    let stale = |rows| GateData { fetched_at: minutes_ago(3), ..data(rows) };
    check(&stale(good), standing(), Verdict::Hold, "no_data");
    check(&stale(bad), standing(), Verdict::Fail, "errors");
    assert_eq!(judge(&gate(), None, standing(), now()).verdict, Verdict::Wait);
}

#[test]
fn before_the_first_step_the_metrics_have_to_be_readable() {
    let nowhere = Standing { moved_at: None, settled_at: None };
    check(&data(&[]), nowhere, Verdict::Pass, "nothing_moved");
    let mut silent = data(&[]);
    silent.from = Some(fetched(&[]));
    check(&silent, nowhere, Verdict::Hold, "no_data");
    let mut broken = data(&[]);
    broken.to.incomplete = Some("Forbidden".to_owned());
    check(&broken, nowhere, Verdict::Hold, "no_data");
}

#[test]
fn the_observed_share_is_of_the_settled_traffic() {
    let share = |to: &[Row], from: &[Row], standing| {
        let data = GateData { from: Some(fetched(from)), ..data(to) };
        super::observed_share(&gate(), &data, standing, now()).map(|share| share.percent())
    };
    let (to, from): (&[Row], &[Row]) =
        (&[(17, Some(1), None), (8, Some(25), None)], &[(17, Some(999), None), (8, Some(75), None)]);
    assert_eq!(share(to, from, standing()), Some(25.0));
    assert_eq!(share(&[], from, standing()), Some(0.0));
    assert_eq!(share(&[], &[], standing()), None);
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let count = || prop::option::of(prop_oneof![0..2_000_u64, Just(u64::MAX / 1_000)]);
    prop::collection::vec((-3..40_i64, count(), count()), 0..40)
}

proptest! {
    /// Whatever arrives, a pass stands on enough requests in settled, closed periods and on fresh, complete data.
    #[test]
    fn a_pass_is_never_made_of_missing_data(rows in rows(), complete: bool, age in 0..10_i64) {
        let mut data = data(&rows);
        data.fetched_at = minutes_ago(age);
        data.to.incomplete = (!complete).then(|| "?".to_owned());
        let report = judge(&gate(), Some(&data), standing(), now());
        if report.verdict == Verdict::Pass {
            prop_assert!(complete && age <= 2 && report.step.requests >= report.min_requests);
            prop_assert!(report.step.errors as f64 <= report.limit * report.step.requests as f64);
        }
    }

    /// More errors in the newest minute never make the verdict milder.
    #[test]
    fn more_errors_are_never_milder(rows in rows(), requests in 0..1_000_u64, few in 0..1_000_u64, more in 0..1_000_u64) {
        let verdict = |errors: u64| {
            let mut rows = rows.clone();
            rows.retain(|row| row.0 != 3);
            rows.push((3, Some(requests), Some(errors.min(requests))));
            judge(&gate(), Some(&data(&rows)), standing(), now()).verdict
        };
        let (milder, harder) = (verdict(few.min(more)), verdict(few.max(more)));
        prop_assert!(harder >= milder, "{milder:?} then {harder:?}");
    }
}
