//! What latencies come to, as a table.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{gate_of, minutes_ago, now};
use crate::{
    gate::{Answer, GateReport, LatencyData, Standing, Timed, Timing, Verdict, judge},
    plan::Gate,
};

const GATE: &str = "
  - name: latency
    latency:
      to: { preset: alb, load_balancer: app/cloud/1 }
      from: { preset: alb, load_balancer: app/legacy/1 }
    max_latency: 800ms
";

/// p99, at most 800 ms, and at most half as slow again as the legacy side.
fn gate() -> Gate {
    gate_of(GATE)
}

/// Without a legacy side.
fn alone() -> Gate {
    gate_of(&GATE.replace("      from: { preset: alb, load_balancer: app/legacy/1 }\n", ""))
}

/// Traffic was moved forty minutes ago, and settled half an hour ago.
fn standing() -> Standing {
    let (moved_at, settled_at) = (Some(minutes_ago(40)), Some(minutes_ago(30)));
    Standing { moved_at, began_at: moved_at, settled_at, ..Standing::default() }
}

/// The same latency and samples in every minute from `first` to `last`.
fn minutes(first: i64, last: i64, seconds: f64, samples: u64) -> Vec<Timing> {
    (last..=first).rev().map(|minute| Timing { start: minutes_ago(minute), seconds, samples }).collect()
}

fn timed(parts: &[Vec<Timing>]) -> Timed {
    Timed { periods: parts.concat(), incomplete: None }
}

/// The legacy side is at 400 ms, so that the limit is 600 ms.
fn data(to: &[Vec<Timing>]) -> LatencyData {
    let from = Some(timed(&[minutes(60, 3, 0.4, 5_000)]));
    LatencyData { fetched_at: now(), to: timed(to), from }
}

fn told(gate: &Gate, data: LatencyData, standing: Standing) -> GateReport {
    judge(gate, Some(&Answer::Latencies(data)), standing, now())
}

#[track_caller]
fn check(report: &GateReport, verdict: Verdict, code: &str, sentence: &str) {
    assert_eq!((report.verdict, report.code.as_str(), report.sentence.as_str()), (verdict, code, sentence));
}

#[test]
fn verdicts() {
    for (to, verdict, code, sentence) in [
        (
            vec![minutes(30, 3, 0.45, 500)],
            Verdict::Pass,
            "healthy",
            "p99 was above its limit in 0 of 5 periods, over 2500 requests (latest 450 ms, limit 600 ms)",
        ),
        (
            vec![minutes(30, 4, 0.45, 500), minutes(3, 3, 5.0, 500)],
            Verdict::Pass,
            "healthy",
            "p99 was above its limit in 1 of 5 periods, over 2500 requests (latest 5.0 s, limit 600 ms)",
        ),
        (
            vec![minutes(30, 5, 0.45, 500), minutes(4, 3, 0.7, 500)],
            Verdict::Hold,
            "suspicious",
            "p99 was above its limit in 2 of 5 periods (latest 700 ms, limit 600 ms)",
        ),
        (
            vec![minutes(30, 6, 0.45, 500), minutes(5, 3, 0.7, 500)],
            Verdict::Fail,
            "latency",
            "p99 was above its limit in 3 of 5 periods (latest 700 ms, limit 600 ms)",
        ),
        (
            vec![minutes(6, 3, 0.45, 500)],
            Verdict::Wait,
            "few_minutes",
            "4 of 5 settled periods with requests",
        ),
        // A quiet service: ten minutes hold as many requests as a p99 takes.
        (
            vec![minutes(11, 3, 0.45, 100)],
            Verdict::Wait,
            "few_requests",
            "900 of the 1000 requests that a p99 takes",
        ),
        (
            vec![minutes(20, 9, 0.45, 100), minutes(8, 3, 0.7, 100)],
            Verdict::Fail,
            "latency",
            "p99 was above its limit in 6 of 10 periods (latest 700 ms, limit 600 ms)",
        ),
        // Nothing of it lately, though it was healthy.
        (
            vec![minutes(30, 8, 0.45, 500)],
            Verdict::Hold,
            "no_data",
            "the `to` side has no datapoint in the newest closed periods",
        ),
    ] {
        let report = told(&gate(), data(&to), standing());
        check(&report, verdict, code, sentence);
    }
}

#[test]
fn the_stricter_limit_counts_and_rises_with_the_legacy_side() {
    let slow = |seconds| data(&[minutes(30, 3, seconds, 500)]);
    assert_eq!(told(&alone(), LatencyData { from: None, ..slow(0.7) }, standing()).verdict, Verdict::Pass);
    assert_eq!(told(&alone(), LatencyData { from: None, ..slow(0.9) }, standing()).verdict, Verdict::Fail);
    // The legacy side has been as slow for the last ten minutes.
    let from = Some(timed(&[minutes(60, 13, 0.4, 5_000), minutes(12, 3, 1.0, 5_000)]));
    let both = LatencyData { from, ..data(&[minutes(30, 13, 0.45, 500), minutes(12, 3, 1.2, 500)]) };
    let sentence = "the `to` side is slow, but so is the `from` side: going back would not help";
    check(&told(&gate(), both, standing()), Verdict::Hold, "shared_outage", sentence);
    // Stragglers of a side that carries next to nothing lift nothing.
    let from = Some(timed(&[minutes(60, 41, 0.4, 5_000), minutes(40, 3, 9.0, 1)]));
    let report = told(&gate(), LatencyData { from, ..slow(0.7) }, standing());
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Fail, "latency"));
}

#[test]
fn missing_data_hold() {
    let healthy = || data(&[minutes(30, 3, 0.45, 500)]);
    let why = Some("throttled".to_owned());
    let partial = LatencyData { to: Timed { incomplete: why, ..healthy().to }, ..healthy() };
    check(
        &told(&gate(), partial, standing()),
        Verdict::Hold,
        "no_data",
        "the metrics are incomplete: throttled",
    );
    let old = LatencyData { fetched_at: minutes_ago(3), ..healthy() };
    check(&told(&gate(), old, standing()), Verdict::Hold, "no_data", "the metrics were last read 180 s ago");
    let nothing = LatencyData { fetched_at: now(), to: Timed::default(), from: Some(Timed::default()) };
    let sentence = "no datapoint of either side in the last 3 closed periods";
    check(&told(&gate(), nothing.clone(), standing()), Verdict::Hold, "no_data", sentence);
    let report = told(&gate(), nothing, Standing::default());
    assert!(report.sentence.starts_with("the `from` side shows no latencies"), "{report:?}");
    check(
        &told(&gate(), healthy(), Standing::default()),
        Verdict::Pass,
        "nothing_moved",
        "no traffic has been moved yet",
    );
    let few = LatencyData { to: timed(&[minutes(6, 3, 0.4, 10)]), ..healthy() };
    let late = Standing { waits_until: Some(minutes_ago(1)), ..standing() };
    let report = told(&gate(), few, late);
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Hold, "stalled"));
}

#[test]
fn numbers_are_in_seconds() {
    let report = told(&gate(), data(&[minutes(30, 3, 0.45, 500)]), standing());
    insta::assert_json_snapshot!(report);
    let read: GateReport = serde_json::from_value(serde_json::to_value(&report).unwrap()).unwrap();
    assert_eq!(read, report);
}

fn side() -> impl Strategy<Value = Vec<Timing>> {
    let minute = (0..70_i64, 0.0..3.0_f64, 0..2_000_u64);
    proptest::collection::vec(minute, 0..60).prop_map(|mut minutes| {
        minutes.sort_by_key(|(minute, ..)| -minute);
        minutes.dedup_by_key(|(minute, ..)| *minute);
        let timing = |(minute, seconds, samples)| Timing { start: minutes_ago(minute), seconds, samples };
        minutes.into_iter().map(timing).collect()
    })
}

proptest! {
    #[test]
    fn a_slower_newest_minute_is_never_milder(
        to in side(),
        from in proptest::option::of(side()),
        slower in 0.0..9.0_f64,
        settled in proptest::option::of(0..60_i64),
        stalled in any::<bool>(),
    ) {
        let standing = Standing {
            settled_at: settled.map(minutes_ago),
            waits_until: stalled.then(|| minutes_ago(1)),
            ..standing()
        };
        let with = |periods: Vec<Timing>| LatencyData {
            fetched_at: now(),
            to: Timed { periods, incomplete: None },
            from: from.clone().map(|periods| Timed { periods, incomplete: None }),
        };
        let before = told(&gate(), with(to.clone()), standing);
        let mut worse = to;
        if let Some(newest) = worse.last_mut() {
            newest.seconds += slower;
        }
        let after = told(&gate(), with(worse), standing);
        prop_assert!(after.verdict >= before.verdict, "{before:?}\n{after:?}");
    }

    #[test]
    fn a_pass_has_samples_enough_in_settled_minutes(
        to in side(),
        from in side(),
        settled in proptest::option::of(0..60_i64),
        age in 0..5_i64,
        complete in any::<bool>(),
    ) {
        let settled_at = settled.map(minutes_ago);
        let incomplete = (!complete).then(|| "lost".to_owned());
        let data = LatencyData {
            fetched_at: minutes_ago(age),
            to: Timed { periods: to.clone(), incomplete },
            from: Some(Timed { periods: from, incomplete: None }),
        };
        let report = told(&gate(), data, Standing { settled_at, ..standing() });
        if report.verdict == Verdict::Pass {
            let closed = now() - SignedDuration::from_mins(3);
            let proof: Vec<&Timing> = to
                .iter()
                .filter(|timing| settled_at.is_some_and(|at| timing.start >= at) && timing.start <= closed)
                .collect();
            prop_assert!(complete && age <= 2 && proof.len() >= 5);
            prop_assert!(proof.iter().map(|timing| timing.samples).sum::<u64>() >= 1_000);
            prop_assert!(proof.iter().any(|timing| timing.start >= minutes_ago(6)));
        }
    }
}
