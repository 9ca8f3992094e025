//! What comes of a plan, by what goes wrong.

use super::*;
use crate::plan::{Format, parse};

const PLAN: &str = r#"
name: www
records: [{ zone: Z1, name: www.example.com, types: [A, AAAA] }]
from: { paris: 2, lyon: 1 }
to: { cloud: 1 }
ramp: { steps: [5, 25, { share: 100, approval: true }], hold: 15m, bake: 30m }
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
      from: { preset: alb, load_balancer: app/legacy/1 }
"#;

fn setting() -> Setting {
    let begins = "2026-12-01T09:00:00Z".parse().unwrap();
    Setting {
        begins,
        requests_per_minute: 4_000.0,
        ends_after: SignedDuration::from_hours(48),
        ..Setting::default()
    }
}

fn play(plan: &str, setting: &Setting) -> Timeline {
    rehearse(&parse(plan, Format::Yaml).unwrap(), setting).unwrap()
}

fn incident(begins: Moment, what: Trouble) -> Setting {
    Setting { incidents: vec![Incident { begins, lasts: None, what }], ..setting() }
}

fn share(percent: f64) -> Moment {
    Moment::Reached(Share::from_percent(percent).unwrap())
}

/// The codes of the holds that began.
fn holds(timeline: &Timeline) -> Vec<&str> {
    let began = timeline.events.iter().filter_map(|event| {
        let Happened::HoldBegan { hold } = &event.what else { return None };
        Some(hold.code.as_str())
    });
    began.collect()
}

fn failure(timeline: &Timeline) -> Option<&str> {
    timeline.events.iter().find_map(|event| {
        let Happened::GateFailed { gate, .. } = &event.what else { return None };
        Some(gate.code.as_str())
    })
}

#[test]
fn a_healthy_shift_is_completed_after_its_holds() {
    let timeline = play(PLAN, &setting());
    assert_eq!((timeline.phase.as_str(), timeline.share.percent()), ("completed", 100.0));
    let took = timeline.ended_at.duration_since(setting().begins);
    let holds = SignedDuration::from_mins(15 + 15 + 30);
    assert!(took > holds && took < holds + SignedDuration::from_mins(15), "{took:#}");
    assert_eq!(timeline.failed, 0.0);
    let shares: Vec<f64> = timeline.traffic.iter().map(|interval| interval.share).collect();
    assert!(shares.is_sorted() && shares.last() == Some(&1.0));
    // Two plays of the same plan are the same.
    assert_eq!(play(PLAN, &setting()).events, timeline.events);
}

#[test]
fn errors_take_it_back_and_are_counted() {
    let timeline = play(PLAN, &incident(share(25.0), Trouble::ErrorsOfTo(0.05)));
    assert_eq!((timeline.phase.as_str(), failure(&timeline)), ("reverted", Some("errors")));
    // A quarter of four thousand a minute, of which one in twenty fails.
    let minutes = timeline.failed / (1_000.0 * 0.049);
    assert!((2.0..12.0).contains(&minutes), "{} requests failed", timeline.failed);
}

#[test]
fn what_fails_on_both_sides_holds_it_and_takes_nothing_back() {
    let mut setting = incident(share(25.0), Trouble::ErrorsOfTo(0.05));
    setting.incidents.push(Incident { what: Trouble::ErrorsOfFrom(0.05), ..setting.incidents[0].clone() });
    setting.ends_after = SignedDuration::from_hours(2);
    let timeline = play(PLAN, &setting);
    assert_eq!((timeline.phase.as_str(), failure(&timeline)), ("running", None));
    assert!(holds(&timeline).contains(&"shared_outage"), "{:?}", holds(&timeline));
    assert!(timeline.waits_for.is_some());
}

#[test]
fn a_side_that_nobody_reaches_takes_it_back() {
    let timeline = play(PLAN, &incident(share(5.0), Trouble::Unreachable));
    assert_eq!((timeline.phase.as_str(), failure(&timeline)), ("reverted", Some("silence")));
}

#[test]
fn traffic_that_does_not_follow_holds_it() {
    let mut setting = incident(Moment::After(SignedDuration::ZERO), Trouble::Pinned);
    // Five per cent of it come, and it is a quarter that is meant.
    setting.incidents[0].begins = share(5.0);
    setting.incidents[0].begins = Moment::After(SignedDuration::from_mins(10));
    setting.ends_after = SignedDuration::from_hours(2);
    let timeline = play(PLAN, &setting);
    assert_eq!(timeline.phase, "running");
    assert!(holds(&timeline).contains(&"share"), "{:?}", holds(&timeline));
}

#[test]
fn without_metrics_it_waits_until_they_are_back() {
    let mut setting = incident(share(25.0), Trouble::NoMetrics);
    setting.incidents[0].lasts = Some(SignedDuration::from_hours(1));
    let timeline = play(PLAN, &setting);
    assert_eq!(timeline.phase, "completed");
    assert!(holds(&timeline).contains(&"no_data"), "{:?}", holds(&timeline));
    assert!(timeline.ended_at.duration_since(setting.begins) > SignedDuration::from_mins(100));
}

#[test]
fn an_approval_that_never_comes_is_waited_for() {
    let timeline = play(PLAN, &Setting { approved_after: None, ..setting() });
    assert_eq!((timeline.phase.as_str(), timeline.share.percent()), ("running", 25.0));
    assert_eq!(timeline.waits_for.as_deref(), Some("step 3 (100 %) waits for somebody's approval"));
}

#[test]
fn orders_are_followed_or_refused() {
    let order = |minutes, verb| Order { at: Moment::After(SignedDuration::from_mins(minutes)), verb };
    let orders = vec![
        order(10, Command::Pause { freeze: false }),
        order(100, Command::Resume),
        order(110, Command::Finalize),
        order(120, Command::Revert),
    ];
    let timeline = play(PLAN, &Setting { orders, ..setting() });
    assert_eq!(timeline.phase, "reverted");
    let [(at, why)] = timeline.refused.as_slice() else { panic!("{:?}", timeline.refused) };
    assert_eq!(at.duration_since(setting().begins), SignedDuration::from_mins(110));
    assert!(why.contains("cannot finalize"), "{why}");
}

#[test]
fn a_calendar_is_kept_and_shifts_that_come_first_are_taken_for_done() {
    let schedule = r#"
schedule:
  timezone: Europe/Paris
  windows: [{ days: [tue], from: "10:00", to: "10:20" }, { from: "13:00", to: "13:20" }]
  freezes: [{ from: 2026-12-01T11:50:00Z, to: 2026-12-01T12:10:00Z }]
  after: [db]
"#;
    let timeline = play(&format!("{PLAN}{schedule}"), &setting());
    assert_eq!(timeline.phase, "completed");
    let steps: Vec<String> = timeline
        .events
        .iter()
        .filter(|event| matches!(event.what, Happened::Intended { .. }))
        .map(|event| event.at.strftime("%d %H:%M").to_string())
        .collect();
    assert_eq!(steps, ["01 09:00", "01 09:17", "01 12:10"]);
}

#[test]
fn an_approval_that_does_not_come_in_time_is_followed_by_what_the_plan_says() {
    let plan = PLAN.replace("approval: true", "approval: { deadline: 5h, then: revert }");
    let timeline = play(&plan, &Setting { approved_after: None, ..setting() });
    assert_eq!(timeline.phase, "reverted");
    let plan = PLAN.replace("approval: true", "approval: { deadline: 5h, then: step_back }");
    let timeline = play(&plan, &Setting { approved_after: Some(SignedDuration::from_hours(6)), ..setting() });
    assert_eq!((timeline.phase.as_str(), timeline.share.percent()), ("running", 5.0));
}

/// A timeline that was broken off would look like one that is waited for.
#[test]
fn decisions_that_come_to_no_end_are_no_timeline() {
    let plan = parse(PLAN, Format::Yaml).unwrap();
    let Err(Unplayable::Endless { at, share }) = within(&plan, &setting(), 2) else { panic!("it ends") };
    assert_eq!((at, share.percent()), (setting().begins, 5.0));
    // A plan of many zones has many things to decide at once, and comes to an end.
    let records: Vec<String> =
        (0..200).map(|n| format!("{{ zone: Z{n:03}, name: w{n}.example.com, types: [A] }}")).collect();
    let many = PLAN.replace("{ zone: Z1, name: www.example.com, types: [A, AAAA] }", &records.join(", "));
    assert_eq!(play(&many, &setting()).phase, "completed");
}
