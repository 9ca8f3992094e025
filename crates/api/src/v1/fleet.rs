//! Pause and revert for all shifts, or for those that labels select.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use crossfade_core::{report::headline, shift::Command};
use crossfade_ports::{StoreError, store::IdempotencyKey};
use futures::{StreamExt, stream};

use super::verbs::{Asked, Taken, carry_out, refusal};
use crate::{
    App, Code,
    request::{Change, clean_reason},
    types::{Fleet, FleetItem, FleetVerb, Outcome, Problem},
};

/// Commits at once: more only wait for each other in the database.
const CONCURRENT: usize = 8;

pub(super) async fn pause(State(app): State<Arc<App>>, change: Change) -> Result<Response, Problem> {
    answer(&app, change, |body| Command::Pause { freeze: body.freeze }).await
}

pub(super) async fn revert(State(app): State<Arc<App>>, change: Change) -> Result<Response, Problem> {
    answer(&app, change, |_| Command::Revert).await
}

async fn answer(
    app: &App,
    change: Change,
    command: impl FnOnce(&FleetVerb) -> Command,
) -> Result<Response, Problem> {
    let which = r#"Say which shifts: {"selector": {"env": "prod"}}, or {"selector": {}} for every one."#;
    let body = change.json::<FleetVerb>().map_err(|problem| {
        if problem.code == Code::MalformedBody { problem.with_hint(which) } else { problem }
    })?;
    let body = body.ok_or_else(|| {
        Problem::new(Code::MalformedBody, "There is no body; nothing was done.").with_hint(which)
    })?;
    if body.selector.iter().any(|(label, value)| label.contains('\0') || value.contains('\0')) {
        let why = "The selector has a NUL character, which no label has; nothing was done.";
        return Err(Problem::new(Code::MalformedBody, why).with_hint("Take it out."));
    }
    let command = command(&body);
    if body.freeze && command == Command::Revert {
        let why = "Only `pause` can freeze; nothing was done.";
        return Err(Problem::new(Code::MalformedBody, why).with_hint("Leave `freeze` out."));
    }
    let reason = clean_reason(body.reason)?;
    let holders = holders(app).await.map_err(|error| {
        let problem = Problem::of_store(error);
        if command == Command::Revert { problem.with_way_around(None) } else { problem }
    })?;
    let items: Vec<FleetItem> = stream::iter(holders)
        .map(|name| {
            let key = change.key.as_ref().map(|key| for_shift(key, &name));
            let (actor, reason) = (change.actor.clone(), reason.clone());
            one(app, name, &body.selector, Asked { command, actor, reason, if_match: None, key })
        })
        .buffered(CONCURRENT)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let failed = items.iter().any(|item| item.outcome == Outcome::Failed);
    let status = if failed { StatusCode::MULTI_STATUS } else { StatusCode::ACCEPTED };
    Ok((status, Json(Fleet { items })).into_response())
}

/// Shifts that hold records: others have nothing left to stop, and there are more of them every day.
async fn holders(app: &App) -> Result<BTreeSet<String>, StoreError> {
    Ok(app.store.claims().await?.into_iter().map(|claim| claim.shift).collect())
}

/// `None` for a shift without these labels. One that cannot be read may have them: whoever stops the fleet has to hear
/// of it, and it stops nobody from stopping the others.
async fn one(
    app: &App,
    name: String,
    selector: &BTreeMap<String, String>,
    asked: Asked,
) -> Option<FleetItem> {
    let (before, taken) = match app.store.load(&name).await {
        Ok(stored) => {
            let stored = stored.filter(|stored| {
                let labels = &stored.shift.plan.labels;
                selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            })?;
            let before = headline(&stored.shift, stored.report.as_ref(), app.clock.now());
            (Some(before), carry_out(app, &name, Some(stored), &asked).await)
        }
        Err(error) if selector.is_empty() => (None, Err(refusal(error, &asked, None))),
        Err(error) => {
            let problem = Problem::of_store(error);
            let hint = format!(
                "Its labels could not be read, so it may not be one that is selected: look at it with `crossfade \
                 status {name}`, and ask again."
            );
            (None, Err(problem.with_hint(hint)))
        }
    };
    Some(match taken {
        Ok(Taken { events, stored }) => FleetItem {
            name,
            outcome: Outcome::Done,
            events,
            headline: Some(headline(&stored.shift, stored.report.as_ref(), app.clock.now())),
            problem: None,
        },
        Err(problem) => FleetItem {
            name,
            outcome: if problem.code == Code::NotNow { Outcome::Skipped } else { Outcome::Failed },
            events: Vec::new(),
            headline: before,
            problem: Some(problem),
        },
    })
}

/// One request makes many commits, each remembered by itself: a repeat does what the first could not, and no more.
/// A key has no spaces, so this is nobody's.
fn for_shift(key: &IdempotencyKey, shift: &str) -> IdempotencyKey {
    IdempotencyKey { key: format!("{} {shift}", key.key), ..key.clone() }
}
