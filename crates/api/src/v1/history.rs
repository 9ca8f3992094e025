//! What happened to a shift.

use std::sync::Arc;

use axum::{Json, extract::State};
use crossfade_core::event::Event;
use serde::Deserialize;

use crate::{
    App,
    request::{Params, Segments},
    types::{Page, Problem},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// A sequence number; events follow it.
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    Params(query): Params<Query>,
) -> Result<Json<Page<Event>>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    // One more than is shown tells whether there is a next page.
    let mut items = app.store.events(&name, query.after, limit + 1).await.map_err(Problem::of_store)?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|event| event.seq.to_string());
    Ok(Json(Page { items, next }))
}
