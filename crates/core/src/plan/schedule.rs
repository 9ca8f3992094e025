//! When a shift may go up: its start, its windows, its freezes, the shifts it comes after, and whose approval it waits
//! for. What these come to at an instant is said by [`crate::calendar`].

mod clock;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    Zoned,
    civil::{Date, Weekday},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::clock::{Edge, TimeOfDay, Zone};
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
