use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    Share, ZoneId,
    decide::{Other, Progress},
    event::Actor,
    invariants::{Commit, Sent},
    plan::{Format, parse},
    shift::{Command, command, create},
};

const PLAN: &str = "
name: www
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10, 100], hold: 10m }
gates: [{ name: errors, error_rate: { to: { preset: alb, load_balancer: app/cloud/1 } } }]
schedule: ";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What I12 says of a first step that is intended and sent at these times, with another shift at this share.
fn said(schedule: &str, intended: &str, sent: &str, share: Option<f64>) -> Option<String> {
    let plan = parse(&format!("{PLAN}{schedule}\n"), Format::Yaml).unwrap();
    let (ada, intended, sent) = (Actor("ada".to_owned()), at(intended), at(sent));
    let group = "Z1/www.example.com/A".to_owned().try_into().unwrap();
    let (created, _) = create(plan, vec![group], &ada, None, intended).unwrap();
    let (before, _) = command(&created, Command::Start, &ada, None, intended).unwrap();
    let wanted = before.plan.ramp.steps[0].share;
    let intent = before.intend(Purpose::Step { index: 0 }, wanted, before.weights_for(wanted));
    let (shift, events) = before.after(vec![intent], &Actor::daemon(), None, intended).unwrap();
    let progress = |share| Progress {
        phase: Phase::Running { since: intended, next: 1 },
        share: Share::from_percent(share).unwrap(),
    };
    let other = Other { at: intended, found: share.map(progress) };
    let commit = Commit {
        at: intended,
        before: Arc::new(before),
        events,
        gates: BTreeMap::new(),
        reads: BTreeMap::new(),
        others: BTreeMap::from([("db".to_owned(), other)]),
        saved: true,
    };
    let (zone, shift) = (ZoneId::new("Z1"), Arc::new(shift));
    let sent = Sent { at: sent, clock: sent, zone, generation: 1, shift: shift.clone(), paused_since: None };
    let world = World {
        now: intended,
        owner: "here",
        shift: &shift,
        history: &[],
        checked: 0,
        zones: &BTreeMap::new(),
        commits: &[Arc::new(commit)],
        landed: &[],
        sent: &[sent],
        writers: 1,
        requests: 0,
        requests_max: 60,
        overdue: None,
        at_rest: false,
    };
    i12(&world).err()
}

#[test]
fn a_step_outside_of_its_calendar_is_told() {
    let windows = r#"{ timezone: America/New_York, windows: [{ days: [mon], from: "22:00", to: "04:00" }] }"#;
    let both = |schedule: &str, now: &str| said(schedule, now, now, None).is_none();
    assert!(both(windows, "2026-12-01T08:59:59Z"));
    assert!(!both(windows, "2026-12-01T09:00:00Z"));
    assert!(!both(windows, "2026-12-01T02:59:59Z"));
    let freeze = "{ timezone: Pacific/Auckland, freezes: [{ from: 2026-12-02, to: 2026-12-03 }] }";
    assert!(both(freeze, "2026-12-01T10:59:59Z"));
    assert!(!both(freeze, "2026-12-01T11:00:00Z"));
    // Read in UTC, it would go on for thirteen hours more.
    assert!(both(freeze, "2026-12-02T11:00:00Z"));
    assert!(!both("{ start: 2026-12-02T00:00:00Z }", "2026-12-01T11:00:00Z"));
}

#[test]
fn a_batch_that_is_sent_after_its_window_is_told() {
    let windows = r#"{ windows: [{ from: "09:00", to: "10:00" }] }"#;
    let sent = |sent| said(windows, "2026-12-01T09:59:59Z", sent, None);
    assert_eq!(sent("2026-12-01T10:00:30Z"), None);
    assert!(sent("2026-12-01T10:02:00Z").unwrap().contains("outside of all windows"));
}

#[test]
fn a_clock_that_is_set_back_takes_no_step_out_of_its_window() {
    let windows = r#"{ windows: [{ from: "09:00", to: "10:00" }] }"#;
    assert_eq!(said(windows, "2026-12-01T09:00:00Z", "2026-12-01T08:59:59Z", None), None);
    assert!(said(windows, "2026-12-01T08:59:59Z", "2026-12-01T08:59:59Z", None).is_some());
}

#[test]
fn a_step_before_the_other_shift_is_far_enough_is_told() {
    let said = |after: &str, share| {
        let now = "2026-12-01T09:00:00Z";
        said(&format!("{{ after: [{after}] }}"), now, now, share)
    };
    assert_eq!(said("{ shift: db, share: 50 }", Some(50.0)), None);
    assert!(said("{ shift: db, share: 50 }", Some(49.0)).unwrap().contains("db"));
    assert!(said("{ shift: db, share: 50 }", None).is_some());
    assert!(said("db", Some(100.0)).is_some());
    assert!(said("{ shift: cache, share: 50 }", Some(100.0)).is_some());
}
