//! When a shift may go up: its start, its windows, its freezes, the shifts it comes after, and whose approval it waits
//! for. What these come to at an instant is said by [`crate::calendar`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jiff::{
    Zoned,
    civil::{Date, Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Span;
use crate::Share;

/// When a shift may go up. Going down never asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Nothing moves before this instant, as in `2026-12-01T09:00:00[Europe/Paris]`; then the shift starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start: Option<Zoned>,
    /// Of the windows and of the freezes' days: a name of the IANA time zone database. Default: UTC.
    #[serde(default, skip_serializing_if = "Zone::is_utc")]
    pub timezone: Zone,
    /// Steps are taken only inside of one of these. Without any, at all hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub windows: Vec<Window>,
    /// No steps are taken inside of any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub freezes: Vec<Freeze>,
    /// No steps are taken until these shifts have come far enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub after: Vec<After>,
}

/// Hours of the day, by the clocks of the schedule's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which it begins. Default: every day.
    #[serde(default = "every_day", skip_serializing_if = "is_every_day")]
    #[schemars(length(min = 1))]
    pub days: BTreeSet<Day>,
    pub from: TimeOfDay,
    /// Exclusive; when it is earlier than `from`, on the day after. `24:00` is the end of the day.
    pub to: TimeOfDay,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Days, or an exact time, in which nothing goes up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    pub from: Edge,
    /// Exclusive: the first day, or the instant, when it may move again.
    pub to: Edge,
    /// What for, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Where a freeze begins or ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Edge {
    /// The beginning of a day in the schedule's time zone.
    Day(Date),
    Instant(Zoned),
}

/// A shift that has to have come far enough: completed, or at a share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum After {
    Completed(String),
    AtShare(AtShare),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtShare {
    /// The other shift's name.
    pub shift: String,
    /// What it has to have landed at, or to be above of; to be completed is enough, too.
    pub share: Share,
}

/// Whether a step waits for a person: `true`, or by when and what then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Approval {
    Needed(bool),
    By(Deadline),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// Counted from when the step began to wait for nothing but the approval.
    pub deadline: Span,
    #[serde(default)]
    pub then: Then,
}

/// What follows when nobody has approved a step in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It goes on waiting, and says so.
    #[default]
    Hold,
    StepBack,
    Revert,
}

/// A circle that a plan of this name closes, from its own name to its own name, among plans that come after others.
pub fn circle(name: &str, after: &[After], others: &BTreeMap<String, Vec<After>>) -> Option<Vec<String>> {
    // Every plan is looked at once: what led nowhere before leads nowhere again.
    let mut seen = BTreeSet::new();
    let mut ways = vec![(vec![name.to_owned()], after)];
    while let Some((way, after)) = ways.pop() {
        for next in after.iter().map(After::shift) {
            let mut way = way.clone();
            way.push(next.to_owned());
            if next == name {
                return Some(way);
            }
            if seen.insert(next)
                && let Some(after) = others.get(next)
            {
                ways.push((way, after));
            }
        }
    }
    None
}

/// A time zone by its IANA name, from the data on board.
#[derive(Clone, PartialEq)]
pub struct Zone(TimeZone);

/// Hours and minutes, as in `09:00`; up to `24:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    minutes: u16,
}

const MINUTES_A_DAY: u16 = 24 * 60;

fn every_day() -> BTreeSet<Day> {
    Day::ALL.into()
}

fn is_every_day(days: &BTreeSet<Day>) -> bool {
    days.len() == Day::ALL.len()
}

impl Window {
    /// Whether it ends on the day after the one on which it begins.
    pub fn passes_midnight(&self) -> bool {
        self.to <= self.from
    }
}

impl Day {
    pub const ALL: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

    pub fn of(date: Date) -> Day {
        match date.weekday() {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Day::Mon => "mon",
            Day::Tue => "tue",
            Day::Wed => "wed",
            Day::Thu => "thu",
            Day::Fri => "fri",
            Day::Sat => "sat",
            Day::Sun => "sun",
        }
    }
}

impl After {
    /// The other shift's name.
    pub fn shift(&self) -> &str {
        match self {
            After::Completed(shift) => shift,
            After::AtShare(AtShare { shift, .. }) => shift,
        }
    }
}

impl Default for Approval {
    fn default() -> Self {
        Approval::Needed(false)
    }
}

impl Approval {
    pub fn is_needed(&self) -> bool {
        match self {
            Approval::Needed(needed) => *needed,
            Approval::By(_) => true,
        }
    }

    pub(super) fn is_not_needed(&self) -> bool {
        !self.is_needed()
    }

    pub fn deadline(&self) -> Option<&Deadline> {
        match self {
            Approval::Needed(_) => None,
            Approval::By(deadline) => Some(deadline),
        }
    }
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

    fn is_utc(&self) -> bool {
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
