//! When clocks show a time, in zones where some times come twice and others never.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// When the clocks of a zone show this time, or a later one, for the first time.
pub(super) fn first(zone: &TimeZone, shown: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, shown),
        AmbiguousOffset::Fold { before, .. } => instant(before, shown),
        AmbiguousOffset::Gap { after, .. } => gap(zone, shown, after),
    }
}

/// When they show it for the last time; where it is skipped, when they first show a later one.
pub(super) fn last(zone: &TimeZone, shown: DateTime) -> Timestamp {
    match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset, shown),
        AmbiguousOffset::Fold { after, .. } => instant(after, shown),
        AmbiguousOffset::Gap { after, .. } => gap(zone, shown, after),
    }
}

/// When the clocks are put forward over this time.
fn gap(zone: &TimeZone, shown: DateTime, after: Offset) -> Timestamp {
    // By the clocks as they will be, it is not yet time.
    let before = instant(after, shown);
    let mut changes = zone.following(before).map(|change| change.timestamp());
    changes.find(|change| zone.to_datetime(*change) >= shown).unwrap_or(before)
}

/// The ends of time for what lies beyond them.
fn instant(offset: Offset, shown: DateTime) -> Timestamp {
    let beyond = if shown.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    offset.to_timestamp(shown).unwrap_or(beyond)
}
