//! The plan as a whole.

use std::collections::BTreeMap;

use super::{
    cursor::{Cursor, Keys, Read, Table},
    decommission::decommission,
    gates::{can_be_probed, gates},
    names::{account, slug, text_up_to, web_address},
    ramp::{Ladder, ladder},
    records::{records, side, sides},
    schedule::schedule,
};
use crate::plan::{Plan, Ramp, Schedule, Side, Span, default_account, default_settle_margin};

pub(crate) const PLAN: Keys = Keys {
    known: &[
        "name",
        "description",
        "owner",
        "runbook",
        "labels",
        "account",
        "records",
        "from",
        "to",
        "ramp",
        "settle_margin",
        "schedule",
        "decommission",
        "gates",
    ],
    later: &["notify"],
};

const LONGEST_DESCRIPTION: usize = 4096;
const LONGEST_OWNER: usize = 255;
const MOST_LABELS: usize = 32;
const LONGEST_LABEL: usize = 63;
const LONGEST_LABEL_VALUE: usize = 255;

/// Resolvers that keep an answer for a day longer than they may are not waited for by anybody.
const LONGEST_MARGIN_HOURS: i64 = 24;

/// Every part is read before any is looked at, so that one mistake does not hide another.
pub(super) fn plan(root: &Cursor<'_>) -> Read<Plan> {
    let table = root.table(&PLAN)?;
    let name = table.required("name", slug);
    let description = table.optional("description", |at| text_up_to(at, LONGEST_DESCRIPTION));
    let owner = table.optional("owner", |at| text_up_to(at, LONGEST_OWNER));
    let runbook = table.optional("runbook", web_address);
    let labels = table.optional("labels", labels);
    let account = table.optional("account", account);
    let records = table.required("records", records);
    let from = table.required("from", side);
    let to = table.required("to", side);
    let ramp = ramp(&table, &from, &to);
    let settle_margin = table.optional("settle_margin", settle_margin);
    let schedule = table.optional("schedule", |at| independent(at, schedule(at)?, name.as_deref().ok()));
    let decommission = table.optional("decommission", decommission);
    let gates = table.required("gates", gates);
    let probed = records.as_deref().map_or(Ok(()), |records| can_be_probed(&table, records));
    Ok(Plan {
        name: name?,
        description: description?.unwrap_or_default(),
        owner: owner?.unwrap_or_default(),
        runbook: runbook?,
        labels: labels?.unwrap_or_default(),
        account: account?.unwrap_or_else(default_account),
        records: records?,
        from: from?,
        to: to?,
        ramp: ramp?,
        settle_margin: settle_margin?.unwrap_or_else(default_settle_margin),
        schedule: schedule?,
        decommission: decommission?,
        gates: probed.and(gates)?,
    })
}

/// The steps are weighed even where another key of the ramp is wrong.
fn ramp(table: &Table<'_>, from: &Read<Side>, to: &Read<Side>) -> Read<Ramp> {
    let ladder = table.required("ramp", ladder);
    let (Ok(from), Ok(to)) = (from, to) else { return ladder.and_then(Ladder::ramp) };
    let can_be_weighed = sides(table, from, to);
    let ladder = ladder?;
    if can_be_weighed.is_ok() {
        ladder.weigh(from, to);
    }
    can_be_weighed.and(ladder.ramp())
}

/// A plan that comes after itself never begins. Circles of several show where the other plans are known.
fn independent(at: &Cursor<'_>, schedule: Schedule, name: Option<&str>) -> Read<Schedule> {
    if schedule.after.iter().any(|after| Some(after.shift()) == name) {
        let at = at.peek("after").unwrap_or_else(|| at.clone());
        return Err(at.refuse("the plan comes after itself, and would never begin", "take its own name out"));
    }
    Ok(schedule)
}

fn labels(at: &Cursor<'_>) -> Read<BTreeMap<String, String>> {
    let labels = at.map("a table of labels", |key, value| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
        if key.is_empty() || key.len() > LONGEST_LABEL || !key.bytes().all(plain) {
            let message =
                format!("a label's name has 1 to {LONGEST_LABEL} of the characters a-z A-Z 0-9 - _ . /");
            return Err(value.refuse(message, "give it another name"));
        }
        let text = text_up_to(value, LONGEST_LABEL_VALUE)?;
        if text.chars().any(char::is_control) {
            return Err(value.refuse("a label has no control characters", "take them out"));
        }
        Ok(text)
    })?;
    match labels.len() {
        0..=MOST_LABELS => Ok(labels),
        count => Err(at.refuse(format!("{count} labels are more than {MOST_LABELS}"), "take some out")),
    }
}

fn settle_margin(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0.as_hours() >= LONGEST_MARGIN_HOURS {
        return Err(at.refuse(format!("{span} is not shorter than a day"), "the usual margin is 30s"));
    }
    Ok(span)
}
