//! The calendar against an oracle that looks at the clocks of a zone minute by minute, for all zones.

use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, date},
    tz::{TimeZone, TimeZoneDatabase},
};
use proptest::prelude::*;

use super::{bounds, closed, first_open, openings, opens, stays_open};
use crate::plan::{Day, Edge, Format, Freeze, Plan, Schedule, TimeOfDay, Window, Zone, parse};

const PLAN: &str = r#"
name: www
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10, 50, 100], hold: 10m }
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
"#;

fn plan(schedule: &str) -> Plan {
    parse(&format!("{PLAN}\nschedule: {schedule}"), Format::Yaml).unwrap()
}

fn with(schedule: Schedule) -> Plan {
    Plan { schedule: Some(schedule), ..parse(PLAN, Format::Yaml).unwrap() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn opens_at(plan: &Plan, from: &str, wanted: &str) {
    assert_eq!(opens(plan, at(from)), Some(at(wanted)), "from {from}");
    let closed = closed(plan, at(from));
    assert_eq!(closed.is_some(), from != wanted, "{closed:?}");
    assert_eq!(closed.and_then(|closed| closed.until).unwrap_or(at(from)), at(wanted));
}

#[test]
fn without_a_calendar_it_is_always_open() {
    assert_eq!(closed(&parse(PLAN, Format::Yaml).unwrap(), at("2026-12-01T00:00:00Z")), None);
}

#[test]
fn a_window_is_in_its_own_time_zone_in_winter_and_in_summer() {
    let plan =
        plan(r#"{ timezone: Europe/Paris, windows: [{ days: [mon, tue], from: "09:00", to: "16:30" }] }"#);
    opens_at(&plan, "2026-12-01T07:59:59Z", "2026-12-01T08:00:00Z");
    opens_at(&plan, "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z");
    opens_at(&plan, "2026-12-01T15:29:59.999Z", "2026-12-01T15:29:59.999Z");
    opens_at(&plan, "2026-12-01T15:30:00Z", "2026-12-07T08:00:00Z");
    opens_at(&plan, "2026-07-06T06:00:00Z", "2026-07-06T07:00:00Z");
}

#[test]
fn a_window_may_pass_midnight_and_belongs_to_the_day_on_which_it_begins() {
    let plan = plan(r#"{ windows: [{ days: [fri], from: "22:00", to: "04:00" }] }"#);
    opens_at(&plan, "2026-12-04T03:00:00Z", "2026-12-04T22:00:00Z");
    opens_at(&plan, "2026-12-05T03:59:00Z", "2026-12-05T03:59:00Z");
    opens_at(&plan, "2026-12-05T04:00:00Z", "2026-12-11T22:00:00Z");
    let plan = self::plan(r#"{ windows: [{ days: [fri], from: "22:00", to: "24:00" }] }"#);
    opens_at(&plan, "2026-12-04T23:59:00Z", "2026-12-04T23:59:00Z");
    opens_at(&plan, "2026-12-05T00:00:00Z", "2026-12-11T22:00:00Z");
}

#[test]
fn a_freeze_lasts_whole_days_of_the_time_zone() {
    let plan = plan(
        "{ timezone: America/New_York, freezes: [{ from: 2026-12-20, to: 2027-01-03, reason: Christmas }] }",
    );
    opens_at(&plan, "2026-12-20T04:59:59Z", "2026-12-20T04:59:59Z");
    opens_at(&plan, "2026-12-20T05:00:00Z", "2027-01-03T05:00:00Z");
    let closed = closed(&plan, at("2026-12-24T12:00:00Z")).unwrap();
    assert_eq!(closed.code, "freeze");
    assert_eq!(
        closed.sentence,
        "nothing goes up until Sun 2027-01-03 00:00 America/New_York: Christmas; \
         it opens at Sun 2027-01-03 00:00 America/New_York"
    );
}

#[test]
fn start_windows_and_freezes_must_all_allow_it() {
    let plan = plan(
        r#"{ start: "2026-12-19T12:00:00[UTC]", windows: [{ days: [mon], from: "09:00", to: "10:00" }],
             freezes: [{ from: 2026-12-21, to: 2026-12-28T09:30:00Z }, { from: 2026-12-28T09:45:00Z, to: 2026-12-29 }] }"#,
    );
    opens_at(&plan, "2026-12-01T00:00:00Z", "2026-12-28T09:30:00Z");
    opens_at(&plan, "2026-12-28T09:45:00Z", "2027-01-04T09:00:00Z");
    let said: Vec<&str> = ["2026-12-01T00:00:00Z", "2026-12-20T00:00:00Z", "2026-12-21T09:30:00Z"]
        .map(|now| closed(&plan, at(now)).unwrap().code)
        .into();
    assert_eq!(said, ["not_started", "outside_windows", "freeze"]);
}

/// The table of docs/calendar.md.
#[test]
fn hours_that_are_skipped_or_come_twice_open_nothing_early() {
    let paris = |from: &str, to: &str| {
        plan(&format!(r#"{{ timezone: Europe/Paris, windows: [{{ from: "{from}", to: "{to}" }}] }}"#))
    };
    // 2027-03-28: 02:00 is followed by 03:00, at 01:00 UTC.
    opens_at(&paris("02:30", "04:00"), "2027-03-28T00:45:00Z", "2027-03-28T01:00:00Z");
    opens_at(&paris("01:00", "02:30"), "2027-03-28T00:59:00Z", "2027-03-28T00:59:00Z");
    opens_at(&paris("01:00", "02:30"), "2027-03-28T01:00:00Z", "2027-03-28T23:00:00Z");
    opens_at(&paris("02:15", "02:45"), "2027-03-28T00:30:00Z", "2027-03-29T00:15:00Z");
    // 2027-10-31: 03:00 is followed by 02:00, at 01:00 UTC.
    opens_at(&paris("02:30", "04:00"), "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z");
    opens_at(&paris("01:00", "02:30"), "2027-10-31T00:29:00Z", "2027-10-31T00:29:00Z");
    opens_at(&paris("01:00", "02:30"), "2027-10-31T00:30:00Z", "2027-11-01T00:00:00Z");
    opens_at(&paris("02:15", "02:45"), "2027-10-31T00:00:00Z", "2027-11-01T01:15:00Z");
}

#[test]
fn the_time_in_which_it_stayed_open_has_no_holes() {
    let plan = plan(
        r#"{ windows: [{ days: [mon, tue, wed, thu, fri], from: "00:00", to: "24:00" }], freezes: [{ from: 2026-12-10, to: 2026-12-11 }] }"#,
    );
    let stays = |from, to| stays_open(&plan, at(from), at(to));
    assert!(stays("2026-12-07T00:00:00Z", "2026-12-09T23:59:59Z"));
    assert!(!stays("2026-12-07T00:00:00Z", "2026-12-10T00:00:00Z"));
    assert!(!stays("2026-12-10T23:00:00Z", "2026-12-11T01:00:00Z"));
    assert!(stays("2026-12-11T00:00:00Z", "2026-12-11T23:59:59Z"));
    assert!(!stays("2026-12-11T00:00:00Z", "2026-12-12T00:00:00Z"));
    assert!(!stays("2026-12-06T23:59:59Z", "2026-12-07T01:00:00Z"));
}

#[test]
fn as_many_windows_and_freezes_as_a_plan_may_have() {
    let windows: Vec<String> =
        (10..60).map(|minute| format!(r#"{{ days: [sun], from: "09:00", to: "09:{minute}" }}"#)).collect();
    let freezes: Vec<String> =
        (0..100).map(|n| format!("{{ from: {}-12-01, to: {}-12-02 }}", 2030 + n, 2030 + n)).collect();
    let plan = plan(&format!(
        "{{ timezone: America/New_York, windows: [{}], freezes: [{}] }}",
        windows.join(", "),
        freezes.join(", ")
    ));
    let mut open = 0;
    for hour in 0..24 * 7 {
        open += usize::from(
            closed(&plan, at("2026-12-01T14:30:00Z") + SignedDuration::from_hours(hour)).is_none(),
        );
    }
    assert_eq!(open, 1);
}

#[test]
fn the_next_openings_are_told() {
    let told = |schedule: &str| -> Vec<String> {
        let openings = openings(&plan(schedule), at("2026-12-15T10:00:00Z"), 3).unwrap();
        openings.into_iter().map(|opening| opening.sentence).collect()
    };
    let windows = r#"timezone: Europe/Paris, windows: [{ days: [mon, tue], from: "09:00", to: "16:30" }]"#;
    assert_eq!(
        told(&format!(
            "{{ {windows}, freezes: [{{ from: 2026-12-21, to: \"2026-12-28T12:00:00[Europe/Paris]\", reason: x }}] }}"
        )),
        [
            "open from Tue 2026-12-15 11:00 Europe/Paris to Tue 2026-12-15 16:30 Europe/Paris",
            "open from Mon 2026-12-28 12:00 Europe/Paris to Mon 2026-12-28 16:30 Europe/Paris",
            "open from Tue 2026-12-29 09:00 Europe/Paris to Tue 2026-12-29 16:30 Europe/Paris",
        ]
    );
    assert_eq!(
        told(
            "{ start: \"2026-12-16T08:00:00[UTC]\", freezes: [{ from: 2026-12-20, to: 2027-01-03, reason: x }] }"
        ),
        [
            "open from Wed 2026-12-16 08:00 UTC to Sun 2026-12-20 00:00 UTC",
            "open from Sun 2027-01-03 00:00 UTC on"
        ]
    );
    let always = r#"{ windows: [{ from: "00:00", to: "12:00" }, { from: "12:00", to: "24:00" }] }"#;
    assert_eq!(told(always), ["open from Tue 2026-12-15 10:00 UTC on"]);
    assert_eq!(openings(&parse(PLAN, Format::Yaml).unwrap(), at("2026-12-15T10:00:00Z"), 3), None);
}

// The oracle.

const MINUTE: i64 = 60;

/// What the clocks show, minute by minute, and whether each minute is open.
struct Oracle {
    begin: i64,
    open: Vec<bool>,
}

/// Longer than any change of the clocks.
const MARGIN: usize = 5 * 60;

impl Oracle {
    /// From the definition: a window is open once its `from` is shown for the last time, until its `to` or more is
    /// first shown; a freeze lasts from when its first minute is first shown, until its end is shown for the last time.
    fn new(schedule: &Schedule, begin: i64, minutes: usize) -> Oracle {
        let zone = schedule.timezone.rules();
        let from = begin - MARGIN as i64 * MINUTE;
        let shown: Vec<DateTime> = (0..minutes + 2 * MARGIN)
            .map(|minute| zone.to_datetime(second(from + minute as i64 * MINUTE)))
            .collect();
        let mut highest = shown.clone();
        for i in 1..highest.len() {
            highest[i] = highest[i].max(highest[i - 1]);
        }
        let mut lowest_later = shown.clone();
        for i in (0..lowest_later.len() - 1).rev() {
            lowest_later[i] = lowest_later[i].min(lowest_later[i + 1]);
        }
        // Shown by now, and never again from the next minute on.
        let for_good = |i: usize, time: DateTime| shown[i] >= time && lowest_later[i + 1] > time;
        let not_yet = |i: usize, time: DateTime| highest[i] < time;
        let clock = |time: TimeOfDay| {
            let text = time.to_string();
            let (hours, minutes) = text.split_once(':').unwrap();
            SignedDuration::from_mins(hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap())
        };
        let windows: Vec<(&Window, SignedDuration, SignedDuration)> = schedule
            .windows
            .iter()
            .map(|window| {
                let (from, to) = (clock(window.from), clock(window.to));
                (window, from, if to <= from { to + SignedDuration::from_hours(24) } else { to })
            })
            .collect();
        let open = |i: usize| {
            let today = shown[i].date();
            let days = [-2, -1, 0, 1].map(|days| today.checked_add(jiff::Span::new().days(days)).unwrap());
            let shows = |(window, from, to): &(&Window, SignedDuration, SignedDuration),
                         day: jiff::civil::Date| {
                let midnight = day.at(0, 0, 0, 0);
                window.days.contains(&Day::of(day))
                    && for_good(i, midnight + *from)
                    && not_yet(i, midnight + *to)
            };
            let inside = windows.is_empty() || windows.iter().any(|w| days.iter().any(|day| shows(w, *day)));
            let now = second(from + i as i64 * MINUTE);
            let frozen = |freeze: &Freeze| {
                let begun = match &freeze.from {
                    Edge::Day(day) => !not_yet(i, day.at(0, 0, 0, 0)),
                    Edge::Instant(instant) => instant.timestamp() <= now,
                };
                let over = match &freeze.to {
                    Edge::Day(day) => for_good(i, day.at(0, 0, 0, 0)),
                    Edge::Instant(instant) => instant.timestamp() <= now,
                };
                begun && !over
            };
            let started = schedule.start.as_ref().is_none_or(|start| start.timestamp() <= now);
            started && inside && !schedule.freezes.iter().any(frozen)
        };
        Oracle { begin, open: (MARGIN..minutes + MARGIN).map(open).collect() }
    }

    /// Whether the calendar says the same, at every minute near the middle and at every `coarse`th elsewhere.
    fn agrees(&self, plan: &Plan, near: usize, coarse: usize) -> Result<(), String> {
        let middle = self.open.len() / 2;
        let mut next_open = None;
        for i in (0..self.open.len()).rev() {
            if self.open[i] {
                next_open = Some(second(self.begin + i as i64 * MINUTE));
            }
            if i.abs_diff(middle) > near && i % coarse != 0 {
                continue;
            }
            let now = second(self.begin + i as i64 * MINUTE);
            let said = closed(plan, now);
            if said.is_none() != self.open[i] {
                return Err(format!("at {now} the oracle says open = {}, and we {said:?}", self.open[i]));
            }
            let until = said.map_or(Some(now), |closed| closed.until);
            if let Some(wanted) = next_open
                && until != Some(wanted)
            {
                return Err(format!("at {now} it opens at {wanted}, and not at {until:?}"));
            }
            if next_open.is_none()
                && until.is_none_or(|until| until < second(self.begin + self.open.len() as i64 * MINUTE))
            {
                return Err(format!(
                    "at {now} nothing opens within the time looked at, and {until:?} was said"
                ));
            }
        }
        Ok(())
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn zones() -> Vec<Zone> {
    let names = TimeZoneDatabase::bundled();
    let mut zones: Vec<Zone> = names.available().filter_map(|name| Zone::named(name.as_str())).collect();
    zones.sort_by(|a, b| a.name().cmp(b.name()));
    assert!(zones.len() > 400, "{}", zones.len());
    zones
}

/// Changes of the clocks from 2020 to 2040.
fn changes(zone: &TimeZone) -> Vec<Timestamp> {
    let end = at("2041-01-01T00:00:00Z");
    let mut before = zone.to_offset(at("2020-01-01T00:00:00Z"));
    let mut changes = Vec::new();
    for change in zone.following(at("2020-01-01T00:00:00Z")).take_while(|change| change.timestamp() < end) {
        if change.offset() != before {
            changes.push(change.timestamp());
        }
        before = change.offset();
    }
    changes
}

fn time(minutes: i64) -> TimeOfDay {
    format!("{:02}:{:02}", minutes / 60, minutes % 60).parse().unwrap()
}

/// Windows and a freeze whose edges lie where the clocks change.
fn around(zone: &Zone, change: Timestamp, shift: i64, length: i64, freezes: bool) -> Schedule {
    let local = zone.rules().to_datetime(change - SignedDuration::from_mins(1));
    let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
    let from = (minute + shift).rem_euclid(24 * 60);
    let to = (from + length).rem_euclid(24 * 60);
    let window = |from: i64, to: i64| Window { days: Day::ALL.into(), from: time(from), to: time(to) };
    let day = local.date();
    Schedule {
        timezone: zone.clone(),
        windows: vec![window(from, if from == to { (to + 1) % (24 * 60) } else { to })],
        freezes: if freezes {
            vec![Freeze {
                from: Edge::Day(day),
                to: Edge::Day(day.tomorrow().unwrap()),
                reason: String::new(),
            }]
        } else {
            Vec::new()
        },
        ..Schedule::default()
    }
}

#[test]
fn every_zone_agrees_with_the_oracle_where_its_clocks_change() {
    let mut looked_at = 0;
    for (n, zone) in zones().iter().enumerate() {
        let changes = changes(zone.rules());
        let Some(change) = changes.get(n % changes.len().max(1)) else { continue };
        // The edge before, inside and after what is skipped or comes twice, by turns.
        let shift = [-40, -10, 0, 1, 20, 31, 61, 90][n % 8];
        let schedule = around(zone, *change, shift, [30, 240, 1_400][n % 3], n % 5 == 0);
        let begin = change.as_second().div_euclid(MINUTE) * MINUTE - 20 * 3_600;
        let oracle = Oracle::new(&schedule, begin, 40 * 60);
        let plan = with(schedule);
        oracle
            .agrees(&plan, 75, 97)
            .unwrap_or_else(|why| panic!("{}: {why}\n{:?}", zone.name(), plan.schedule));
        looked_at += 1;
    }
    assert!(looked_at > 150, "{looked_at}");
}

fn day_sets() -> impl Strategy<Value = Vec<Day>> {
    proptest::sample::subsequence(Day::ALL.to_vec(), 1..=7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_calendar_agrees_with_the_oracle(
        zone in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
        windows in prop::collection::vec((day_sets(), 0..1_440_i64, 1..1_440_i64), 0..4),
        freezes in prop::collection::vec((-3..3_i64, 1..3_i64, 0..1_440_i64, any::<bool>(), any::<bool>()), 0..3),
        start in prop::option::of(-2_000..2_000_i64),
    ) {
        let zones = zones();
        let zone = zone.get(&zones);
        let changes = changes(zone.rules());
        let middle = if changes.is_empty() { at("2026-12-01T00:00:00Z") } else { *change.get(&changes) };
        let day = zone.rules().to_datetime(middle).date();
        let edge = |days: i64, minutes: i64, exact: bool| {
            let day = day.checked_add(jiff::Span::new().days(days)).unwrap();
            match exact {
                true => Edge::Instant((second(middle.as_second() / 60 * 60) + SignedDuration::from_mins(days * 1_440 + minutes)).to_zoned(TimeZone::UTC)),
                false => Edge::Day(day),
            }
        };
        let freezes: Vec<Freeze> = freezes
            .into_iter()
            .map(|(days, length, minutes, a, b)| Freeze {
                from: edge(days, minutes, a),
                to: edge(days + length, minutes, b),
                reason: String::new(),
            })
            .filter(|freeze| { let (begins, ends) = bounds(freeze, zone); begins < ends })
            .collect();
        let schedule = Schedule {
            start: start.map(|minutes| (second(middle.as_second() / 60 * 60) + SignedDuration::from_mins(minutes)).to_zoned(TimeZone::UTC)),
            timezone: zone.clone(),
            windows: windows
                .into_iter()
                .map(|(days, from, length)| Window {
                    days: days.into_iter().collect(),
                    from: time(from),
                    to: time((from + length) % 1_440),
                })
                .collect(),
            freezes,
            ..Schedule::default()
        };
        let begin = middle.as_second().div_euclid(MINUTE) * MINUTE - 40 * 3_600;
        let oracle = Oracle::new(&schedule, begin, 80 * 60);
        let plan = with(schedule);
        if let Err(why) = oracle.agrees(&plan, 100, 97) {
            prop_assert!(false, "{}: {why}", zone.name());
        }
        // It is open in the openings and at no other time, from the first instant to the end of the last of them.
        let told = openings(&plan, second(begin), 3).unwrap();
        let minute = |at: Timestamp| (at.as_second() - begin).div_euclid(MINUTE).max(0) as usize;
        let end = if told.len() < 3 { None } else { told.last().unwrap().closes.map(minute) };
        for (i, open) in oracle.open.iter().enumerate().take(end.unwrap_or(usize::MAX)) {
            let inside = told.iter().any(|o| minute(o.opens) <= i && o.closes.is_none_or(|closes| i < minute(closes)));
            prop_assert_eq!(*open, inside, "{} in {:?}", second(begin + i as i64 * MINUTE), &told);
        }
        // Being open without a hole is being open at every instant.
        let schedule = plan.schedule.as_ref().unwrap();
        let (from, to) = (second(begin + 3_600), second(begin + 3_600 * 31));
        let all = (0..30 * 60).all(|i| oracle.open[60 + i]);
        if stays_open(&plan, from, to - SignedDuration::from_secs(1)) {
            prop_assert!(all);
            prop_assert_eq!(first_open(schedule, from), Some(from));
        } else {
            prop_assert!(!all);
        }
    }
}

#[test]
fn a_calendar_may_have_years_that_no_clock_will_show() {
    let plan = with(Schedule {
        freezes: vec![Freeze {
            from: Edge::Day(date(2026, 1, 1)),
            to: Edge::Day(date(9999, 12, 31)),
            reason: String::new(),
        }],
        windows: vec![Window { days: [Day::Mon].into(), from: time(0), to: time(1) }],
        ..Schedule::default()
    });
    let closed = closed(&plan, at("2026-12-01T00:00:00Z")).unwrap();
    assert_eq!(closed.until, None);
    assert!(closed.sentence.ends_with("never opens again"), "{}", closed.sentence);
}
