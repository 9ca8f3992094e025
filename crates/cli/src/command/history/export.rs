//! A whole history as text, for auditors and spreadsheets: what is kept, word for word.

use std::borrow::Cow;

use clap::ValueEnum;
use crossfade_core::chain::Row;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
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

const COLUMNS: &str = "seq,at,kind,actor,reason,data,hash";

pub(super) async fn run(client: &Client, name: &str, format: ExportFormat) -> Result<Exit, Failure> {
    let (_, rows) = client.chain(name).await?;
    match format {
        ExportFormat::Jsonl => rows.iter().try_for_each(|row| render::line(object(row)))?,
        ExportFormat::Csv => {
            render::line(COLUMNS)?;
            rows.iter().try_for_each(|row| render::line(cells(row)))?;
        }
    }
    Ok(Exit::Done)
}

/// `data` is put in as it is, because that is what was hashed.
fn object(row: &Row) -> String {
    let Row { seq, at, kind, actor, reason, data, hash } = row;
    let text = |text: &str| Value::from(text).to_string();
    // Where it cannot stand so, somebody has changed it: then it is a text in which nothing is lost.
    let stands = data.trim() == data
        && !data.contains(['\n', '\r'])
        && serde_json::from_str::<IgnoredAny>(data).is_ok();
    let data = if stands { Cow::Borrowed(data.as_str()) } else { Cow::Owned(text(data)) };
    let (actor, at, hash, kind, reason) = (text(actor), text(at), text(hash), text(kind), json!(reason));
    format!(
        r#"{{"actor":{actor},"at":{at},"data":{data},"hash":{hash},"kind":{kind},"reason":{reason},"seq":{seq}}}"#
    )
}

fn cells(row: &Row) -> String {
    let Row { seq, at, kind, actor, reason, data, hash } = row;
    let reason = reason.as_deref().unwrap_or_default();
    let cells = [at, kind, actor, reason, data, hash].map(cell);
    format!("{seq},{}", cells.join(","))
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
    use super::*;

    fn row(data: &str) -> Row {
        Row {
            seq: 2,
            at: "2026-12-01T09:00:00Z".to_owned(),
            kind: "paused".to_owned(),
            actor: "=cmd()".to_owned(),
            reason: Some("a \"b\", c".to_owned()),
            data: data.to_owned(),
            hash: "00ff".to_owned(),
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(
            cells(&row(r#"{"freeze":true}"#)),
            r#"2,2026-12-01T09:00:00Z,paused,"'=cmd()","a ""b"", c","{""freeze"":true}",00ff"#
        );
    }

    #[test]
    fn a_line_has_the_data_word_for_word() {
        let with = |data: &str| {
            format!(
                r#"{{"actor":"=cmd()","at":"2026-12-01T09:00:00Z","data":{data},"hash":"00ff","kind":"paused","reason":"a \"b\", c","seq":2}}"#
            )
        };
        for data in ["{}", r#"{"b":1.50,"a": 1}"#] {
            assert_eq!(object(&row(data)), with(data));
        }
        for (odd, text) in [("{} ", r#""{} ""#), ("{\n}", r#""{\n}""#), (r#"},"x":{"#, r#""},\"x\":{""#)] {
            assert_eq!(object(&row(odd)), with(text));
        }
        let line = object(&Row { reason: None, ..row("{}") });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["reason"], Value::Null);
    }
}
