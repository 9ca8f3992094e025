//! Whether alarms are quiet.

use std::collections::BTreeMap;

use jiff::{Zoned, civil::Date, tz::TimeZone};

use super::super::{
    cursor::{Cursor, Keys, Read, Table, nearest, quote},
    names::{filled, region},
    schedule::instant,
};
use crate::plan::{Acknowledgement, Alarms, NamedAlarms, Question};

pub(crate) const ALARMS: Keys = Keys { known: &["name", "alarms", "on_fail", "observe_only"], later: &[] };
pub(crate) const NAMED_ALARMS: Keys = Keys { known: &["names", "region", "acknowledged"], later: &[] };
pub(crate) const ACKNOWLEDGEMENT: Keys = Keys { known: &["name", "reason", "until"], later: &[] };

/// CloudWatch's own bound.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
const LONGEST_NAME: usize = 255;

/// As many as one request can ask for. Who has more makes one composite alarm of them.
const MOST_ALARMS: usize = 100;

const LONGEST_REASON: usize = 1024;

pub(super) fn question(_: &Cursor<'_>, table: &Table<'_>) -> Read<Question> {
    Ok(Question::Alarms(Alarms { alarms: table.required("alarms", named_alarms)? }))
}

fn named_alarms(at: &Cursor<'_>) -> Read<NamedAlarms> {
    let table = at.table(&NAMED_ALARMS)?;
    let names = table.required("names", names);
    let region = table.optional("region", region);
    let known = names.as_deref().ok();
    let acknowledged = table.optional("acknowledged", |at| acknowledgements(at, known));
    Ok(NamedAlarms { names: names?, region: region?, acknowledged: acknowledged?.unwrap_or_default() })
}

fn names(at: &Cursor<'_>) -> Read<Vec<String>> {
    let items = at.some("a list of alarms")?;
    let mut lines = BTreeMap::new();
    let names: Vec<_> = items.iter().map(|item| once(item, &mut lines, name)).collect();
    if items.len() > MOST_ALARMS {
        let message = format!("{} alarms are more than {MOST_ALARMS}", items.len());
        return Err(at.refuse(message, "make a composite alarm of them, and name that"));
    }
    names.into_iter().collect()
}

fn name(at: &Cursor<'_>) -> Read<String> {
    let name = filled(at, LONGEST_NAME)?;
    if let Some((_, end)) = name.split_once(":alarm:").filter(|_| name.starts_with("arn:")) {
        let hint = format!("take the part after alarm:, {end}; its region goes into the key region");
        return Err(at.refuse("this is the whole ARN of the alarm", hint));
    }
    Ok(name)
}

fn acknowledgements(at: &Cursor<'_>, known: Option<&[String]>) -> Read<Vec<Acknowledgement>> {
    let items = at.list("a list such as [{ name: an-alarm, reason: why, until: 2026-12-31 }]")?;
    let mut lines = BTreeMap::new();
    let all: Vec<_> = items.iter().map(|item| acknowledgement(item, known, &mut lines)).collect();
    all.into_iter().collect()
}

fn acknowledgement(
    at: &Cursor<'_>,
    known: Option<&[String]>,
    lines: &mut BTreeMap<String, u32>,
) -> Read<Acknowledgement> {
    let table = at.table(&ACKNOWLEDGEMENT)?;
    let name = table.required("name", |at| {
        once(at, lines, |at| {
            let name = name(at)?;
            let Some(known) = known.filter(|known| !known.contains(&name)) else { return Ok(name) };
            let hint = nearest(&name, known.iter().map(String::as_str))
                .map(|name| format!("did you mean {name}?"))
                .unwrap_or_else(|| "acknowledge one of the alarms that are named".to_owned());
            Err(at.refuse(format!("{} is not one of this gate's alarms", quote(&name)), hint))
        })
    });
    let reason = table.required("reason", |at| filled(at, LONGEST_REASON));
    let until = table.required("until", until);
    Ok(Acknowledgement { name: name?, reason: reason?, until: until? })
}

fn once(
    at: &Cursor<'_>,
    lines: &mut BTreeMap<String, u32>,
    read: impl FnOnce(&Cursor<'_>) -> Read<String>,
) -> Read<String> {
    let name = read(at)?;
    match lines.insert(name.clone(), at.line()) {
        Some(line) => {
            let message = format!("the alarm {} is named twice", quote(&name));
            Err(at.refuse(message, format!("it is on line {line} already: keep one of them")))
        }
        None => Ok(name),
    }
}

/// An instant, or a date, which counts to its end.
fn until(at: &Cursor<'_>) -> Read<Zoned> {
    let text = at.text()?;
    let date = if text.len() == "2026-12-31".len() { text.parse::<Date>().ok() } else { None };
    match date {
        Some(date) => date
            .tomorrow()
            .and_then(|next| next.to_zoned(TimeZone::UTC))
            .map_err(|error| at.refuse(error.to_string(), "choose an earlier date")),
        None => instant(at, &text),
    }
}
