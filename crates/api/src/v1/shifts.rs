//! Shifts: making one, finding them, looking at one, revising its plan.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use crossfade_core::{plan::Plan, shift};
use crossfade_ports::{
    StoreError,
    store::{Filter, Head, Listed, Stored},
};
use serde::Deserialize;

use super::{once, verbs::expected};
use crate::{
    App, Code, admission,
    request::{Change, Params, Segments, Tags, clean_reason},
    types::{self, Problem, Shifts, Unreadable},
    view,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    phase: Option<String>,
    /// `key=value`.
    label: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeQuery {
    /// Says what would be, and does nothing.
    #[serde(default)]
    dry_run: bool,
    /// The body is a plan, so the reason is here.
    reason: Option<String>,
}

/// As [`shift::Phase::as_str`] spells them.
const PHASES: [&str; 6] = ["scheduled", "running", "completed", "reverting", "reverted", "cancelled"];

const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// See [`super::verbs::carry_out`].
const ATTEMPTS: u32 = 8;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Shifts>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let label = query.label.as_deref().map(label).transpose()?;
    let phase = query.phase.map(phase).transpose()?;
    // One more than is shown tells whether there is a next page.
    let filter = Filter { phase, label, since: None, after: query.cursor, limit: limit + 1 };
    let mut rows = app.store.list(&filter).await.map_err(Problem::of_store)?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.name.clone());
    let now = app.clock.now();
    let mut page = Shifts { items: Vec::new(), unreadable: Vec::new(), next };
    for Listed { name, found } in rows {
        match found {
            Ok(Stored { shift, report }) => page.items.push(view::shift(&shift, report.as_ref(), now)),
            Err(error) => {
                let problem = Problem::unreadable(&name, &error);
                page.unreadable.push(Unreadable { name, problem });
            }
        }
    }
    Ok(Json(page))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stored = load(&app, &name).await?;
    let known = Tags::read(&headers, header::IF_NONE_MATCH);
    if known.is_some_and(|tags| tags.matches(stored.shift.version)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag(&stored))]).into_response());
    }
    Ok(shown(&app, &stored, StatusCode::OK))
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Params(query): Params<ChangeQuery>,
    change: Change,
) -> Result<Response, Problem> {
    let plan = change.plan()?;
    let reason = clean_reason(query.reason)?;
    let key = change.key.as_ref().filter(|_| !query.dry_run);
    if let Some(earlier) = once::recall(&app, key).await.map_err(Problem::of_store)? {
        return Ok(created(&app, &earlier.stored));
    }
    if app.store.load(&plan.name).await.map_err(Problem::of_store)?.is_some() {
        // The same request may have been answered in between.
        return match once::recall(&app, key).await.map_err(Problem::of_store)? {
            Some(earlier) => Ok(created(&app, &earlier.stored)),
            None => Err(Problem::of_store(StoreError::Exists(plan.name))),
        };
    }
    let groups = admission::admit(&app, &plan).await?.groups;
    let (shift, events) = shift::create(plan, groups, &change.actor, reason, app.clock.now())
        .map_err(|error| Problem::internal(&error))?;
    let stored = Stored { shift, report: None };
    if query.dry_run {
        return Ok(shown(&app, &stored, StatusCode::OK));
    }
    match app.store.create(&stored.shift, &events, key).await {
        Ok(()) => {
            app.poke.poke();
            tracing::info!(shift.name = %stored.shift.name, actor = %change.actor.0, "shift created");
            Ok(created(&app, &stored))
        }
        Err(error) => match once::recall(&app, key).await {
            // The same request, sent twice at once: the other one was faster.
            Ok(Some(earlier)) => Ok(created(&app, &earlier.stored)),
            Ok(None) | Err(_) => Err(Problem::of_store(error)),
        },
    }
}

pub(super) async fn revise(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    Params(query): Params<ChangeQuery>,
    change: Change,
) -> Result<Response, Problem> {
    let plan = change.plan()?;
    let reason = clean_reason(query.reason)?;
    admission::uncircular(&app, &plan).await?;
    for _ in 0..ATTEMPTS {
        let Stored { shift, report } = load(&app, &name).await?;
        expected(&shift, change.if_match.as_ref())?;
        let groups = groups(&app, &shift, &plan).await?;
        let now = app.clock.now();
        let revised = shift::revise(&shift, plan.clone(), &groups, &change.actor, reason.clone(), now)
            .map_err(|error| Problem::of_transition(error, &shift))?;
        let Some((after, events)) = revised else {
            return Ok(done(&app, StatusCode::OK, Vec::new(), &Stored { shift, report }));
        };
        if query.dry_run {
            return Ok(done(&app, StatusCode::OK, Vec::new(), &Stored { shift: after, report }));
        }
        match app.store.commit(&Head::of(&shift), &after, &events, None, None).await {
            Ok(()) => {
                app.poke.poke();
                let revision = after.revision;
                tracing::info!(shift.name = %name, shift.revision = revision, actor = %change.actor.0, "plan revised");
                return Ok(done(&app, StatusCode::ACCEPTED, events, &Stored { shift: after, report }));
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(Problem::of_store(error)),
        }
    }
    Err(Problem::of_store(StoreError::Conflict { shift: name, expected: 0 }))
}

async fn load(app: &App, name: &str) -> Result<Stored, Problem> {
    let stored = app.store.load(name).await.map_err(Problem::of_store)?;
    stored.ok_or_else(|| Problem::no_such_shift(name))
}

/// The groups that a revised plan means. Records that are named as before need no look at Route 53, so that a
/// ramp can be slowed down while it does not answer.
async fn groups(
    app: &App,
    shift: &shift::Shift,
    plan: &Plan,
) -> Result<Vec<crossfade_core::GroupKey>, Problem> {
    if plan.records == shift.plan.records && plan.account == shift.plan.account {
        return Ok(shift.groups.clone());
    }
    admission::groups(app, plan).await
}

fn created(app: &App, stored: &Stored) -> Response {
    let location = format!("/api/v1/shifts/{}", stored.shift.name);
    ([(header::LOCATION, location)], shown(app, stored, StatusCode::CREATED)).into_response()
}

fn shown(app: &App, stored: &Stored, status: StatusCode) -> Response {
    let shift = view::one(&stored.shift, stored.report.as_ref(), app.clock.now());
    (status, [(header::ETAG, etag(stored))], Json(shift)).into_response()
}

fn done(
    app: &App,
    status: StatusCode,
    events: Vec<crossfade_core::event::Event>,
    stored: &Stored,
) -> Response {
    let shift = view::shift(&stored.shift, stored.report.as_ref(), app.clock.now());
    (status, [(header::ETAG, etag(stored))], Json(types::Done { events, shift })).into_response()
}

fn etag(stored: &Stored) -> String {
    format!("\"{}\"", stored.shift.version)
}

fn label(text: &str) -> Result<(String, String), Problem> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        Problem::new(Code::MalformedRequest, format!("label={text} has no value."))
            .with_hint("Write label=env=prod, the second = as %3D where a tool insists.")
    })?;
    Ok((key.to_owned(), value.to_owned()))
}

fn phase(text: String) -> Result<String, Problem> {
    if PHASES.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(Problem::new(Code::MalformedRequest, format!("There is no phase {text}."))
        .with_hint(format!("The phases are {}.", PHASES.join(", "))))
}
