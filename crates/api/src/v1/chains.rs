//! Histories exactly as they are kept, for whoever checks their hashes.
//!
//! Nothing here is parsed: neither an event, which a reading could make look as it should, nor a shift's snapshot,
//! which somebody may have broken. Therefore these paths are not under `shifts`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    App,
    request::{Params, Segments},
    types::{Chain, Page, Problem},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// The `next` of the page before.
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// A sequence number; rows begin there. Without it they begin with the lowest, which should be 1.
    from: Option<i64>,
    limit: Option<u32>,
}

const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<String>>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    // One more than is shown tells whether there is a next page.
    let mut items = app.store.chains(query.cursor.as_deref(), limit + 1).await.map_err(Problem::of_store)?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).cloned();
    Ok(Json(Page { items, next }))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Segments(name): Segments<String>,
    Params(query): Params<Query>,
) -> Result<Json<Chain>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let from = query.from.unwrap_or(i64::MIN);
    let chain = app.store.chain(&name, from, limit + 1).await.map_err(Problem::of_store)?;
    let mut items = chain.rows;
    // The row that is one too many is where the next page begins.
    let next = items.get(limit as usize).map(|row| row.seq.to_string());
    items.truncate(limit as usize);
    Ok(Json(Chain { head: chain.head, items, next }))
}
