//! What alarms say, which is somebody else's judgement.
//!
//! A red alarm fails the gate, unless it was red before any traffic was moved: going back would not mend it, but it
//! is no time to go up either. What cannot be read never passes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Numbers, STALE_AFTER, Standing, Told, Verdict};
use crate::plan::{Alarms, NamedAlarms};

/// Longer reasons are cut where they are told.
const LONGEST_REASON: usize = 200;

/// One alarm of CloudWatch, on a metric or composite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlarmQuery {
    /// `None` is the account's own region.
    pub region: Option<String>,
    pub name: String,
}

/// What was read of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum AlarmReading {
    Found {
        state: AlarmState,
        /// Since when it has this state, where that is known.
        since: Option<Timestamp>,
        /// CloudWatch's own words.
        reason: Option<String>,
        /// Why CloudWatch does not quite stand by it.
        doubt: Option<String>,
    },
    /// There is none of this name.
    NoSuchAlarm,
    /// Why it could not be read.
    Unreadable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    Ok,
    Alarm,
    InsufficientData,
}

/// What was last read for a gate, by the alarms' names.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmData {
    pub fetched_at: Timestamp,
    pub alarms: BTreeMap<String, AlarmReading>,
}

/// The numbers of a gate that asks alarms: their states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmNumbers {
    pub alarms: Vec<AlarmShown>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmShown {
    pub name: String,
    pub state: Shown,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Until when somebody has acknowledged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub acknowledged_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Ok,
    Alarm,
    InsufficientData,
    /// There is no such alarm.
    Unknown,
    /// It could not be read, or has not been.
    Unread,
}

/// Every alarm that the gate asks.
pub fn alarm_queries(gate: &Alarms) -> impl Iterator<Item = AlarmQuery> + '_ {
    let NamedAlarms { names, region, .. } = &gate.alarms;
    names.iter().map(|name| AlarmQuery { region: region.clone(), name: name.clone() })
}

pub(super) fn judge(gate: &Alarms, data: Option<&AlarmData>, standing: Standing, now: Timestamp) -> Told {
    let numbers = Numbers::Alarms(AlarmNumbers {
        alarms: gate.alarms.names.iter().map(|name| shown(gate, name, data, now)).collect(),
    });
    let (verdict, code, sentence) = match data {
        None => (Verdict::Wait, "unread", "no alarms have been read yet".to_owned()),
        Some(data) => weigh(gate, data, standing, now),
    };
    Told { verdict, code: code.to_owned(), sentence, numbers }
}

/// The gravest of what the alarms say, in the words of the first that says it.
fn weigh(
    gate: &Alarms,
    data: &AlarmData,
    standing: Standing,
    now: Timestamp,
) -> (Verdict, &'static str, String) {
    let said: Vec<Says> =
        gate.alarms.names.iter().map(|name| says(gate, name, data, standing, now)).collect();
    let first = |of: fn(&Says) -> Option<&String>| said.iter().find_map(of).cloned();
    let count = said.iter().filter(|says| matches!(says, Says::Red(_))).count();
    if let Some(sentence) = first(Says::red) {
        let others = match count - 1 {
            0 => String::new(),
            1 => "; so is another".to_owned(),
            others => format!("; so are {others} others"),
        };
        return (Verdict::Fail, "alarm", format!("{sentence}{others}"));
    }
    if let Some(sentence) = first(Says::red_before) {
        return (Verdict::Hold, "red_before", sentence);
    }
    if let Some(sentence) = first(Says::nothing).or_else(|| stale(data, now)) {
        return (Verdict::Hold, "no_data", sentence);
    }
    if standing.moved_at.is_none() {
        return (Verdict::Pass, "nothing_moved", "no traffic has been moved yet".to_owned());
    }
    // What was read before then says nothing of the traffic that is there now.
    if !settled(data, standing) {
        return (Verdict::Wait, "settling", "the traffic has not settled on the new weights".to_owned());
    }
    (Verdict::Pass, "healthy", all_quiet(gate, &said))
}

/// What one alarm comes to.
enum Says {
    Quiet,
    Acknowledged,
    Red(String),
    RedBefore(String),
    Nothing(String),
}

impl Says {
    fn red(&self) -> Option<&String> {
        if let Says::Red(sentence) = self { Some(sentence) } else { None }
    }

    fn red_before(&self) -> Option<&String> {
        if let Says::RedBefore(sentence) = self { Some(sentence) } else { None }
    }

    fn nothing(&self) -> Option<&String> {
        if let Says::Nothing(sentence) = self { Some(sentence) } else { None }
    }
}

fn says(gate: &Alarms, name: &str, data: &AlarmData, standing: Standing, now: Timestamp) -> Says {
    let place = gate.alarms.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
    match data.alarms.get(name) {
        Some(AlarmReading::Found { state: AlarmState::Alarm, since, reason, .. }) => {
            let reason = reason.as_ref().map_or_else(String::new, |reason| format!(": {}", cut(reason)));
            red(gate, name, *since, &reason, standing, now)
        }
        Some(AlarmReading::Found { doubt: Some(doubt), .. }) => {
            Says::Nothing(format!("alarm {name} was not fully evaluated: {doubt}"))
        }
        Some(AlarmReading::Found { state: AlarmState::Ok, doubt: None, .. }) => Says::Quiet,
        // An alarm on an endpoint that has had no traffic has nothing to go by, and that is no reason to give it none.
        Some(AlarmReading::Found { state: AlarmState::InsufficientData, doubt: None, .. })
            if !settled(data, standing) =>
        {
            Says::Quiet
        }
        Some(AlarmReading::Found { state: AlarmState::InsufficientData, doubt: None, .. }) => {
            Says::Nothing(format!(
                "alarm {name} has insufficient data; where its metric is absent when all is well, let it treat \
                 missing data as notBreaching"
            ))
        }
        Some(AlarmReading::NoSuchAlarm) => {
            Says::Nothing(format!("there is no alarm {name}{place}: are its name and region right?"))
        }
        Some(AlarmReading::Unreadable(why)) => {
            Says::Nothing(format!("alarm {name} could not be read: {why}"))
        }
        None => Says::Nothing(format!("alarm {name} has not been read")),
    }
}

/// Whether a red alarm can be the moved traffic's doing, and whether somebody has said that it is not.
fn red(
    gate: &Alarms,
    name: &str,
    since: Option<Timestamp>,
    reason: &str,
    standing: Standing,
    now: Timestamp,
) -> Says {
    // Of which time is not known may be from now.
    let before =
        |moved: Option<Timestamp>| moved.is_none_or(|moved| since.is_some_and(|since| since < moved));
    if before(standing.moved_at) && gate.alarms.acknowledgement(name, now).is_some() {
        return Says::Acknowledged;
    }
    let since = since.map_or_else(String::new, |at| format!(" since {}", at.strftime("%Y-%m-%dT%H:%M:%SZ")));
    if !before(standing.began_at) {
        return Says::Red(format!("alarm {name} has been red{since}{reason}"));
    }
    let ended = gate.alarms.acknowledged.iter().find(|one| one.name == name);
    let ended = ended.map_or_else(String::new, |one| {
        format!(", and was acknowledged until {} only", one.until.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ"))
    });
    Says::RedBefore(format!(
        "alarm {name} has been red{since}, before any traffic was moved{ended}: mend it, or acknowledge it with a \
         reason and an expiry{reason}"
    ))
}

/// Whether this was read after the present step's traffic had settled.
fn settled(data: &AlarmData, standing: Standing) -> bool {
    standing.moved_at.is_some() && standing.settled_at.is_some_and(|settled| data.fetched_at >= settled)
}

fn stale(data: &AlarmData, now: Timestamp) -> Option<String> {
    let age = now.duration_since(data.fetched_at);
    (age > STALE_AFTER).then(|| format!("the alarms were last read {} s ago", age.as_secs()))
}

fn all_quiet(gate: &Alarms, said: &[Says]) -> String {
    let acknowledged = match said.iter().filter(|says| matches!(says, Says::Acknowledged)).count() {
        0 => String::new(),
        count => format!(", {count} of them acknowledged"),
    };
    match gate.alarms.names.as_slice() {
        [name] if acknowledged.is_empty() => format!("alarm {name} is quiet"),
        [name] => format!("alarm {name} was red before and is acknowledged"),
        names => format!("{} alarms are quiet{acknowledged}", names.len()),
    }
}

fn shown(gate: &Alarms, name: &str, data: Option<&AlarmData>, now: Timestamp) -> AlarmShown {
    let (state, since) = match data.and_then(|data| data.alarms.get(name)) {
        Some(AlarmReading::Found { state: AlarmState::Ok, since, .. }) => (Shown::Ok, *since),
        Some(AlarmReading::Found { state: AlarmState::Alarm, since, .. }) => (Shown::Alarm, *since),
        Some(AlarmReading::Found { state: AlarmState::InsufficientData, since, .. }) => {
            (Shown::InsufficientData, *since)
        }
        Some(AlarmReading::NoSuchAlarm) => (Shown::Unknown, None),
        Some(AlarmReading::Unreadable(_)) | None => (Shown::Unread, None),
    };
    let acknowledged_until = gate.alarms.acknowledgement(name, now).map(|one| one.until.timestamp());
    AlarmShown { name: name.to_owned(), state, since, acknowledged_until }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST_REASON).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}
