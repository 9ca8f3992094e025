//! The paths under `/api/v1`.

mod chains;
mod fleet;
mod history;
mod once;
mod preview;
mod shifts;
mod verbs;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::App;

/// What stops or takes back, for one shift or for many.
pub(crate) fn urgent() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/pause", post(fleet::pause))
        .route("/api/v1/revert", post(fleet::revert))
        .route("/api/v1/shifts/{name}/pause", post(verbs::pause))
        .route("/api/v1/shifts/{name}/revert", post(verbs::revert))
}

pub(crate) fn ordinary() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/preview", post(preview::preview))
        .route("/api/v1/chains", get(chains::list))
        .route("/api/v1/chains/{name}", get(chains::show))
        .route("/api/v1/shifts", get(shifts::list).post(shifts::create))
        .route("/api/v1/shifts/{name}", get(shifts::show))
        .route("/api/v1/shifts/{name}/plan", put(shifts::revise))
        .route("/api/v1/shifts/{name}/history", get(history::list))
        .route("/api/v1/shifts/{name}/{verb}", post(verbs::other))
}
