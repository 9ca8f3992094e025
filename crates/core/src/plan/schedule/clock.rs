//! Time zones, times of day and edges of freezes, as a plan writes them.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::{
    Zoned,
    civil::{Date, Time},
    tz::{TimeZone, TimeZoneDatabase},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A time zone by its IANA name, from the data on board.
#[derive(Clone, PartialEq)]
pub struct Zone(TimeZone);

/// Hours and minutes, as in `09:00`; up to `24:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    minutes: u16,
}

const MINUTES_A_DAY: u16 = 24 * 60;

/// Where a freeze begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Edge {
    /// The beginning of a day in the schedule's time zone.
    Day(Date),
    Instant(Zoned),
}

impl Zone {
    /// `None` when the database has no zone of this name.
    pub fn named(name: &str) -> Option<Zone> {
        // The zones on board, whatever the machine has: a plan means the same everywhere.
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (!zone.is_unknown()).then_some(Zone(zone))
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub fn rules(&self) -> &TimeZone {
        &self.0
    }

    pub(super) fn is_utc(&self) -> bool {
        *self == Zone::default()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone(TimeZone::UTC)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Zone::named(&name).ok_or_else(|| D::Error::custom(format!("there is no time zone {name:?}")))
    }
}

impl JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["Europe/Paris", "UTC"] })
    }
}

impl TimeOfDay {
    /// The time on a clock, and how many days later. `24:00` is the next day's beginning.
    pub fn on_clock(self) -> (Time, bool) {
        let minutes = self.minutes % MINUTES_A_DAY;
        let (hour, minute) = (minutes / 60, minutes % 60);
        // Both are in range: there are not more minutes than a day has.
        let time = Time::new(small(hour), small(minute), 0, 0).unwrap_or_default();
        (time, self.minutes == MINUTES_A_DAY)
    }

    pub fn is_end_of_day(self) -> bool {
        self.minutes == MINUTES_A_DAY
    }
}

fn small(number: u16) -> i8 {
    i8::try_from(number).unwrap_or(0)
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    /// `09:00`; or `09:00:00`, which is what TOML makes of a time without quotes.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time of day: write hours and minutes, as in 09:00");
        let (hours, rest) = text.split_once(':').ok_or_else(wrong)?;
        let minutes = rest.strip_suffix(":00").unwrap_or(rest);
        let two_digits = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| digits).ok_or_else(wrong)
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        let all = hours * 60 + minutes;
        if minutes >= 60 || all > MINUTES_A_DAY {
            return Err(wrong());
        }
        Ok(TimeOfDay { minutes: all })
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)(:00)?$", "examples": ["09:00"],
            "description": "Hours and minutes by the clocks of the schedule's time zone",
        })
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edge::Day(date) => fmt::Display::fmt(date, f),
            Edge::Instant(instant) => fmt::Display::fmt(instant, f),
        }
    }
}

impl Serialize for Edge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Edge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A date parses as a prefix of a time only when it stands alone.
        if !text.contains('T') {
            return text.parse().map(Edge::Day).map_err(D::Error::custom);
        }
        text.parse().map(Edge::Instant).map_err(D::Error::custom)
    }
}

impl JsonSchema for Edge {
    fn schema_name() -> Cow<'static, str> {
        "Edge".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "examples": ["2026-12-20", "2026-12-20T18:00:00[Europe/Paris]"],
            "description": "A day in the schedule's time zone, or a point in time with its zone",
        })
    }
}
