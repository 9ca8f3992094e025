//! `pause` and `revert`: for one shift, for those with a label, or for all.

use std::collections::BTreeMap;

use clap::Args;
use crossfade_api::types::{Done, Fleet, Group, Outcome};
use crossfade_core::{event::Happened, shift::Command};

use super::{Context, direct, verb};
use crate::{
    args::{Output, PauseArgs, RevertArgs, Verb, Why},
    client::{Client, of_problem},
    failure::{Exit, Failure},
    render,
};

/// Which shifts: exactly one way of saying it.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false)]
pub struct Selection {
    /// The shift.
    #[arg(value_name = "NAME")]
    pub shift: Option<String>,
    /// Every shift.
    #[arg(long)]
    pub all: bool,
    /// Every shift with this label; several must all be there.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

pub async fn pause(context: &Context, args: PauseArgs) -> Result<Exit, Failure> {
    let PauseArgs { selection, freeze, why } = args;
    let command = Command::Pause { freeze };
    match selection.shift {
        Some(name) => verb::run(context, command, Verb { name, why }).await,
        None => many(context, command, selection.labels, why).await,
    }
}

pub async fn revert(context: &Context, args: RevertArgs) -> Result<Exit, Failure> {
    let RevertArgs { selection, direct: without_daemon, zone, record, access, why } = args;
    match (without_daemon, selection.shift) {
        (true, _) => {
            let (zone, record) = (zone.unwrap_or_default(), record.unwrap_or_default());
            direct::revert(context, &zone, &record, &access, why.reason).await
        }
        (false, Some(name)) => {
            one(context, &name, why).await.map_err(|failure| with_way_around(failure, &name))
        }
        (false, None) => many(context, Command::Revert, selection.labels, why)
            .await
            .map_err(|failure| with_way_around(failure, "each shift")),
    }
}

/// `key=value`.
pub fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as KEY=VALUE".to_owned()),
    }
}

/// The request first, its effect after: nothing may stand between a person and a revert.
async fn one(context: &Context, name: &str, why: Why) -> Result<Exit, Failure> {
    let client = context.client()?;
    let done = client.command(name, Command::Revert, why.reason).await?;
    verb::answer(context, &done)?;
    if context.global.output == Output::Table {
        show_effect(&client, &done).await;
        render::note(format!("undo: {}", verb::undo(Command::Revert, &done.shift).unwrap_or_default()));
        render::note(format!("next: crossfade status {name} --watch"));
    }
    Ok(Exit::Done)
}

async fn show_effect(client: &Client, done: &Done) {
    for now in &done.shift.weights {
        let same = |group: &&Group| {
            (&group.zone, &group.name, group.record_type) == (&now.zone, &now.name, now.record_type)
        };
        let Some(baseline) = done.shift.baseline.iter().find(same) else { continue };
        let ids: std::collections::BTreeSet<_> = now.weights.keys().chain(baseline.weights.keys()).collect();
        let weight = |group: &Group, id: &str| {
            group.weights.get(id).map_or_else(|| "-".to_owned(), ToString::to_string)
        };
        let changes: Vec<String> = ids
            .into_iter()
            .map(|id| format!("{id} {} → {}", weight(now, id), weight(baseline, id)))
            .collect();
        render::note(format!("  {} {}: {}", now.name, now.record_type, changes.join(", ")));
    }
    if let Some(seconds) = cached_seconds(client, &done.shift.name).await {
        render::note(format!(
            "  resolvers that keep to the rules have forgotten the old answer {seconds} s after INSYNC"
        ));
    }
}

/// The longest TTL of the baseline; nothing where it cannot be known at once.
async fn cached_seconds(client: &Client, name: &str) -> Option<u32> {
    let events = client.events(name, 0).await.ok()?;
    let baseline = events.iter().rev().find_map(|event| {
        let Happened::BaselineTaken { sets } = &event.what else { return None };
        Some(sets)
    });
    baseline?.values().flatten().map(|set| set.cached_seconds()).max()
}

async fn many(
    context: &Context,
    command: Command,
    labels: Vec<(String, String)>,
    why: Why,
) -> Result<Exit, Failure> {
    let selector: BTreeMap<String, String> = labels.into_iter().collect();
    let fleet = context.client()?.fleet(command, selector, why.reason).await?;
    match context.global.output {
        output @ (Output::Json | Output::Jsonl) => render::json_list(&fleet.items, output)?,
        Output::Table if fleet.items.is_empty() => render::note("no shift is selected"),
        Output::Table => render::line(as_table(&fleet))?,
    }
    left(&fleet).map_or(Ok(Exit::Done), Err)
}

/// What could not be done of it.
fn left(fleet: &Fleet) -> Option<Failure> {
    let failed: Vec<_> = fleet.items.iter().filter(|item| item.outcome == Outcome::Failed).collect();
    let first = failed.first()?.name.as_str();
    let problem = failed.iter().find_map(|item| item.problem.clone());
    let exit = problem.map_or(Exit::Failed, |problem| of_problem(problem).exit);
    // Never the verb by name: a shift that could not be read may not be one that was meant.
    let hint = format!(
        "the same command again does what is left; `crossfade status {first}` shows what stands in the way"
    );
    let what = format!("{} of {} could not be done", failed.len(), fleet.items.len());
    Some(Failure::new(exit, what).notes(failed.iter().map(|item| item.name.as_str())).hint(hint))
}

fn as_table(fleet: &Fleet) -> String {
    let rows = fleet.items.iter().map(|item| {
        let outcome = match item.outcome {
            Outcome::Done => "done",
            Outcome::Skipped => "nothing to do",
            Outcome::Failed => "failed",
        };
        let problem = item.problem.as_ref().map(|problem| problem.detail.clone());
        [item.name.clone(), outcome.to_owned(), problem.or_else(|| item.headline.clone()).unwrap_or_default()]
    });
    render::table(["NAME", "OUTCOME", "NOW"], rows)
}

/// The daemon says the same with the zone and the record, where it can still say something.
fn with_way_around(failure: Failure, name: &str) -> Failure {
    let said = failure.hints().iter().any(|hint| hint.contains("revert --direct"));
    if failure.exit != Exit::Unreachable || said {
        return failure;
    }
    failure.hint(format!(
        "{name} can be reverted without the daemon and its database, each of its records by\n      \
         crossfade revert --direct --zone ZONE --name RECORD"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(name: &str, outcome: &str, code: &str) -> serde_json::Value {
        let problem =
            json!({ "type": "about:blank", "title": "T", "status": 409, "detail": "D.", "code": code });
        json!({ "name": name, "outcome": outcome, "events": [], "headline": null, "problem": problem })
    }

    #[test]
    fn what_has_failed_decides_about_the_exit_code_and_not_what_was_passed_over() {
        let items = [item("api", "skipped", "not_now"), item("www", "failed", "store_unavailable")];
        let fleet: Fleet = serde_json::from_value(json!({ "items": items })).unwrap();
        let failure = left(&fleet).unwrap();
        assert_eq!(
            (failure.exit, failure.to_string().as_str()),
            (Exit::Unreachable, "1 of 2 could not be done")
        );
        let hint = failure.hints().concat();
        assert!(hint.contains("crossfade status www") && !hint.contains("crossfade revert"), "{hint}");

        let items = [item("api", "skipped", "not_now")];
        assert!(left(&serde_json::from_value(json!({ "items": items })).unwrap()).is_none());
    }
}
