//! Tails as they are seen: a fall, silence, missing data, and what is safe.

use super::*;
use crate::{
    gate::{Fetched, Period},
    plan::{Format, Gate, parse},
};

const GATE: &str = "name: x\nrecords: [{ zone: Z1, name: www.example.com, types: [A] }]\nfrom: { legacy: 1 }\n\
    to: { cloud: 1 }\nramp: { steps: [10], hold: 10m }\ngates: [{ name: errors, error_rate: { to: { preset: alb, \
    load_balancer: app/cloud/1 }, from: { preset: alb, load_balancer: app/legacy/1 } } }]";

fn gate() -> Gate {
    parse(GATE, Format::Yaml).unwrap().gates.remove(0)
}

fn began() -> Timestamp {
    "2026-12-01T10:00:00Z".parse().unwrap()
}

/// The counts of minute after minute since the side lost its weights; `None` is no datapoint.
fn side(minutes: impl IntoIterator<Item = Option<u64>>) -> Fetched {
    let period = |(i, requests): (usize, Option<u64>)| {
        let start = began() + SignedDuration::from_mins(i as i64);
        requests.map(|requests| Period { start, requests: Some(requests), errors: None })
    };
    Fetched { periods: minutes.into_iter().enumerate().filter_map(period).collect(), incomplete: None }
}

/// The legacy side's tail after so many minutes, beside a cloud side that serves a thousand requests in each.
fn legacy(minutes: &[Option<u64>]) -> Tail {
    told(side(minutes.iter().copied()), side(minutes.iter().map(|_| Some(1_000))), minutes.len())
}

fn told(from: Fetched, to: Fetched, minutes: usize) -> Tail {
    let gate = gate();
    let errors = gate.errors().unwrap();
    let losing = Losing { side: Side::From, since: began(), ended: true, gate: "errors", errors };
    let now = began() + SignedDuration::from_mins(minutes as i64) + errors.metric_delay.0;
    let data = GateData { fetched_at: now, to, from: Some(from) };
    seen(&losing, &data, Decommission::default(), now)
}

/// Half as many every so many minutes.
fn falling(from: f64, half_life: f64, minutes: usize) -> Vec<Option<u64>> {
    (0..minutes).map(|i| Some((from * 0.5_f64.powf(i as f64 / half_life)).round() as u64)).collect()
}

#[test]
fn a_fall_has_its_half_life() {
    for (half_life, minutes) in [(3.0, 20), (9.0, 60), (9.0, 90), (60.0, 120), (300.0, 600)] {
        let tail = legacy(&falling(10_000.0, half_life, minutes));
        let found = tail.half_life_seconds.unwrap() as f64 / 60.0;
        assert!((found / half_life - 1.0).abs() < 0.05, "{found} instead of {half_life} after {minutes}");
    }
    let tail = legacy(&falling(1_000.0, 9.0, 60));
    assert_eq!(tail.sentence, "The legacy side still gets 12 requests a minute, half as many every 9 min.");
    assert_eq!(tail.at, Some(began() + SignedDuration::from_hours(1)));
    // One burst changes nothing.
    let mut burst = falling(10_000.0, 9.0, 90);
    burst[80] = Some(5_000);
    let found = legacy(&burst).half_life_seconds.unwrap() as f64 / 60.0;
    assert!((found / 9.0 - 1.0).abs() < 0.05, "{found}");
}

#[test]
fn what_does_not_clearly_fall_has_no_half_life() {
    let wavering: Vec<_> = (0..60).map(|i| Some(20 + i * 7 % 5)).collect();
    let tail = legacy(&wavering);
    assert_eq!(tail.half_life_seconds, None);
    assert_eq!(tail.sentence, "The legacy side still gets 22 requests a minute.");
    assert_eq!(legacy(&falling(10_000.0, 3.0, 5)).half_life_seconds, None);
    let rising: Vec<_> = (0..60).map(|i| Some(10 * i)).collect();
    assert_eq!(legacy(&rising).half_life_seconds, None);
}

#[test]
fn silence_beside_a_side_that_serves_is_no_requests() {
    let mut minutes = falling(100.0, 2.0, 20);
    minutes.resize(90, None);
    let tail = legacy(&minutes);
    assert_eq!(tail.requests_per_minute, Some(0.0));
    // All but 60 requests came within five minutes, so that the hour after these had fewer than one a minute.
    let since = tail.safe_since.unwrap();
    assert!(
        since > began() + SignedDuration::from_mins(60) && since < began() + SignedDuration::from_mins(70)
    );
    assert_eq!(
        tail.sentence,
        format!("The legacy side gets no requests: safe to decommission since {}.", since)
    );
}

#[test]
fn silence_of_both_is_unknown() {
    let cut = 70;
    let alive = |i: usize| Some(1_000).filter(|_| i < cut);
    let tail = told(Fetched::default(), side((0..90).map(alive)), 90);
    assert_eq!((tail.requests_per_minute, tail.safe_since), (None, None));
    assert_eq!(tail.sentence, "It is not known how many requests the legacy side still gets.");
    let tail = told(Fetched::default(), side((0..90).map(|_| Some(1_000))), 90);
    assert_eq!(tail.safe_since, Some(began() + SignedDuration::from_mins(60)));
    // What an incomplete answer lacks may be there.
    let incomplete = Fetched { incomplete: Some("PartialData".to_owned()), ..Fetched::default() };
    let tail = told(incomplete, side((0..90).map(|_| Some(1_000))), 90);
    assert_eq!((tail.requests_per_minute, tail.safe_since), (None, None));
}

#[test]
fn it_is_not_safe_before_it_was_low_for_long() {
    let tail = legacy(&vec![None; 59]);
    assert_eq!(tail.safe_since, None);
    assert_eq!(
        tail.sentence,
        "The legacy side gets no requests: safe to decommission once it was below 1 a minute for 1h."
    );
    assert!(legacy(&vec![None; 60]).safe_since.is_some());
    // A stray request now and then is nothing; requests that come back are.
    let mut minutes: Vec<_> = (0..120).map(|i| (i % 3 == 0).then_some(1)).collect();
    assert!(legacy(&minutes).safe_since.is_some());
    minutes.extend([Some(2); 5]);
    assert_eq!(legacy(&minutes).safe_since, None);
    // A third of the hour is not known.
    let known = |i: usize| Some(1_000).filter(|_| !(30..50).contains(&i));
    assert_eq!(told(Fetched::default(), side((0..70).map(known)), 70).safe_since, None);
    // While a revert may still need it, nothing is.
    let gate = gate();
    let errors = gate.errors().unwrap();
    let losing = Losing { side: Side::From, since: began(), ended: false, gate: "errors", errors };
    let now = began() + SignedDuration::from_hours(2);
    let data =
        GateData { fetched_at: now, to: side((0..120).map(|_| Some(9))), from: Some(Fetched::default()) };
    let tail = seen(&losing, &data, Decommission::default(), now);
    assert_eq!((tail.safe_since, tail.sentence.as_str()), (None, "The legacy side still gets no requests."));
}

#[test]
fn after_a_revert_it_is_the_cloud_side() {
    let gate = gate();
    let errors = gate.errors().unwrap();
    let losing = Losing { side: Side::To, since: began(), ended: true, gate: "errors", errors };
    let now = began() + SignedDuration::from_mins(32);
    let to = side(falling(100.0, 100.0, 30));
    let data = |from| GateData { fetched_at: now, to: to.clone(), from };
    let serves = Some(side((0..30).map(|_| Some(500))));
    let tail = seen(&losing, &data(serves), Decommission::default(), now);
    assert_eq!(tail.sentence, "The cloud side still gets 83 requests a minute.");
    // Without a side to compare with, what is counted counts, and silence is unknown.
    let tail = seen(&losing, &data(None), Decommission::default(), now);
    assert_eq!(tail.requests_per_minute.map(f64::round), Some(83.0));
    let later = now + SignedDuration::from_mins(20);
    let silent = GateData { fetched_at: later, ..data(None) };
    assert_eq!(seen(&losing, &silent, Decommission::default(), later).requests_per_minute, None);
}
