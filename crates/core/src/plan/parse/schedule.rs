//! When a shift may go up: start, windows, freezes, the shifts it comes after, and a step's approval.

use std::collections::BTreeSet;

use jiff::{
    Timestamp, Zoned,
    fmt::temporal::{DateTimeParser, Pieces},
    tz::{AmbiguousOffset, Disambiguation, TimeZone, TimeZoneDatabase},
};

use super::{
    cursor::{Cursor, Keys, Noted, Read, nearest, quote},
    names::{slug, text_up_to},
    ramp::share,
};
use crate::{
    calendar,
    plan::{
        After, Approval, AtShare, Day, Deadline, Edge, Freeze, Schedule, Span, Then, TimeOfDay, Window, Zone,
    },
};

pub(crate) const SCHEDULE: Keys =
    Keys { known: &["start", "timezone", "windows", "freezes", "after"], later: &[] };
pub(crate) const WINDOW: Keys = Keys { known: &["days", "from", "to"], later: &[] };
pub(crate) const FREEZE: Keys = Keys { known: &["from", "to", "reason"], later: &[] };
pub(crate) const AT_SHARE: Keys = Keys { known: &["shift", "share"], later: &[] };
pub(crate) const DEADLINE: Keys = Keys { known: &["deadline", "then"], later: &[] };

const NOT_A_TIME: &str = "write it as in 2026-12-01T09:00:00[Europe/Paris]";
const NOT_AN_EDGE: &str = "write a day, as in 2026-12-20, or a time, as in 2026-12-20T18:00:00[Europe/Paris]";
const NOT_A_TIME_OF_DAY: &str =
    "write hours and minutes in quotes, as in \"09:00\"; the end of a day is \"24:00\"";
const THEN: &str = "choose hold, step_back or revert";

// Every decision looks through them.
const MOST_WINDOWS: usize = 50;
const MOST_FREEZES: usize = 100;
const MOST_AFTER: usize = 20;
const LONGEST_REASON: usize = 255;

/// A calendar that is closed for longer is a mistake in a year's number more often than a wish.
const LONGEST_CLOSED_HOURS: i64 = 366 * 24;

pub(super) fn schedule(at: &Cursor<'_>) -> Read<Schedule> {
    let table = at.table(&SCHEDULE)?;
    let start = table.optional("start", start);
    let timezone = table.optional("timezone", zone);
    let windows = table.optional("windows", |at| items(at, "a list of windows", MOST_WINDOWS, window));
    // Days are days of the time zone: one that is not known leaves them undecided.
    let rules = timezone.as_ref().map(|zone| zone.clone().unwrap_or_default());
    let freezes = table.optional("freezes", |at| {
        items(at, "a list of freezes", MOST_FREEZES, |at| freeze(at, rules.as_ref().ok()))
    });
    let after = table.optional("after", after);
    let schedule = Schedule {
        start: start?,
        timezone: timezone?.unwrap_or_default(),
        windows: windows?.unwrap_or_default(),
        freezes: freezes?.unwrap_or_default(),
        after: after?.unwrap_or_default(),
    };
    opens_at_all(at, &schedule)?;
    Ok(schedule)
}

/// At least one, at most so many.
fn items<'a, T>(
    at: &Cursor<'a>,
    wanted: &str,
    most: usize,
    read: impl Fn(&Cursor<'a>) -> Read<T>,
) -> Read<Vec<T>> {
    let items = at.some(wanted)?;
    if items.len() > most {
        return Err(at.refuse(format!("{} entries are more than {most}", items.len()), "shorten the list"));
    }
    // All of them are read, so that one mistake does not hide another.
    let read: Vec<Read<T>> = items.iter().map(read).collect();
    read.into_iter().collect()
}

fn zone(at: &Cursor<'_>) -> Read<Zone> {
    let name = at.text()?;
    Zone::named(&name).ok_or_else(|| unknown_zone(at, &name, &TimeZoneDatabase::bundled()))
}

fn window(at: &Cursor<'_>) -> Read<Window> {
    let table = at.table(&WINDOW)?;
    let days = table.optional("days", days);
    let from = table.required("from", time_of_day);
    let to = table.required("to", time_of_day);
    let (days, from, to) = (days?, from?, to?);
    if from.is_end_of_day() {
        return Err(at.refuse("a window cannot begin at 24:00", "write \"00:00\", and the day after"));
    }
    if from == to {
        let message = format!("the window from {from} to {to} leaves no minute");
        return Err(at.refuse(message, "for a whole day write from: \"00:00\", to: \"24:00\""));
    }
    Ok(Window { days: days.unwrap_or_else(|| Day::ALL.into()), from, to })
}

fn days(at: &Cursor<'_>) -> Read<BTreeSet<Day>> {
    let mut days = BTreeSet::new();
    let mut all = Ok(());
    for item in at.some("a list of days")? {
        match day(&item) {
            Ok(day) if !days.insert(day) => {
                all = Err(item.refuse(format!("{} is there twice", day.as_str()), "take one of them out"));
            }
            Ok(_) => {}
            Err(noted) => all = Err(noted),
        }
    }
    all.map(|()| days)
}

fn day(at: &Cursor<'_>) -> Read<Day> {
    let text = at.text()?;
    if let Some(day) = Day::ALL.into_iter().find(|day| day.as_str() == text) {
        return Ok(day);
    }
    let short = text.to_ascii_lowercase();
    let meant = Day::ALL.into_iter().find(|day| short.starts_with(day.as_str()));
    let hint = meant.map_or_else(
        || "the days are mon, tue, wed, thu, fri, sat, sun".to_owned(),
        |day| format!("write {}", day.as_str()),
    );
    Err(at.refuse(format!("{} is not a day of the week", quote(&text)), hint))
}

fn time_of_day(at: &Cursor<'_>) -> Read<TimeOfDay> {
    let text = at.text()?;
    let message = || format!("{} is not a time of day", quote(&text));
    text.parse().map_err(|_| at.refuse(message(), NOT_A_TIME_OF_DAY))
}

fn freeze(at: &Cursor<'_>, rules: Option<&Zone>) -> Read<Freeze> {
    let table = at.table(&FREEZE)?;
    let from = table.required("from", edge);
    let to = table.required("to", edge);
    let reason = table.optional("reason", |at| text_up_to(at, LONGEST_REASON));
    let freeze = Freeze { from: from?, to: to?, reason: reason?.unwrap_or_default() };
    let Some(zone) = rules else { return Ok(freeze) };
    let (begins, ends) = calendar::bounds(&freeze, zone);
    if begins < ends {
        return Ok(freeze);
    }
    let message = match begins == ends {
        true => format!("the freeze from {} to {} leaves no minute", freeze.from, freeze.to),
        false => format!("the freeze ends, {}, before it begins, {}", freeze.to, freeze.from),
    };
    Err(at.refuse(message, "`to` is the first day, or the instant, when it may move again"))
}

fn edge(at: &Cursor<'_>) -> Read<Edge> {
    let text = at.text()?;
    if text.contains(['T', 't', ' ']) {
        return instant(at, &text).map(Edge::Instant);
    }
    let message = || format!("{} is not a day", quote(&text));
    text.parse().map(Edge::Day).map_err(|_| at.refuse(message(), NOT_AN_EDGE))
}

fn after(at: &Cursor<'_>) -> Read<Vec<After>> {
    let all = items(at, "a list of shifts", MOST_AFTER, |at| {
        if !at.is_table() {
            return slug(at).map(After::Completed);
        }
        let table = at.table(&AT_SHARE)?;
        let (shift, share) = (table.required("shift", slug), table.required("share", share));
        Ok(After::AtShare(AtShare { shift: shift?, share: share? }))
    })?;
    let mut names = BTreeSet::new();
    match all.iter().find(|after| !names.insert(after.shift())) {
        Some(twice) => Err(at.refuse(format!("{} is named twice", twice.shift()), "keep one of them")),
        None => Ok(all),
    }
}

pub(super) fn approval(at: &Cursor<'_>) -> Read<Approval> {
    if !at.is_table() {
        let wrong = |_| at.wrong("true or false, or a table such as { deadline: 24h, then: revert }");
        return at.as_flag().ok_or(()).map(Approval::Needed).map_err(wrong);
    }
    let table = at.table(&DEADLINE)?;
    let (deadline, then) = (table.required("deadline", deadline), table.optional("then", then));
    Ok(Approval::By(Deadline { deadline: deadline?, then: then?.unwrap_or_default() }))
}

fn deadline(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0.is_zero() {
        return Err(at.refuse("nobody can approve in no time", "give people at least some hours"));
    }
    Ok(span)
}

fn then(at: &Cursor<'_>) -> Read<Then> {
    let text = at.text()?;
    match text.as_str() {
        "hold" => Ok(Then::Hold),
        "step_back" => Ok(Then::StepBack),
        "revert" => Ok(Then::Revert),
        _ => Err(at.refuse(format!("{} is nothing that can follow a deadline", quote(&text)), THEN)),
    }
}

/// Freezes end and windows come back, so that a calendar is never closed for good. For years is as bad.
fn opens_at_all(at: &Cursor<'_>, schedule: &Schedule) -> Read<()> {
    let begins = |freeze: &Freeze| calendar::bounds(freeze, &schedule.timezone).0;
    let from: Vec<Timestamp> = match &schedule.start {
        Some(start) => vec![start.timestamp()],
        None => schedule.freezes.iter().map(begins).collect(),
    };
    let late = |from: &Timestamp| {
        calendar::first_open(schedule, *from)
            .is_none_or(|opens| opens.duration_since(*from).as_hours() > LONGEST_CLOSED_HOURS)
    };
    let Some(from) = from.into_iter().find(late) else { return Ok(()) };
    let from = calendar::told(from, &schedule.timezone);
    let at = at.peek("freezes").unwrap_or_else(|| at.clone());
    Err(at.refuse(
        format!("the freezes and windows leave no minute for more than a year after {from}"),
        "shorten the freezes, or widen the windows",
    ))
}

fn start(at: &Cursor<'_>) -> Read<Zoned> {
    let text = at.text()?;
    instant(at, &text)
}

/// RFC 9557, or RFC 3339 with an offset.
pub(super) fn instant(at: &Cursor<'_>, text: &str) -> Read<Zoned> {
    let pieces = Pieces::parse(text)
        .map_err(|_| at.refuse(format!("{} is not a point in time", quote(text)), NOT_A_TIME))?;
    let Some(time) = pieces.time() else {
        return Err(at.refuse(format!("{} says no time of day", quote(text)), NOT_A_TIME));
    };
    let local = pieces.date().to_datetime(time);
    match (pieces.time_zone_annotation(), pieces.to_numeric_offset()) {
        (None, None) => {
            let hint = format!("add one: {text}[Europe/Paris], or an offset such as {text}+01:00");
            Err(at.refuse(format!("{} says no time zone", quote(text)), hint))
        }
        (None, Some(offset)) => {
            let zone = if offset.is_zero() { TimeZone::UTC } else { offset.to_time_zone() };
            local.to_zoned(zone).map_err(|error| at.refuse(error.to_string(), NOT_A_TIME))
        }
        (Some(annotation), _) => {
            // The zones on board, whatever the machine has: a plan means the same everywhere.
            let zones = TimeZoneDatabase::bundled();
            let zone = annotation
                .to_time_zone_with(&zones)
                .map_err(|_| unknown_zone(at, annotated(text), &zones))?;
            let parser = DateTimeParser::new().disambiguation(Disambiguation::Reject);
            parser.parse_zoned_with(&zones, text).map_err(|_| not_in_zone(at, text, local, &zone))
        }
    }
}

fn annotated(text: &str) -> &str {
    text.split_once('[').map_or(text, |(_, zone)| zone.trim_end_matches(']'))
}

fn unknown_zone(at: &Cursor<'_>, name: &str, zones: &TimeZoneDatabase) -> Noted {
    let known: Vec<String> = zones.available().map(|zone| zone.to_string()).collect();
    let hint = nearest(name, known.iter().map(String::as_str))
        .map(|zone| format!("did you mean {zone}?"))
        .unwrap_or_else(|| "use a name of the IANA time zone database, such as Europe/Paris".to_owned());
    at.refuse(format!("there is no time zone {}", quote(name)), hint)
}

fn not_in_zone(at: &Cursor<'_>, text: &str, local: jiff::civil::DateTime, zone: &TimeZone) -> Noted {
    let name = zone.iana_name().unwrap_or("that zone");
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Gap { .. } => {
            let message = format!("there is no {local} in {name}: the clocks are put forward then");
            at.refuse(message, "choose a time an hour earlier or later")
        }
        AmbiguousOffset::Fold { before, after } => {
            let message = format!("{local} comes twice in {name}: the clocks are put back then");
            at.refuse(
                message,
                format!("say which, by its offset: {local}{before}[{name}] or {local}{after}[{name}]"),
            )
        }
        AmbiguousOffset::Unambiguous { offset } => {
            let message = format!("{} has another offset than {name} has then", quote(text));
            at.refuse(message, format!("write {local}{offset}[{name}], or leave the offset out"))
        }
    }
}
