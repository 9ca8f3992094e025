//! Whether a history is whole: every event in its place, and every hash what its event makes it.

use crossfade_core::event::{Hash, seal};
use serde_json::Value;

use crate::{
    args::Output,
    client::Client,
    command::Context,
    failure::{Exit, Failure},
    render,
};

pub(super) async fn run(context: &Context, client: &Client, name: Option<String>) -> Result<Exit, Failure> {
    let shifts = match name {
        Some(name) => vec![client.shift(&name).await?],
        None => client.shifts(None, None).await?,
    };
    let mut broken = Vec::new();
    for shift in &shifts {
        let events = client.raw_events(&shift.name).await?;
        let found =
            verify(&shift.name, &events).and_then(|head| complete(&events, shift.version).map(|()| head));
        if context.global.output != Output::Table {
            let answer = serde_json::json!({
                "name": shift.name, "events": events.len(), "intact": found.is_ok(),
                "head": found.as_ref().ok(), "broken": found.as_ref().err(),
            });
            render::json(&answer, Output::Jsonl)?;
        } else if let Ok(Hash(head)) = &found {
            render::line(format!(
                "{}: {} events, the chain is whole, head {head}",
                shift.name,
                events.len()
            ))?;
        }
        broken.extend(found.err().map(|why| format!("{}: {why}", shift.name)));
    }
    if broken.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::failed("the history was changed")
        .notes(broken)
        .hint("compare with a backup of the database, and with CloudTrail for what was written to Route 53"))
}

/// The hash of the newest event, or where the chain breaks. Over the events as they came: no reading of ours stands
/// between the database and the hash.
fn verify(shift: &str, events: &[Value]) -> Result<Hash, String> {
    let mut head = Hash::default();
    for (expected, event) in (1..).zip(events) {
        let seq = event["seq"].as_u64().unwrap_or_default();
        if seq != expected {
            return Err(format!("event {expected} is missing; {seq} is in its place"));
        }
        let text = |key: &str| event[key].as_str().ok_or_else(|| format!("event {seq} has no {key}"));
        let data = event["data"].to_string();
        let (at, kind, actor) = (text("at")?, text("kind")?, text("actor")?);
        let hash = seal(&head, shift, seq, at, kind, actor, event["reason"].as_str(), &data);
        if hash.0 != text("hash")? {
            return Err(format!(
                "event {seq} ({kind}, {at}) is not as it was written, or the one before it is not"
            ));
        }
        head = hash;
    }
    Ok(head)
}

/// A chain that lost its newest events is whole, and too short.
fn complete(events: &[Value], version: u64) -> Result<(), String> {
    let last = events.last().map_or(0, |event| event["seq"].as_u64().unwrap_or_default());
    if last < version {
        return Err(format!("the shift is at version {version}, and its history ends at {last}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crossfade_core::event::{Actor, Draft, Happened};
    use serde_json::json;

    use super::*;

    fn history() -> Vec<Value> {
        let mut head = Hash::default();
        let happened = [Happened::Started {}, Happened::Paused { freeze: true }, Happened::Resumed {}];
        let event = |(seq, what)| {
            let at = "2026-12-01T09:00:00.5Z".parse().unwrap();
            let reason = Some("because".to_owned());
            let event =
                Draft { at, what, actor: Actor("ann".to_owned()), reason }.sealed("www", seq, &head).unwrap();
            head = event.hash.clone();
            serde_json::to_value(event).unwrap()
        };
        (1..).zip(happened).map(event).collect()
    }

    #[test]
    fn a_history_as_it_was_written_is_whole() {
        let events = history();
        let head = verify("www", &events).unwrap();
        assert_eq!(head.0, events[2]["hash"]);
        assert_eq!(complete(&events, 3), Ok(()));
    }

    #[test]
    fn every_change_shows() {
        type Edit = fn(&mut Vec<Value>);
        let edits: [(Edit, &str); 6] = [
            (|events| events[1]["actor"] = json!("bob"), "event 2"),
            (|events| events[1]["data"]["freeze"] = json!(false), "event 2"),
            (|events| events[0]["reason"] = Value::Null, "event 1"),
            (|events| events[2]["at"] = json!("2026-12-01T09:00:01Z"), "event 3"),
            (|events| drop(events.remove(0)), "event 1 is missing"),
            (|events| events.swap(0, 1), "event 1 is missing"),
        ];
        for (edit, wanted) in edits {
            let mut events = history();
            edit(&mut events);
            let why = verify("www", &events).unwrap_err();
            assert!(why.starts_with(wanted), "{why}");
        }
        assert!(verify("other", &history()).is_err(), "the events of another shift");
        assert!(complete(&history()[..2], 3).is_err(), "the newest event is missing");
    }
}
