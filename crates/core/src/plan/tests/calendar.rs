//! What is said of a schedule that is wrong, or means nothing.

use super::*;

/// The sample with this schedule, on line 25 and after.
#[track_caller]
fn said(schedule: &str) -> String {
    let before = "schedule:\n  start: 2026-12-01T09:00:00[Europe/Paris]\n";
    assert_eq!(YAML.matches(before).count(), 1);
    match parse(&YAML.replace(before, &format!("schedule: {schedule}\n")), Format::Yaml) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn schedules_that_mean_something() {
    for schedule in [
        "{}",
        r#"{ timezone: Europe/Paris, windows: [{ days: [mon, tue], from: "09:00", to: "16:30" }] }"#,
        r#"{ windows: [{ from: "22:00", to: "04:00" }, { from: "00:00", to: "24:00" }] }"#,
        // Neither YAML nor TOML takes a time for a number.
        "{ windows: [{ from: 09:00, to: 16:30:00 }] }",
        "{ freezes: [{ from: 2026-12-20, to: 2027-01-03, reason: Christmas }] }",
        "{ freezes: [{ from: '2026-12-20T18:00:00[Europe/Paris]', to: 2026-12-27 }] }",
        "{ freezes: [{ from: 2026-12-20T18:00:00+01:00, to: 2026-12-27T00:00:00Z }] }",
        "{ after: [db-to-aws, { shift: cache-to-aws, share: 50 }] }",
        "{ start: '2026-12-24T09:00:00[Europe/Paris]', freezes: [{ from: 2026-12-20, to: 2027-01-03 }] }",
    ] {
        assert_eq!(said(schedule), "", "{schedule}");
    }
}

#[test]
fn schedules_that_do_not() {
    for (schedule, wanted) in [
        (
            "{ timezone: Europe/Pari }",
            "line 25, schedule.timezone: there is no time zone \"Europe/Pari\"; did you mean Europe/Paris?",
        ),
        (
            "{ timezone: CET-1CEST, start: 2026-12-01T09:00:00 }",
            "line 25, schedule.timezone: there is no time zone \"CET-1CEST\"; use a name of the IANA time zone \
             database, such as Europe/Paris\nline 25, schedule.start: \"2026-12-01T09:00:00\" says no time zone; add \
             one: 2026-12-01T09:00:00[Europe/Paris], or an offset such as 2026-12-01T09:00:00+01:00",
        ),
        ("{ windows: [] }", "line 25, schedule.windows: the list is empty; give at least one"),
        (
            r#"{ windows: [{ from: "09:00", to: "09:00" }] }"#,
            "line 25, schedule.windows[0]: the window from 09:00 to 09:00 leaves no minute; for a whole day write \
             from: \"00:00\", to: \"24:00\"",
        ),
        (
            r#"{ windows: [{ from: "24:00", to: "09:00" }] }"#,
            "line 25, schedule.windows[0]: a window cannot begin at 24:00; write \"00:00\", and the day after",
        ),
        (
            r#"{ windows: [{ days: [monday, mon, mon, mi, []], from: "9:00", to: "24:01" }] }"#,
            "line 25, schedule.windows[0].days[0]: \"monday\" is not a day of the week; write mon\n\
             line 25, schedule.windows[0].days[2]: mon is there twice; take one of them out\n\
             line 25, schedule.windows[0].days[3]: \"mi\" is not a day of the week; the days are mon, tue, wed, thu, \
             fri, sat, sun\n\
             line 25, schedule.windows[0].days[4]: wanted text, found a list\n\
             line 25, schedule.windows[0].from: \"9:00\" is not a time of day; write hours and minutes in quotes, as \
             in \"09:00\"; the end of a day is \"24:00\"\n\
             line 25, schedule.windows[0].to: \"24:01\" is not a time of day; write hours and minutes in quotes, as \
             in \"09:00\"; the end of a day is \"24:00\"",
        ),
        (
            "{ freezes: [{ from: 2027-01-03, to: 2026-12-20 }] }",
            "line 25, schedule.freezes[0]: the freeze ends, 2026-12-20, before it begins, 2027-01-03; `to` is the \
             first day, or the instant, when it may move again",
        ),
        (
            "{ freezes: [{ from: 2026-12-20, to: 2026-12-20 }] }",
            "line 25, schedule.freezes[0]: the freeze from 2026-12-20 to 2026-12-20 leaves no minute; `to` is the \
             first day, or the instant, when it may move again",
        ),
        (
            "{ freezes: [{ from: 2026-12-32, to: 2027-01-01T00:00:00 }] }",
            "line 25, schedule.freezes[0].from: \"2026-12-32\" is not a day; write a day, as in 2026-12-20, or a \
             time, as in 2026-12-20T18:00:00[Europe/Paris]\n\
             line 25, schedule.freezes[0].to: \"2027-01-01T00:00:00\" says no time zone; add one: \
             2027-01-01T00:00:00[Europe/Paris], or an offset such as 2027-01-01T00:00:00+01:00",
        ),
        (
            "{ freezes: [{ from: 2026-12-20, to: 2072-01-03 }] }",
            "line 25, schedule.freezes: the freezes and windows leave no minute for more than a year after Sun \
             2026-12-20 00:00 UTC; shorten the freezes, or widen the windows",
        ),
        (
            "{ start: 2026-12-24T09:00:00Z, freezes: [{ from: 2026-12-01, to: 2027-06-01 }, \
             { from: 2027-06-01, to: 2028-01-01 }] }",
            "line 25, schedule.freezes: the freezes and windows leave no minute for more than a year after Thu \
             2026-12-24 09:00 UTC; shorten the freezes, or widen the windows",
        ),
        (
            "{ after: [www-to-aws] }",
            "line 25, schedule.after: the plan comes after itself, and would never begin; take its own name out",
        ),
        (
            "{ after: [Other, { shift: a, share: 0 }, { shift: b }] }",
            "line 25, schedule.after[0]: \"Other\" is not a name; use 1 to 63 lower-case letters, digits and \
             hyphens\n\
             line 25, schedule.after[1].share: a step of 0 percent moves nothing; a step is above 0 and at most 100 \
             percent\n\
             line 25, schedule.after[2].share: missing; add the key share",
        ),
        (
            "{ after: [a, { shift: a, share: 5 }] }",
            "line 25, schedule.after: a is named twice; keep one of them",
        ),
        ("{ window: [] }", "line 25, schedule.window: unknown key; did you mean windows?"),
    ] {
        assert_eq!(said(schedule), wanted, "{schedule}");
    }
}

#[test]
fn approvals() {
    let step = |approval: &str| {
        let text = YAML.replace("steps: [1, ", &format!("steps: [{{ share: 1, approval: {approval} }}, "));
        assert_ne!(text, YAML);
        parse(&text, Format::Yaml)
    };
    let plan = step("{ deadline: 24h, then: revert }").unwrap();
    let deadline = plan.ramp.steps[0].approval.deadline().unwrap();
    assert_eq!((deadline.deadline.0.as_hours(), deadline.then), (24, Then::Revert));
    assert!(!step("false").unwrap().ramp.steps[0].approval.is_needed());
    let plan = step("{ deadline: 30m }").unwrap();
    assert_eq!(plan.ramp.steps[0].approval.deadline().unwrap().then, Then::Hold);
    let canonical = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&canonical).unwrap(), plan);
    for (approval, wanted) in [
        (
            "yes please",
            ": wanted true or false, or a table such as { deadline: 24h, then: revert }, found the text \"yes please\"",
        ),
        ("{ then: revert }", ".deadline: missing; add the key deadline"),
        ("{ deadline: 0s }", ".deadline: nobody can approve in no time; give people at least some hours"),
        (
            "{ deadline: 1h, then: back }",
            ".then: \"back\" is nothing that can follow a deadline; choose hold, step_back or revert",
        ),
    ] {
        let said = step(approval).unwrap_err().to_string();
        assert!(said.ends_with(&format!("ramp.steps[0].approval{wanted}")), "{said}");
    }
}

#[test]
fn a_circle_is_told_from_its_beginning_to_its_end() {
    let after =
        |names: &[&str]| names.iter().map(|name| After::Completed((*name).to_owned())).collect::<Vec<_>>();
    let others =
        [("b", after(&["x", "c"])), ("c", after(&["d", "a"])), ("d", after(&["c"])), ("e", after(&["f"]))];
    let others = others.map(|(name, after)| (name.to_owned(), after)).into();
    let circle = |of: &str, names: &[&str]| circle(of, &after(names), &others).map(|circle| circle.join(" "));
    assert_eq!(circle("a", &["e", "b"]), Some("a b c a".to_owned()));
    assert_eq!(circle("a", &["a"]), Some("a a".to_owned()));
    // Somebody else's circle, and a shift that nobody knows, are no circle of this plan.
    assert_eq!(circle("z", &["d", "nobody"]), None);
    assert_eq!(circle("z", &[]), None);
}

#[test]
fn a_plan_of_an_earlier_history_says_whether_a_step_needs_approval_in_a_word() {
    let step: Step = serde_json::from_str(r#"{ "share": 50, "approval": true }"#).unwrap();
    assert_eq!(step.approval, Approval::Needed(true));
    assert_eq!(serde_json::to_string(&step).unwrap(), r#"{"share":50.0,"approval":true}"#);
}
