//! Operators' verbs: a transition of the core, committed; then a poke.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use crossfade_core::{
    event::{Actor, Event},
    shift::{self, Command, Shift},
};
use crossfade_ports::{
    StoreError,
    store::{Head, IdempotencyKey, Stored},
};

use super::once;
use crate::{
    App, Code,
    request::{Change, Segments, Tags, clean_reason},
    types::{self, Problem},
    view,
};

/// A verb as somebody asked for it.
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) actor: Actor,
    pub(super) reason: Option<String>,
    pub(super) if_match: Option<Tags>,
    pub(super) key: Option<IdempotencyKey>,
}

/// A verb that is durable, and the shift after it.
pub(super) struct Taken {
    pub(super) events: Vec<Event>,
    pub(super) stored: Stored,
}

/// The engine commits often, but between two of its commits there is always time for one of a person's.
const ATTEMPTS: u32 = 8;

pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    change: Change,
) -> Result<Response, Problem> {
    answer(&app, &name, Command::Pause { freeze: false }, change).await
}

pub(super) async fn revert(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    change: Change,
) -> Result<Response, Problem> {
    answer(&app, &name, Command::Revert, change).await
}

pub(super) async fn other(
    State(app): State<Arc<App>>,
    Segments((name, verb)): Segments<(String, String)>,
    uri: Uri,
    change: Change,
) -> Result<Response, Problem> {
    let command = Command::of(&verb).ok_or_else(|| {
        let verbs = Command::ALL.map(Command::verb).join(", ");
        Problem::no_such_path(&uri).with_hint(format!("The verbs are {verbs}."))
    })?;
    answer(&app, &name, command, change).await
}

/// Carries the verb out; whoever else commits meanwhile only makes it start over on the newer state.
pub(super) async fn carry_out(
    app: &App,
    name: &str,
    mut read: Option<Stored>,
    asked: &Asked,
) -> Result<Taken, Problem> {
    for attempt in 0..ATTEMPTS {
        // A repeat is refused by the shift's state or meets its own key: before that, nobody need ask about it.
        if attempt > 0
            && let Some(taken) = earlier(app, asked).await?
        {
            return Ok(taken);
        }
        let stored = match read.take() {
            Some(stored) => Some(stored),
            None => app.store.load(name).await.map_err(|error| refusal(error, asked, None))?,
        };
        let Stored { shift, report } = stored.ok_or_else(|| Problem::no_such_shift(name))?;
        let (after, events) = match transition(app, &shift, asked) {
            Ok(next) => next,
            Err(problem) => return earlier(app, asked).await?.ok_or(problem),
        };
        match app.store.commit(&Head::of(&shift), &after, &events, asked.key.as_ref(), None).await {
            Ok(()) => {
                app.poke.poke_at(&after.name);
                log(&after, asked);
                return Ok(Taken { events, stored: Stored { shift: after, report } });
            }
            // Somebody was faster: another writer, or the same request under the same key.
            Err(StoreError::Conflict { .. } | StoreError::KeyReused) => {}
            Err(error) => return Err(refusal(error, asked, Some(&shift))),
        }
    }
    Err(refusal(StoreError::Conflict { shift: name.to_owned(), expected: 0 }, asked, None))
}

fn transition(app: &App, shift: &Shift, asked: &Asked) -> Result<(Shift, Vec<Event>), Problem> {
    expected(shift, asked.if_match.as_ref())?;
    shift::command(shift, asked.command, &asked.actor, asked.reason.clone(), app.clock.now())
        .map_err(|error| Problem::of_transition(error, shift))
}

/// What this very request did before.
async fn earlier(app: &App, asked: &Asked) -> Result<Option<Taken>, Problem> {
    let earlier = once::recall(app, asked.key.as_ref()).await.map_err(|error| refusal(error, asked, None))?;
    Ok(earlier.map(|earlier| Taken { events: earlier.events, stored: earlier.stored }))
}

/// Refuses when the sender decided on a version that is no longer there.
pub(super) fn expected(shift: &Shift, if_match: Option<&Tags>) -> Result<(), Problem> {
    match if_match {
        Some(tags) if !tags.matches(shift.version) => {
            let detail = format!("Shift {} is at version {}; nothing was done.", shift.name, shift.version);
            Err(Problem::new(Code::VersionConflict, detail)
                .with_hint("Look at it again, and decide again; or leave If-Match out."))
        }
        Some(_) | None => Ok(()),
    }
}

async fn answer(app: &App, name: &str, command: Command, change: Change) -> Result<Response, Problem> {
    let body: types::Verb = change.json()?.unwrap_or_default();
    let (command, if_match) = match command {
        // Whoever wants to stop something wants it whatever has happened meanwhile.
        Command::Pause { .. } => (Command::Pause { freeze: body.freeze }, None),
        Command::Revert => (command, None),
        Command::Start
        | Command::Resume
        | Command::Advance
        | Command::Approve
        | Command::StepBack
        | Command::Cancel
        | Command::Retry
        | Command::Adopt
        | Command::Reassert
        | Command::Finalize => (command, change.if_match),
    };
    if body.freeze && !matches!(command, Command::Pause { .. }) {
        return Err(Problem::new(Code::MalformedBody, "Only `pause` can freeze; nothing was done.")
            .with_hint("Leave `freeze` out."));
    }
    let reason = clean_reason(body.reason)?;
    let asked = Asked { command, actor: change.actor, reason, if_match, key: change.key };
    let Taken { events, stored } = carry_out(app, name, None, &asked).await?;
    let shift = view::shift(&stored.shift, stored.report.as_ref(), app.clock.now());
    Ok((StatusCode::ACCEPTED, Json(types::Done { events, shift })).into_response())
}

/// A revert that cannot be recorded can still be made.
pub(super) fn refusal(error: StoreError, asked: &Asked, shift: Option<&shift::Shift>) -> Problem {
    let problem = Problem::of_store(error);
    if asked.command == Command::Revert { problem.with_way_around(shift) } else { problem }
}

fn log(shift: &Shift, asked: &Asked) {
    let verb = asked.command.verb();
    tracing::info!(
        shift.name = %shift.name, shift.version, verb, actor = %asked.actor.0, reason = asked.reason, "verb taken"
    );
    metrics::counter!("crossfade_verbs_total", "verb" => verb).increment(1);
}
