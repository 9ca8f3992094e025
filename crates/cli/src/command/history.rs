//! `history`: what happened to a shift; and whether that can be believed.

mod export;
mod verify;

use std::time::Duration;

use clap::{Args, Subcommand};
use crossfade_core::event::Event;
use serde_json::Value;

use self::export::ExportFormat;
use super::Context;
use crate::{
    args::Output,
    client::Client,
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct HistoryArgs {
    /// The shift.
    #[arg(required = true)]
    name: Option<String>,
    /// Go on with what happens from now on.
    #[arg(long, short)]
    follow: bool,
    #[command(subcommand)]
    command: Option<HistoryCommand>,
}

#[derive(Debug, Subcommand)]
enum HistoryCommand {
    /// Compute the chain of hashes again, and say where it breaks
    ///
    /// An event that was changed, added or removed is found, and so is an end that is not the one that the shift knows.
    /// Who rewrites a history from some event to its end, and the shift with it, leaves a chain that is whole: only a
    /// hash that was written down elsewhere tells.
    Verify {
        /// The shift.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// Every shift.
        #[arg(long)]
        all: bool,
        /// A hash that was written down earlier, from `verify` or an export: an event must have it still. Any number
        /// of times.
        #[arg(long = "head", value_name = "HASH")]
        heads: Vec<String>,
    },
    /// Write all of it to standard output
    Export {
        /// The shift.
        name: String,
        #[arg(long, value_enum, default_value_t)]
        format: ExportFormat,
    },
}

/// As often as the daemon looks for news itself.
const EVERY: Duration = Duration::from_secs(1);

pub async fn run(context: &Context, args: HistoryArgs) -> Result<Exit, Failure> {
    let HistoryArgs { name, follow, command } = args;
    let client = context.client()?;
    match command {
        None => show(context, &client, &name.unwrap_or_default(), follow).await,
        Some(HistoryCommand::Verify { name, all: _, heads }) => {
            verify::run(context, &client, name, heads).await
        }
        Some(HistoryCommand::Export { name, format }) => export::run(&client, &name, format).await,
    }
}

async fn show(context: &Context, client: &Client, name: &str, follow: bool) -> Result<Exit, Failure> {
    let mut events = client.events(name, 0).await?;
    let output = context.global.output;
    if !follow {
        match output {
            Output::Table => {
                let rows = events.iter().map(row).collect::<Result<Vec<_>, _>>()?;
                render::line(render::table(["SEQ", "AT", "WHAT", "BY", "DETAILS"], rows))?;
            }
            Output::Json | Output::Jsonl => render::json_list(&events, output)?,
        }
        return Ok(Exit::Done);
    }
    let mut after = 0;
    loop {
        for event in &events {
            after = event.seq;
            match output {
                Output::Table => render::line(row(event)?.join("  ").trim_end())?,
                Output::Json | Output::Jsonl => render::json(event, Output::Jsonl)?,
            }
        }
        tokio::time::sleep(EVERY).await;
        events = match client.events(name, after).await {
            Ok(events) => events,
            // A daemon that is being restarted is back soon.
            Err(failure) if failure.exit == Exit::Unreachable => {
                render::note(format!("{failure}; trying again"));
                Vec::new()
            }
            Err(failure) => return Err(failure),
        };
    }
}

fn row(event: &Event) -> Result<[String; 5], Failure> {
    let (kind, data) = event
        .what
        .to_parts()
        .map_err(|error| Failure::failed("an event cannot be written as JSON").because(error))?;
    let mut details = details(&data);
    if let Some(reason) = &event.reason {
        details.insert_str(0, &format!("\"{reason}\" "));
    }
    Ok([
        format!("{:>4}", event.seq),
        render::instant(event.at),
        format!("{:<20}", kind.replace('_', " ")),
        event.actor.0.clone(),
        details.trim_end().to_owned(),
    ])
}

/// What fits on a line: plain values, and the names and sentences of what has some.
fn details(data: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(data) else { return String::new() };
    let shown = fields.iter().filter_map(|(key, value)| Some(format!("{key}: {}", plain(key, value)?)));
    shown.collect::<Vec<_>>().join(", ")
}

fn plain(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(match (key, number.as_u64()) {
            ("share" | "to", _) => format!("{} %", number.as_f64()?),
            // As everywhere else that people read.
            ("step", Some(index)) => (index + 1).to_string(),
            _ => number.to_string(),
        }),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(inner) => {
            let of = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
            of("sentence").or_else(|| of("name"))
        }
        Value::Array(items) => {
            let sentence = |item: &Value| item.get("sentence").and_then(Value::as_str).map(str::to_owned);
            let sentences: Vec<String> = items.iter().filter_map(sentence).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_in_the_words_of_a_person() {
        let intended =
            r#"{"gates":[{"sentence":"3 errors in 900 requests (0.33 %)"}],"generation":2,"share":12.5}"#;
        let shown = details(intended);
        assert_eq!(shown, "gates: 3 errors in 900 requests (0.33 %), generation: 2, share: 12.5 %");
        assert_eq!(details(r#"{"step":1}"#), "step: 2");
        assert_eq!(details(r#"{"gates":[],"weights":{"a":{"b":1}},"change":null}"#), "");
    }
}
