//! What is written to standard output: tables for people, JSON for programs. Without colour, so that every line reads
//! the same in a terminal, a file and a ticket.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use comfy_table::{ContentArrangement, Table, presets};
use crossfade_api::types::{Group, Shift};
use crossfade_core::Share;
use jiff::Timestamp;
use serde::Serialize;

use crate::{args::Output, failure::Failure};

/// A line of data.
pub fn line(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::from)
}

/// A line for the person, beside the data.
pub fn note(text: impl Display) {
    // Whoever closed standard error does not want to read it.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// One value as JSON, on one line or on many. `Table` is as `Json`.
pub fn json(value: &impl Serialize, output: Output) -> Result<(), Failure> {
    let text = match output {
        Output::Jsonl => serde_json::to_string(value),
        Output::Json | Output::Table => serde_json::to_string_pretty(value),
    };
    line(text.map_err(|error| Failure::failed("the answer cannot be written as JSON").because(error))?)
}

/// A list as JSON: one array, or a line for each.
pub fn json_list<T: Serialize>(items: &[T], output: Output) -> Result<(), Failure> {
    match output {
        Output::Jsonl => items.iter().try_for_each(|item| json(item, output)),
        Output::Json | Output::Table => json(&items, output),
    }
}

/// Columns under their heads, as wide as the terminal allows.
pub fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Everything that somebody who looks at one shift wants to see first.
pub fn shift(shift: &Shift) -> String {
    let mut lines = vec![format!("{}: {}", shift.name, shift.headline), String::new()];
    let mut fact = |name: &str, value: String| lines.push(format!("  {name:<9}{value}"));
    let stage =
        serde_json::to_value(shift.step.stage).ok().and_then(|stage| stage.as_str().map(str::to_owned));
    let step = match (shift.step.index, shift.step.share) {
        (Some(index), Some(share)) => {
            format!(", step {} of {} ({share}), {}", index + 1, shift.steps, stage.unwrap_or_default())
        }
        _ => String::new(),
    };
    fact("phase", format!("{}{step}", shift.phase));
    let share = &shift.share;
    fact(
        "share",
        format!(
            "wanted {} · set {} · observed {}",
            or_unknown(share.wanted),
            or_unknown(share.set),
            or_unknown(share.observed)
        ),
    );
    for group in &shift.weights {
        fact("weights", format!("{} {}  {}", group.name, group.record_type, weights(group)));
    }
    for hold in &shift.holds {
        let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        fact("held", format!("since {} by {}: {}{reason}", instant(hold.since), hold.by, hold.sentence));
    }
    for gate in &shift.gates {
        let verdict = serde_json::to_value(gate.verdict).ok().and_then(|v| v.as_str().map(str::to_owned));
        fact("gate", format!("{} {}: {}", gate.name, verdict.unwrap_or_default(), gate.sentence));
    }
    if let Some(tail) = &shift.tail {
        fact("tail", tail.sentence.clone());
    }
    if let Some(next) = &shift.next {
        let at = next.at.map_or_else(String::new, |at| format!(", at {} at the earliest", instant(at)));
        fact("next", format!("{}{at}", next.what));
    }
    if !shift.possible.is_empty() {
        fact("possible", shift.possible.join(", "));
    }
    lines.join("\n")
}

pub fn weights(group: &Group) -> String {
    group.weights.iter().map(|(id, weight)| format!("{id} {weight}")).collect::<Vec<_>>().join(", ")
}

/// To the second, in UTC.
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn or_unknown(share: Option<Share>) -> String {
    share.map_or_else(|| "?".to_owned(), |share| share.to_string())
}
