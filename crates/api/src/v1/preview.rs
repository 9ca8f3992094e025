//! What a plan would find and do, without doing it.

use std::sync::Arc;

use axum::{Json, extract::State};
use crossfade_core::preview::Preview;
use crossfade_ports::outlook;

use crate::{App, admission, request::Change, types::Problem};

pub(super) async fn preview(State(app): State<Arc<App>>, change: Change) -> Result<Json<Preview>, Problem> {
    let plan = change.plan()?;
    let preview = admission::admit(&app, &plan).await?.preview;
    let account = admission::account(&app, &plan)?;
    Ok(Json(outlook(preview, &plan, account.metrics.as_ref(), app.clock.now()).await))
}
