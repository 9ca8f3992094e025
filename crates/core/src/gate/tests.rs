//! Verdicts, as a table: what was counted, and what follows. Known answers to the digit are in `vectors`.

mod again;
mod alarms;
mod blast_radius;
mod latency;
mod odd;
mod probe;
mod properties;
mod source;

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Fetched, GateData, GateReport, Period, Standing, Verdict};
use crate::{
    Share,
    plan::{Format, Gate, parse},
};

const GATE: &str = "
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
      from: { preset: alb, load_balancer: app/legacy/1 }
";

/// A plan's only gate.
fn gate_of(gate: &str) -> Gate {
    let rest = "
name: x
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10], hold: 10m }
gates:";
    parse(&format!("{rest}{gate}"), Format::Yaml).unwrap().gates.remove(0)
}

fn judge(gate: &Gate, data: Option<&GateData>, standing: Standing, now: Timestamp) -> GateReport {
    super::judge(gate, data.cloned().map(Answer::Counts).as_ref(), standing, now)
}

fn gate() -> Gate {
    gate_of(GATE)
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

/// The legacy side serves a thousand requests a minute, with one error in each.
fn data(rows: &[Row]) -> GateData {
    GateData { fetched_at: now(), to: fetched(rows), from: Some(fetched(&minutes(60, 3, 1_000, 1))) }
}

/// The legacy side serves twenty requests a minute.
fn quiet(rows: &[Row]) -> GateData {
    GateData { from: Some(fetched(&minutes(60, 3, 20, 0))), ..data(rows) }
}

/// The same counts in every minute from `first` to `last`.
fn minutes(first: i64, last: i64, requests: u64, errors: u64) -> Vec<Row> {
    (last..=first).map(|ago| (ago, Some(requests), Some(errors))).collect()
}

/// Moved twenty minutes ago, settled fifteen minutes ago.
fn standing() -> Standing {
    Standing {
        began_at: None,
        moved_at: Some(minutes_ago(20)),
        settled_at: Some(minutes_ago(15)),
        share: Share::from_percent(30.0).unwrap(),
        ..Standing::default()
    }
}

#[track_caller]
fn check(data: &GateData, standing: Standing, verdict: Verdict, code: &str) -> GateReport {
    let report = judge(&gate(), Some(data), standing, now());
    assert_eq!((report.verdict, report.code.as_str()), (verdict, code), "{}", report.sentence);
    report
}

#[test]
fn verdicts() {
    use Verdict::*;
    let healthy = || minutes(20, 3, 500, 1);
    let after = |bad: &[Row]| {
        let mut rows = healthy();
        rows.retain(|row| !bad.iter().any(|bad| bad.0 == row.0));
        rows.extend_from_slice(bad);
        rows
    };
    let table: Vec<(&str, Vec<Row>, Verdict, &str, &str)> = vec![
        (
            "healthy",
            healthy(),
            Pass,
            "healthy",
            "13 errors in 6,500 requests (0.2 %, at most 0.27 %), under the limit of 0.6 %",
        ),
        ("few minutes", minutes(6, 3, 500, 0), Wait, "few_minutes", "4 of 5 settled minutes"),
        (
            "one bad minute",
            after(&minutes(3, 3, 500, 25)),
            Hold,
            "suspicious",
            "evidence against the `to` side is at 33 % of the level at which it fails (25 of 500 requests failed at \
             09:57, limit 0.6 %)",
        ),
        (
            "three bad minutes",
            after(&minutes(5, 3, 500, 25)),
            Fail,
            "errors",
            "the error rate is above the limit of 0.6 % beyond reasonable doubt (latest minute 5 %)",
        ),
        (
            "down",
            after(&minutes(3, 3, 500, 400)),
            Fail,
            "errors",
            "the error rate is above the limit of 0.6 % beyond reasonable doubt (latest minute 80 %)",
        ),
        ("errors in minutes that are not closed", after(&minutes(2, 1, 500, 400)), Pass, "healthy", ""),
        (
            "on the mend",
            after(&[minutes(6, 4, 500, 40), minutes(3, 3, 500, 10)].concat()),
            Hold,
            "suspicious",
            "evidence against the `to` side is at 100 % of the level at which it fails (10 of 500 requests failed at \
             09:57, limit 0.6 %), but errors are falling",
        ),
        (
            "errors without requests",
            after(&[(4, None, Some(40)), (3, Some(500), Some(0))]),
            Hold,
            "suspicious",
            "",
        ),
        (
            "errors without requests, twice",
            after(&[(5, None, Some(40)), (4, None, Some(40)), (3, None, None)]),
            Fail,
            "errors",
            "",
        ),
        (
            "none lately",
            minutes(15, 6, 500, 0),
            Hold,
            "no_data",
            "the `to` side has no datapoint in the newest closed periods",
        ),
        (
            "none at all",
            Vec::new(),
            Fail,
            "silence",
            "no request reached the `to` side for 13 minutes, while the `from` side served 13,000 at a share of 30 %",
        ),
        (
            "elsewhere",
            minutes(20, 3, 20_000, 1),
            Hold,
            "share",
            "the `to` side gets 95 % of the requests, though its share is 30 %",
        ),
        ("bad before the step settled, good since", after(&minutes(17, 17, 500, 50)), Pass, "healthy", ""),
        (
            "bad before anything was moved",
            [healthy(), minutes(30, 25, 500, 500)].concat(),
            Pass,
            "healthy",
            "",
        ),
    ];
    for (name, rows, verdict, code, sentence) in table {
        println!("{name}");
        let report = check(&data(&rows), standing(), verdict, code);
        assert!(sentence.is_empty() || report.sentence == sentence, "{}", report.sentence);
    }
}

#[test]
fn a_quiet_service_takes_its_time() {
    let few = minutes(15, 3, 7, 0);
    let report = check(&quiet(&few), standing(), Verdict::Wait, "few_requests");
    assert_eq!(report.sentence, "91 of 100 requests since the step settled");
    let one_error = [minutes(15, 4, 10, 0), minutes(3, 3, 6, 1)].concat();
    let report = check(&quiet(&one_error), standing(), Verdict::Wait, "not_proven");
    assert_eq!(report.sentence, "1 error in 126 requests: could be as high as 1.8 %, limit 0.59 %");
    let report = check(&quiet(&minutes(15, 3, 12, 0)), standing(), Verdict::Pass, "healthy");
    assert_eq!(report.sentence, "0 errors in 156 requests (0 %, at most 0.46 %), under the limit of 0.59 %");
}

#[test]
fn a_few_errors_are_not_enough() {
    let standing = Standing { share: Share::from_percent(1.0).unwrap(), ..standing() };
    check(&quiet(&minutes(3, 3, 1, 1)), standing, Verdict::Wait, "few_minutes");
    let report = check(&quiet(&minutes(4, 3, 4, 4)), standing, Verdict::Hold, "suspicious");
    assert_eq!(
        report.sentence,
        "evidence against the `to` side is at 100 % of the level at which it fails (4 of 4 requests failed at \
         09:57, limit 0.59 %), but there are too few errors yet to act on"
    );
    check(&quiet(&minutes(5, 3, 4, 4)), standing, Verdict::Fail, "errors");
}

#[test]
fn what_is_not_heard_of_holds_with_an_error_or_without() {
    for errors in [0, 1] {
        let data = quiet(&[minutes(15, 7, 12, 0), minutes(6, 6, 12, errors)].concat());
        check(&data, standing(), Verdict::Hold, "no_data");
    }
}

#[test]
fn a_step_that_is_never_proven_is_stalled() {
    let waited = Standing { waits_until: Some(minutes_ago(1)), ..standing() };
    let report = check(&quiet(&minutes(15, 3, 7, 0)), waited, Verdict::Hold, "stalled");
    assert_eq!(report.sentence, "not proven healthy in time: 91 of 100 requests since the step settled");
    // Bad for long, and good since for just long enough not to be suspicious.
    let long = Standing { moved_at: Some(minutes_ago(40)), settled_at: Some(minutes_ago(40)), ..waited };
    let rows = [minutes(40, 15, 500, 25), minutes(14, 3, 500, 0)].concat();
    let report = check(&data(&rows), long, Verdict::Fail, "stalled_bad");
    assert_eq!(
        report.sentence,
        "not proven healthy in time, and the step's error rate of 3.4 % is clearly above the limit of 0.6 %"
    );
    check(&data(&minutes(15, 3, 500, 0)), waited, Verdict::Pass, "healthy");
    // One more bad minute makes it suspicious; that must not spare it.
    let rows = [minutes(40, 15, 500, 25), minutes(14, 4, 500, 0), minutes(3, 3, 500, 25)].concat();
    check(&data(&rows), Standing { waits_until: None, ..long }, Verdict::Hold, "suspicious");
    check(&data(&rows), long, Verdict::Fail, "stalled_bad");
}

#[test]
fn an_outage_of_both_sides_holds() {
    let mut data = data(&[minutes(20, 8, 500, 1), minutes(7, 3, 500, 25)].concat());
    data.from = Some(fetched(&[minutes(60, 8, 1_000, 1), minutes(7, 3, 1_000, 50)].concat()));
    let report = check(&data, standing(), Verdict::Hold, "shared_outage");
    assert_eq!(
        report.sentence,
        "the `to` side is at 5 %, but the `from` side is failing too: going back would not help"
    );
}

#[test]
fn a_period_counts_for_it_only_when_it_is_settled_and_closed() {
    // Settled at the start of the minute 8 ago; the one 2 ago is not closed for another minute.
    let standing = Standing { settled_at: Some(minutes_ago(8)), ..standing() };
    let report = check(&data(&minutes(12, 0, 400, 0)), standing, Verdict::Pass, "healthy");
    assert_eq!(report.errors().unwrap().step.requests, 6 * 400);
    for settled_at in [None, Some(now() + SignedDuration::from_secs(1))] {
        let unsettled = Standing { settled_at, ..standing };
        check(&data(&minutes(12, 3, 400, 0)), unsettled, Verdict::Wait, "settling");
    }
}

#[test]
fn incomplete_or_stale_data_can_fail_but_not_pass() {
    let good = minutes(15, 3, 500, 0);
    let bad = minutes(15, 3, 500, 100);
    let incomplete = |rows: &[Row]| {
        let mut data = data(rows);
        data.to.incomplete = Some("PartialData".to_owned());
        data
    };
    check(&incomplete(&good), standing(), Verdict::Hold, "no_data");
    check(&incomplete(&bad), standing(), Verdict::Fail, "errors");
    let stale = |rows: &[Row]| GateData { fetched_at: minutes_ago(3), ..data(rows) };
    check(&stale(&good), standing(), Verdict::Hold, "no_data");
    check(&stale(&bad), standing(), Verdict::Fail, "errors");
    assert_eq!(judge(&gate(), None, standing(), now()).verdict, Verdict::Wait);
    // What is missing is neither silence nor an endpoint that answers nothing but errors.
    check(&incomplete(&[]), standing(), Verdict::Hold, "no_data");
    let errors: Vec<Row> = (3..16).map(|ago| (ago, None, Some(100))).collect();
    check(&incomplete(&errors), standing(), Verdict::Hold, "no_data");
    check(&data(&errors), standing(), Verdict::Fail, "errors");
}

#[test]
fn before_the_first_step_the_metrics_have_to_be_readable() {
    let nowhere = Standing::default();
    check(&data(&[]), nowhere, Verdict::Pass, "nothing_moved");
    let mut silent = data(&[]);
    silent.from = Some(fetched(&[]));
    check(&silent, nowhere, Verdict::Hold, "no_data");
    let mut broken = data(&[]);
    broken.to.incomplete = Some("Forbidden".to_owned());
    check(&broken, nowhere, Verdict::Hold, "no_data");
}

#[test]
fn gates_share_the_false_alarms() {
    let score = |gates| {
        let bad = data(&[minutes(20, 4, 500, 0), minutes(3, 3, 500, 8)].concat());
        judge(&gate(), Some(&bad), Standing { gates, ..standing() }, now()).errors().unwrap().score.unwrap()
    };
    let (alone, of_five) = (score(1), score(5));
    // ln 5 more evidence is wanted of each of five.
    assert!((alone / of_five - (12.976 + 5_f64.ln()) / 12.976).abs() < 1e-3, "{alone} {of_five}");
}

#[test]
fn sides_with_other_periods_are_compared_in_whole_ones_of_both() {
    let source = "preset: custom, namespace: N, errors: [E], requests: [R], period: 10s";
    let gate = gate_of(&GATE.replace("preset: alb, load_balancer: app/legacy/1", source));
    let mut data = data(&minutes(20, 3, 500, 1));
    let tenths = (0..400).map(|i| Period {
        start: minutes_ago(2) - SignedDuration::from_secs(10 * (400 - i)),
        requests: Some(166),
        errors: None,
    });
    data.from = Some(Fetched { periods: tenths.collect(), incomplete: None });
    let report = judge(&gate, Some(&data), standing(), now());
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Pass, "healthy"), "{}", report.sentence);
    assert!(report.errors().unwrap().baseline.unwrap() < 0.000_02);
}

#[test]
fn the_observed_share_is_of_the_settled_traffic() {
    let share = |to: &[Row], from: &[Row], standing| {
        let data = GateData { from: Some(fetched(from)), ..data(to) };
        super::observed_share(gate().errors().unwrap(), &data, standing, now()).map(|share| share.percent())
    };
    let (to, from): (&[Row], &[Row]) =
        (&[(17, Some(1), None), (8, Some(25), None)], &[(17, Some(999), None), (8, Some(75), None)]);
    assert_eq!(share(to, from, standing()), Some(25.0));
    assert_eq!(share(&[], from, standing()), Some(0.0));
    assert_eq!(share(&[], &[], standing()), None);
}
