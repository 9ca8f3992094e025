//! When a shift may go up. Going down never asks.
//!
//! A time on the clocks of a zone may come twice, or not at all. Nothing opens early for it: a window opens when its
//! `from` is shown for the last time and closes when its `to`, or a later time, is shown for the first; a freeze begins
//! and ends the other way about. So windows are never wider than they are read, and freezes never narrower.

mod civil;
#[cfg(test)]
mod tests;

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::plan::{Day, Edge, Freeze, Plan, Schedule, Window, Zone};

/// Why a shift may not go up now, and when that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `not_started`, `freeze` or `outside_windows`.
    pub code: &'static str,
    /// The first instant at which it is open. `None` when there is none.
    pub until: Option<Timestamp>,
    pub sentence: String,
}

/// A time in which the shift may go up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub opens: Timestamp,
    /// Absent where it stays open for as far as is looked ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    pub sentence: String,
}

/// Windows come every week. One that the clocks skip is back the week after; twice in a row has not been seen.
const DAYS_AHEAD: usize = 60;

/// `None` when the plan's calendar lets the shift go up now.
pub fn closed(plan: &Plan, now: Timestamp) -> Option<Closed> {
    let schedule = plan.schedule.as_ref()?;
    let (code, why) = reason(schedule, now)?;
    let until = first_open(schedule, now);
    let sentence = match until {
        // The start says itself when it is.
        Some(at) if code == "not_started" && plan.start() == Some(at) => why,
        Some(at) => format!("{why}; it opens at {}", told(at, &schedule.timezone)),
        None => format!("{why}, and it never opens again"),
    };
    Some(Closed { code, until, sentence })
}

/// The first instant, from this one on, at which the shift may go up. `None` when there is none.
pub fn opens(plan: &Plan, from: Timestamp) -> Option<Timestamp> {
    plan.schedule.as_ref().map_or(Some(from), |schedule| first_open(schedule, from))
}

/// The next times in which the shift may go up, at most so many, from this instant on. `None` without a calendar.
pub fn openings(plan: &Plan, from: Timestamp, most: usize) -> Option<Vec<Opening>> {
    let schedule = plan.schedule.as_ref()?;
    let mut openings = Vec::new();
    let mut at = Some(from);
    while openings.len() < most
        && let Some(opens) = at.and_then(|at| first_open(schedule, at))
    {
        let zone = &schedule.timezone;
        let closes = closes(schedule, opens);
        let sentence = match closes {
            Some(closes) => format!("open from {} to {}", told(opens, zone), told(closes, zone)),
            None => format!("open from {} on", told(opens, zone)),
        };
        openings.push(Opening { opens, closes, sentence });
        at = closes;
    }
    Some(openings)
}

/// When a calendar that is open at an instant closes, as far as is looked ahead.
fn closes(schedule: &Schedule, open: Timestamp) -> Option<Timestamp> {
    let freezes = schedule.freezes.iter().map(|freeze| bounds(freeze, &schedule.timezone).0);
    let frozen = freezes.filter(|begins| *begins > open).min();
    if schedule.windows.is_empty() {
        return frozen;
    }
    // One window may follow another without a gap.
    let mut at = open;
    for _ in 0..DAYS_AHEAD {
        if frozen.is_some_and(|frozen| frozen <= at) {
            return frozen;
        }
        match window(schedule, at) {
            Some((opens, closes)) if opens <= at => at = closes,
            Some(_) | None => return Some(at),
        }
    }
    frozen
}

pub(crate) fn first_open(schedule: &Schedule, from: Timestamp) -> Option<Timestamp> {
    let mut at = schedule.start.as_ref().map_or(from, |start| start.timestamp().max(from));
    loop {
        let ends = schedule.freezes.iter().filter_map(|freeze| covering(freeze, &schedule.timezone, at));
        if let Some((_, end)) = ends.max_by_key(|(_, end)| *end) {
            at = end;
            continue;
        }
        if schedule.windows.is_empty() {
            return Some(at);
        }
        let (opens, _) = window(schedule, at)?;
        if opens <= at {
            return Some(at);
        }
        at = opens;
    }
}

/// Whether it was open all the time from one instant to another.
pub fn stays_open(plan: &Plan, from: Timestamp, to: Timestamp) -> bool {
    let Some(schedule) = &plan.schedule else { return true };
    let frozen = |freeze: &Freeze| {
        let (begins, ends) = bounds(freeze, &schedule.timezone);
        begins <= to && from < ends
    };
    if plan.start().is_some_and(|start| from < start) || schedule.freezes.iter().any(frozen) {
        return false;
    }
    let mut at = from;
    while !schedule.windows.is_empty() && at <= to {
        match window(schedule, at) {
            Some((opens, closes)) if opens <= at => at = closes,
            Some(_) | None => return false,
        }
    }
    true
}

/// An instant as people of a zone say it, to the minute.
pub fn told(at: Timestamp, zone: &Zone) -> String {
    let local = at.to_zoned(zone.rules().clone());
    format!("{} {}", local.strftime("%a %Y-%m-%d %H:%M"), zone.name())
}

/// The first reason for which it is closed.
fn reason(schedule: &Schedule, now: Timestamp) -> Option<(&'static str, String)> {
    if let Some(start) = schedule.start.as_ref().filter(|start| now < start.timestamp()) {
        return Some(("not_started", format!("the plan starts at {start}")));
    }
    let zone = &schedule.timezone;
    let covering =
        schedule.freezes.iter().filter_map(|freeze| Some((freeze, covering(freeze, zone, now)?.1)));
    if let Some((freeze, end)) = covering.max_by_key(|(_, end)| *end) {
        let what = if freeze.reason.is_empty() { "a freeze" } else { &freeze.reason };
        return Some(("freeze", format!("nothing goes up until {}: {what}", told(end, zone))));
    }
    let inside = schedule.windows.is_empty() || window(schedule, now).is_some_and(|(opens, _)| opens <= now);
    (!inside).then(|| ("outside_windows", "it is outside of the plan's windows".to_owned()))
}

/// A freeze that covers this instant: when it began, and when it ends.
fn covering(freeze: &Freeze, zone: &Zone, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let (begins, ends) = bounds(freeze, zone);
    (begins <= at && at < ends).then_some((begins, ends))
}

/// When a freeze begins, and when it is over.
pub(crate) fn bounds(freeze: &Freeze, zone: &Zone) -> (Timestamp, Timestamp) {
    let rules = zone.rules();
    let begins = match &freeze.from {
        Edge::Day(day) => civil::first(rules, day.at(0, 0, 0, 0)),
        Edge::Instant(instant) => instant.timestamp(),
    };
    let ends = match &freeze.to {
        Edge::Day(day) => civil::last(rules, day.at(0, 0, 0, 0)),
        Edge::Instant(instant) => instant.timestamp(),
    };
    (begins, ends)
}

/// The window that is open at an instant, or the next one: when it opens, and when it closes.
fn window(schedule: &Schedule, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let zone = schedule.timezone.rules();
    // What began the day before may still be open.
    let first = zone.to_datetime(at).date().yesterday().ok()?;
    for day in first.series(1.day()).take(DAYS_AHEAD) {
        let spans = schedule.windows.iter().filter_map(|window| span(window, &schedule.timezone, day));
        // Whatever begins on a later day opens later.
        if let Some(found) = spans.filter(|(_, closes)| at < *closes).min() {
            return Some(found);
        }
    }
    None
}

/// A window of one day. `None` on another day of the week, or when the clocks leave nothing of it.
fn span(window: &Window, zone: &Zone, day: Date) -> Option<(Timestamp, Timestamp)> {
    if !window.days.contains(&Day::of(day)) {
        return None;
    }
    let (from, _) = window.from.on_clock();
    let (to, end_of_day) = window.to.on_clock();
    let last = if window.passes_midnight() || end_of_day { day.tomorrow().ok()? } else { day };
    let opens = civil::last(zone.rules(), day.to_datetime(from));
    let closes = civil::first(zone.rules(), last.to_datetime(to));
    (opens < closes).then_some((opens, closes))
}
