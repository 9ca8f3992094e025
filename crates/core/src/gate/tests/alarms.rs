//! What alarms come to, as a table.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{gate_of, minutes_ago, now};
use crate::{
    gate::{AlarmData, AlarmReading, AlarmState, Answer, GateReport, Standing, Verdict, judge},
    plan::Gate,
};

const GATE: &str = "
  - name: alarms
    alarms:
      names: [latency, saturation]
      region: eu-west-1
      acknowledged: [{ name: saturation, reason: known, until: 2026-12-01T10:30:00Z }]
";

fn gate() -> Gate {
    gate_of(GATE)
}

fn found(state: AlarmState, minutes: i64) -> AlarmReading {
    AlarmReading::Found { state, since: Some(minutes_ago(minutes)), reason: None, doubt: None }
}

fn data(latency: AlarmReading, saturation: AlarmReading) -> AlarmData {
    let alarms = BTreeMap::from([("latency".to_owned(), latency), ("saturation".to_owned(), saturation)]);
    AlarmData { fetched_at: now(), alarms }
}

/// Traffic was moved half an hour ago, and has settled.
fn standing() -> Standing {
    let (moved_at, settled_at) = (Some(minutes_ago(30)), Some(minutes_ago(20)));
    Standing { moved_at, began_at: moved_at, settled_at, ..Standing::default() }
}

fn told(data: AlarmData, standing: Standing, at: Timestamp) -> GateReport {
    judge(&gate(), Some(&Answer::Alarms(data)), standing, at)
}

#[track_caller]
fn check(data: AlarmData, standing: Standing, verdict: Verdict, code: &str, sentence: &str) {
    let report = told(data, standing, now());
    assert_eq!((report.verdict, report.code.as_str(), report.sentence.as_str()), (verdict, code, sentence));
}

fn quiet() -> AlarmReading {
    found(AlarmState::Ok, 600)
}

#[test]
fn a_red_alarm_fails_the_gate() {
    let red = |minutes| found(AlarmState::Alarm, minutes);
    let reason = Some("Threshold Crossed: 3 datapoints".to_owned());
    let with_reason =
        AlarmReading::Found { state: AlarmState::Alarm, since: Some(minutes_ago(4)), reason, doubt: None };
    let sentence = "alarm latency has been red since 2026-12-01T09:56:00Z: Threshold Crossed: 3 datapoints";
    check(data(with_reason, quiet()), standing(), Verdict::Fail, "alarm", sentence);
    let sentence = "alarm latency has been red since 2026-12-01T09:56:00Z; so is another";
    check(data(red(4), red(3)), standing(), Verdict::Fail, "alarm", sentence);
    // Whatever is missing beside it, and however old it is: what was red was red.
    let sentence = "alarm latency has been red since 2026-12-01T09:56:00Z";
    let lost = AlarmReading::Unreadable("lost".to_owned());
    let old = AlarmData { fetched_at: minutes_ago(5), ..data(red(4), lost) };
    check(old, standing(), Verdict::Fail, "alarm", sentence);
    let undated = AlarmReading::Found { state: AlarmState::Alarm, since: None, reason: None, doubt: None };
    check(data(undated, quiet()), standing(), Verdict::Fail, "alarm", "alarm latency has been red");
}

#[test]
fn an_alarm_that_was_red_before_holds_until_somebody_acknowledges_it() {
    let before = Standing::default();
    let red = || found(AlarmState::Alarm, 45);
    let sentence = "alarm latency has been red since 2026-12-01T09:15:00Z, before any traffic was moved: mend it, or \
                    acknowledge it with a reason and an expiry";
    check(data(red(), quiet()), before, Verdict::Hold, "red_before", sentence);
    check(data(red(), quiet()), standing(), Verdict::Hold, "red_before", sentence);
    let sentence = "no traffic has been moved yet";
    check(data(quiet(), red()), before, Verdict::Pass, "nothing_moved", sentence);
    let sentence = "2 alarms are quiet, 1 of them acknowledged";
    check(data(quiet(), red()), standing(), Verdict::Pass, "healthy", sentence);
    // It was green in between.
    let again = found(AlarmState::Alarm, 10);
    let sentence = "alarm saturation has been red since 2026-12-01T09:50:00Z";
    check(data(quiet(), again), standing(), Verdict::Fail, "alarm", sentence);
    let later = now() + SignedDuration::from_mins(30);
    let fetched = AlarmData { fetched_at: later, ..data(quiet(), red()) };
    let report = told(fetched, standing(), later);
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Hold, "red_before"));
    assert!(report.sentence.contains("and was acknowledged until 2026-12-01T10:30:00Z only"), "{report:?}");
}

/// After a failure was answered by a person or a step back, what is red since before that can be acknowledged.
#[test]
fn an_alarm_that_failed_the_gate_fails_it_again_unless_it_is_acknowledged() {
    let resumed = Standing { moved_at: Some(minutes_ago(2)), ..standing() };
    let sentence = "alarm latency has been red since 2026-12-01T09:50:00Z";
    check(data(found(AlarmState::Alarm, 10), quiet()), resumed, Verdict::Fail, "alarm", sentence);
    let sentence = "2 alarms are quiet, 1 of them acknowledged";
    check(data(quiet(), found(AlarmState::Alarm, 10)), resumed, Verdict::Pass, "healthy", sentence);
}

#[test]
fn what_is_not_known_holds() {
    let doubt = Some("PARTIAL_DATA".to_owned());
    let doubted = AlarmReading::Found { state: AlarmState::Ok, since: None, reason: None, doubt };
    for (reading, sentence) in [
        (AlarmReading::NoSuchAlarm, "there is no alarm latency in eu-west-1: are its name and region right?"),
        (AlarmReading::Unreadable("denied".to_owned()), "alarm latency could not be read: denied"),
        (doubted, "alarm latency was not fully evaluated: PARTIAL_DATA"),
    ] {
        for standing in [Standing::default(), standing()] {
            check(data(reading.clone(), quiet()), standing, Verdict::Hold, "no_data", sentence);
        }
    }
    let insufficient = data(found(AlarmState::InsufficientData, 3), quiet());
    let sentence = "alarm latency has insufficient data; where its metric is absent when all is well, let it treat \
                    missing data as notBreaching";
    check(insufficient.clone(), standing(), Verdict::Hold, "no_data", sentence);
    let unsettled = Standing { settled_at: None, ..standing() };
    let settling = "the traffic has not settled on the new weights";
    check(insufficient.clone(), unsettled, Verdict::Wait, "settling", settling);
    check(insufficient, Standing::default(), Verdict::Pass, "nothing_moved", "no traffic has been moved yet");
    let mut partial = data(quiet(), quiet());
    partial.alarms.remove("latency");
    check(partial, standing(), Verdict::Hold, "no_data", "alarm latency has not been read");
    let old = AlarmData { fetched_at: minutes_ago(3), ..data(quiet(), quiet()) };
    check(old, standing(), Verdict::Hold, "no_data", "the alarms were last read 180 s ago");
}

#[test]
fn alarms_count_once_they_are_read_after_the_traffic_has_settled() {
    let quiet = || data(quiet(), quiet());
    let sentence = "the traffic has not settled on the new weights";
    for settled_at in [None, Some(now() + SignedDuration::from_secs(1))] {
        check(quiet(), Standing { settled_at, ..standing() }, Verdict::Wait, "settling", sentence);
    }
    check(quiet(), standing(), Verdict::Pass, "healthy", "2 alarms are quiet");
    let report = judge(&gate(), None, standing(), now());
    assert_eq!((report.verdict, report.code.as_str()), (Verdict::Wait, "unread"));
}

#[test]
fn numbers_show_every_alarm() {
    let report = told(data(found(AlarmState::Alarm, 45), AlarmReading::NoSuchAlarm), standing(), now());
    insta::assert_json_snapshot!(report);
    let read: GateReport = serde_json::from_value(serde_json::to_value(&report).unwrap()).unwrap();
    assert_eq!(read, report);
}

fn reading() -> impl Strategy<Value = AlarmReading> {
    let found =
        (0..3_usize, proptest::option::of(0..60_i64), any::<bool>()).prop_map(|(state, since, doubt)| {
            AlarmReading::Found {
                state: [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData][state],
                since: since.map(minutes_ago),
                reason: None,
                doubt: doubt.then(|| "EVALUATION_ERROR".to_owned()),
            }
        });
    prop_oneof![
        6 => found,
        1 => Just(AlarmReading::NoSuchAlarm),
        1 => Just(AlarmReading::Unreadable("lost".to_owned())),
    ]
}

proptest! {
    /// Only what is known to be quiet, and acknowledged red of before, lets a shift with traffic on it go on.
    #[test]
    fn nothing_unknown_and_nothing_red_passes(
        latency in reading(),
        saturation in reading(),
        age in 0..5_i64,
        settled in proptest::option::of(0..30_i64),
    ) {
        let standing = Standing { settled_at: settled.map(minutes_ago), ..standing() };
        let data = AlarmData { fetched_at: minutes_ago(age), ..data(latency.clone(), saturation.clone()) };
        let report = told(data, standing, now());
        let known = |reading: &AlarmReading| {
            matches!(reading, AlarmReading::Found { state: AlarmState::Ok, doubt: None, .. })
        };
        let before = matches!(&saturation, AlarmReading::Found { state: AlarmState::Alarm, since: Some(at), .. }
            if *at < minutes_ago(30));
        let fresh = age <= 2 && settled.is_some_and(|settled| age <= settled);
        let passes = known(&latency) && (known(&saturation) || before) && fresh;
        prop_assert_eq!(report.verdict == Verdict::Pass, passes, "{:?}", report);
    }
}
