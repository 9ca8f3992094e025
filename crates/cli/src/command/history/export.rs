//! A whole history as text, for auditors and spreadsheets.

use std::borrow::Cow;

use clap::ValueEnum;
use serde_json::Value;

use crate::{
    args::Output,
    client::Client,
    failure::{Exit, Failure},
    render,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    #[default]
    Jsonl,
    Csv,
}

const COLUMNS: [&str; 7] = ["seq", "at", "kind", "actor", "reason", "data", "hash"];

pub(super) async fn run(client: &Client, name: &str, format: ExportFormat) -> Result<Exit, Failure> {
    let events = client.raw_events(name).await?;
    match format {
        ExportFormat::Jsonl => render::json_list(&events, Output::Jsonl)?,
        ExportFormat::Csv => {
            render::line(COLUMNS.join(","))?;
            for event in &events {
                render::line(row(event))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(event: &Value) -> String {
    let cells = COLUMNS.map(|column| match &event[column] {
        Value::String(text) => cell(text).into_owned(),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            cell(&other.to_string()).into_owned()
        }
    });
    cells.join(",")
}

/// As RFC 4180 has it. A text that a spreadsheet would take for a formula is kept from being one.
fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !text.contains([',', '"', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let guard = if formula { "'" } else { "" };
    Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::row;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let event = json!({
            "seq": 2, "at": "2026-12-01T09:00:00Z", "kind": "paused", "actor": "=cmd()", "reason": "a \"b\", c",
            "data": { "freeze": true }, "hash": "00ff",
        });
        assert_eq!(
            row(&event),
            r#"2,2026-12-01T09:00:00Z,paused,"'=cmd()","a ""b"", c","{""freeze"":true}",00ff"#
        );
    }
}
