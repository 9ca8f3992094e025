//! Windows, freezes, other shifts and approvals: what keeps a shift from going up, and never from going down.

use super::*;
use crate::{
    decide::Decision,
    plan::Then,
    report::headline,
    shift::{OVERDUE, revise},
};

/// The world begins on Tuesday, 2026-12-01 at 09:00 UTC.
fn world(more: &str, steps: &str) -> World {
    let mut world = World::with_plan(&format!("{}{more}\n", PLAN.replace("[10, 50, 100]", steps)));
    world.ask(Command::Start);
    world.settle();
    world
}

fn scheduled(schedule: &str) -> World {
    world(&format!("schedule: {schedule}"), "[10, 50, 100]")
}

impl World {
    fn decision(&self) -> Decision {
        decide(&self.shift, &self.seen, &rules(), self.now)
    }

    fn headline(&self) -> String {
        headline(&self.shift, Some(&self.decision().report), self.now)
    }

    #[track_caller]
    fn held(&self, cause: Cause, code: &str) -> &str {
        let hold = self.shift.holds.get(&cause).unwrap_or_else(|| panic!("{:#?}", self.shift.holds));
        assert_eq!(hold.code, code);
        &hold.sentence
    }

    /// Passes time until then.
    fn until(&mut self, then: &str) {
        let then: Timestamp = then.parse().unwrap();
        while then.duration_since(self.now) > SignedDuration::from_mins(15) {
            self.now += SignedDuration::from_mins(10);
            self.read(ZoneId::new("Z1"));
            self.settle();
        }
        self.now = then;
        self.settle();
    }

    fn other(&mut self, name: &str, phase: Phase, share: f64) {
        let share = Share::from_percent(share).unwrap();
        self.others.insert(name.to_owned(), Progress { phase, share });
    }

    fn running(&mut self, name: &str, share: f64) {
        self.other(name, Phase::Running { since: self.now, next: 1 }, share);
    }
}

#[test]
fn steps_are_taken_inside_windows_and_completion_needs_none() {
    let mut world = scheduled(r#"{ windows: [{ from: "09:00", to: "09:20" }] }"#);
    world.pass(25);
    assert_eq!(world.steps(), [10.0, 50.0]);
    assert_eq!(
        world.held(Cause::Calendar, "outside_windows"),
        "it is outside of the plan's windows; it opens at Wed 2026-12-02 09:00 UTC"
    );
    assert!(
        world.headline().ends_with("Next: 100 % of the traffic, at 2026-12-02T09:00:00Z at the earliest."),
        "{}",
        world.headline()
    );
    // The bell rings when it opens, though nobody reads any metrics.
    world.pass(10);
    assert_eq!(world.decision().wake.unwrap().0, "2026-12-02T09:00:00Z".parse().unwrap());
    world.until("2026-12-02T08:59:59Z");
    assert_eq!(world.steps(), [10.0, 50.0]);
    world.pass(1);
    assert_eq!(world.steps(), [10.0, 50.0, 100.0]);
    world.pass(30);
    world.check("completed", 100.0, &[]);
}

#[test]
fn a_freeze_does_not_keep_it_from_being_taken_back() {
    let mut world = scheduled("{ freezes: [{ from: 2026-12-01T09:05:00Z, to: 2026-12-05, reason: audit }] }");
    world.pass(30);
    world.check("running", 10.0, &[Cause::Calendar]);
    assert!(world.held(Cause::Calendar, "freeze").contains("audit"));
    world.error_percent = 20;
    world.pass(10);
    world.check("reverted", 0.0, &[]);
}

#[test]
fn a_step_back_and_a_revert_by_a_person_ask_no_calendar() {
    let mut world = scheduled(r#"{ windows: [{ from: "09:00", to: "09:20" }] }"#);
    world.pass(40);
    world.ask(Command::StepBack);
    world.pass(5);
    world.check("running", 10.0, &[Cause::Operator, Cause::Calendar]);
    world.ask(Command::Revert);
    world.pass(5);
    world.check("reverted", 0.0, &[]);
}

#[test]
fn a_step_that_has_not_landed_when_its_window_closes_is_dropped() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let mut world = scheduled(r#"{ windows: [{ from: "09:00", to: "09:12" }] }"#);
        world.pass(11);
        assert_eq!(world.steps(), [10.0]);
        // The second step is intended in the last second, and its answer is lost.
        world.now = "2026-12-01T09:11:59Z".parse().unwrap();
        world.fates = vec![fate];
        let applied = world.batches.len();
        let decision = loop {
            world.measure();
            let decision = world.decision();
            if !decision.happened.is_empty() {
                world.happen(decision.happened);
            } else if let [Effect::Submit { .. }] = decision.effects.as_slice() {
                break decision;
            } else {
                decision.effects.into_iter().for_each(|effect| world.act(effect));
            }
        };
        decision.effects.into_iter().for_each(|effect| world.act(effect));
        assert_eq!(world.batches.len(), applied + 1);
        world.now = "2026-12-01T09:12:00Z".parse().unwrap();
        world.pass(60);
        let landed = if fate == Fate::Lost { 10.0 } else { 50.0 };
        world.check("running", landed, &[Cause::Calendar]);
        assert_eq!(world.steps(), [10.0, 50.0]);
    }
}

#[test]
fn a_quiet_night_is_no_time_that_a_step_has_waited_in_vain() {
    let mut world = scheduled(r#"{ windows: [{ from: "09:00", to: "09:20" }] }"#);
    world.pass(30);
    world.silent = true;
    world.until("2026-12-02T08:30:00Z");
    assert!(world.shift.holds.values().all(|hold| !hold.until_resumed), "{:#?}", world.shift.holds);
    world.silent = false;
    world.until("2026-12-02T09:15:00Z");
    assert_eq!(world.steps(), [10.0, 50.0, 100.0]);
}

#[test]
fn a_hold_says_why_now_and_since_when_at_all() {
    let mut world = scheduled(
        r#"{ windows: [{ from: "09:00", to: "09:05" }], freezes: [{ from: 2026-12-02, to: 2026-12-04 }] }"#,
    );
    world.until("2026-12-01T23:00:00Z");
    let since = world.shift.holds[&Cause::Calendar].since;
    assert!(world.held(Cause::Calendar, "outside_windows").ends_with("it opens at Fri 2026-12-04 09:00 UTC"));
    world.until("2026-12-02T01:00:00Z");
    world.held(Cause::Calendar, "freeze");
    assert_eq!(world.shift.holds[&Cause::Calendar].since, since);
}

#[test]
fn it_comes_after_a_shift_that_is_completed() {
    let mut world = scheduled("{ after: [db] }");
    world.check("running", 0.0, &[Cause::Dependency]);
    assert_eq!(
        world.held(Cause::Dependency, "after_missing"),
        "it comes after shift db, which does not exist: create it, or take it out of schedule.after"
    );
    world.other("db", Phase::Scheduled, 0.0);
    world.pass(1);
    world.running("db", 100.0);
    world.pass(1);
    assert_eq!(
        world.held(Cause::Dependency, "after"),
        "it comes after shift db, which has to be completed and is running at 100 %"
    );
    assert!(
        world.headline().ends_with("Next: 10 % of the traffic, once shift db is completed."),
        "{}",
        world.headline()
    );
    assert_eq!(world.steps(), [] as [f64; 0]);
    world.other("db", Phase::Completed { at: world.now, finalized: true }, 100.0);
    world.pass(1);
    assert_eq!(world.steps(), [10.0]);
    // It was taken back: no further, but not down either.
    world.other("db", Phase::Reverting { since: world.now }, 100.0);
    world.pass(60);
    world.check("running", 10.0, &[Cause::Dependency]);
    world.error_percent = 20;
    world.pass(10);
    world.check("reverted", 0.0, &[]);
}

#[test]
fn it_comes_after_a_shift_that_is_at_a_share() {
    let mut world = scheduled("{ after: [{ shift: db, share: 50 }] }");
    world.running("db", 49.9);
    world.pass(5);
    world.check("running", 0.0, &[Cause::Dependency]);
    world.running("db", 50.0);
    world.pass(5);
    assert_eq!(world.steps(), [10.0]);
    world.running("db", 25.0);
    world.pass(30);
    world.check("running", 10.0, &[Cause::Dependency]);
    world.other("db", Phase::Cancelled { at: world.now }, 60.0);
    world.pass(30);
    world.check("running", 10.0, &[Cause::Dependency]);
    world.running("db", 75.0);
    world.pass(60);
    world.check("completed", 100.0, &[]);
}

#[test]
fn a_step_that_has_not_landed_is_dropped_when_the_other_shift_goes_back() {
    let mut world = scheduled("{ after: [{ shift: db, share: 50 }] }");
    world.running("db", 50.0);
    world.pass(2);
    world.fates = vec![Fate::Lost; 100];
    world.pass(12);
    assert_eq!(world.steps(), [10.0, 50.0]);
    world.other("db", Phase::Reverted { at: world.now, finalized: false }, 0.0);
    world.pass(1);
    world.fates.clear();
    world.pass(30);
    world.check("running", 10.0, &[Cause::Dependency]);
}

#[test]
fn an_approval_without_a_deadline_is_waited_for_for_ever() {
    let mut world = world("", "[10, { share: 50, approval: true }, 100]");
    world.pass(600);
    world.check("running", 10.0, &[Cause::Approval]);
    assert_eq!(world.held(Cause::Approval, "approval"), "step 2 (50 %) waits for somebody's approval");
    world.ask(Command::Approve);
    world.pass(60);
    world.check("completed", 100.0, &[]);
}

fn with_deadline(then: &str) -> World {
    world("", &format!("[5, 10, {{ share: 50, approval: {{ deadline: 2h, then: {then} }} }}, 100]"))
}

/// Goes on until the approval is waited for, and says when it is due.
fn waits(world: &mut World) -> Timestamp {
    while !world.shift.holds.contains_key(&Cause::Approval) {
        world.pass(1);
    }
    world.shift.holds[&Cause::Approval].since + SignedDuration::from_hours(2)
}

#[test]
fn an_approval_that_is_overdue_holds_and_says_so() {
    let mut world = with_deadline("hold");
    let due = waits(&mut world);
    assert!(world.held(Cause::Approval, "approval").contains(&format!("it is overdue at {due:.0}")));
    world.pass(119);
    world.held(Cause::Approval, "approval");
    world.pass(2);
    world.check("running", 10.0, &[Cause::Approval]);
    assert!(world.held(Cause::Approval, OVERDUE).ends_with(&format!("which was due by {due:.0}")));
    assert_eq!(world.shift.holds[&Cause::Approval].since + SignedDuration::from_hours(2), due);
    world.ask(Command::Approve);
    world.pass(60);
    world.check("completed", 100.0, &[]);
}

#[test]
fn an_approval_that_does_not_come_in_time_takes_it_back() {
    let mut world = with_deadline("revert");
    let due = waits(&mut world);
    assert_eq!(world.decision().wake.unwrap().0, due);
    assert_eq!(world.decision().report.next.unwrap().at, Some(due));
    world.pass(119);
    world.check("running", 10.0, &[Cause::Approval]);
    world.pass(5);
    world.check("reverted", 0.0, &[]);
    let said = world.events.iter().find_map(|event| {
        let Happened::ApprovalExpired { step: 2, then: Then::Revert, sentence } = &event.what else {
            return None;
        };
        Some(sentence.clone())
    });
    assert_eq!(said.unwrap(), format!("nobody approved step 3 (50 %) by {due:.0}"));
}

#[test]
fn an_approval_that_does_not_come_in_time_steps_back_once() {
    let mut world = with_deadline("step_back");
    waits(&mut world);
    world.pass(600);
    world.check("running", 5.0, &[Cause::Approval]);
    world.held(Cause::Approval, "approval_expired");
    assert!(world.headline().ends_with("It stays there until `resume`."), "{}", world.headline());
    world.ask(Command::Resume);
    world.pass(20);
    world.check("running", 10.0, &[Cause::Approval]);
    world.ask(Command::Approve);
    world.pass(60);
    world.check("completed", 100.0, &[]);
}

#[test]
fn a_deadline_that_is_revised_is_counted_anew() {
    let mut world = world("", "[10, { share: 50, approval: true }, 100]");
    world.pass(600);
    let text = PLAN.replace("[10, 50", "[10, { share: 50, approval: { deadline: 2h, then: revert } }");
    let plan = parse(&text, Format::Yaml).unwrap();
    let (shift, events) =
        revise(&world.shift, plan, &world.shift.groups, &ada(), None, world.now).unwrap().unwrap();
    world.commit(shift, events);
    world.pass(119);
    world.check("running", 10.0, &[Cause::Approval]);
    world.pass(5);
    world.check("reverted", 0.0, &[]);
}

#[test]
fn a_freeze_by_a_person_keeps_a_deadline_from_acting_and_a_pause_does_not() {
    for (freeze, phase) in [(true, "running"), (false, "reverted")] {
        let mut world = with_deadline("revert");
        waits(&mut world);
        world.ask(Command::Pause { freeze });
        world.pass(130);
        assert_eq!(world.shift.phase.as_str(), phase);
    }
}

#[test]
fn before_anything_was_moved_a_deadline_has_nothing_to_take_back() {
    let mut world = world("", "[{ share: 10, approval: { deadline: 2h, then: revert } }, 100]");
    world.pass(130);
    world.check("running", 0.0, &[Cause::Approval]);
    world.held(Cause::Approval, OVERDUE);
}
