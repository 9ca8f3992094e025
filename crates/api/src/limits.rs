//! How much at once, and for how long.
//!
//! Pausing, reverting and being alive are never refused for lack of room: they are what is wanted when everything
//! else is stuck.

use std::{sync::Arc, time::Duration};

use axum::{BoxError, Router, error_handling::HandleErrorLayer};
use tower::{
    ServiceBuilder,
    limit::GlobalConcurrencyLimitLayer,
    load_shed::LoadShedLayer,
    load_shed::error::Overloaded,
    timeout::{TimeoutLayer, error::Elapsed},
};

use crate::{App, Code, problem::WAY_AROUND, types::Problem};

/// More than a team's screens and scripts ask for at once, and few enough for a small database's connections.
const CONCURRENT_MAX: usize = 64;

/// Reading a plan's zones takes Route 53 a few seconds when it throttles.
const ORDINARY_DEADLINE: Duration = Duration::from_secs(30);

/// A person waits for these, and has another way if they fail.
const URGENT_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn ordinary(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(too_much))
            .layer(LoadShedLayer::new())
            .layer(GlobalConcurrencyLimitLayer::new(CONCURRENT_MAX))
            .layer(TimeoutLayer::new(ORDINARY_DEADLINE)),
    )
}

pub(crate) fn urgent(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(too_late))
            .layer(TimeoutLayer::new(URGENT_DEADLINE)),
    )
}

async fn too_much(error: BoxError) -> Problem {
    if error.is::<Overloaded>() {
        return Problem::new(
            Code::Overloaded,
            format!("{CONCURRENT_MAX} requests are being answered already."),
        )
        .with_hint("Nothing was done. Try again in a moment; `pause` and `revert` are always taken.");
    }
    unanswered(&error, REPEAT.to_owned())
}

async fn too_late(error: BoxError) -> Problem {
    unanswered(&error, format!("{REPEAT} If traffic must go back now: {WAY_AROUND}."))
}

const REPEAT: &str = "Look at the shift, or repeat the request with the same Idempotency-Key.";

fn unanswered(error: &BoxError, hint: String) -> Problem {
    if error.is::<Elapsed>() {
        tracing::warn!("a request was given up: it took too long");
        return Problem::new(
            Code::TimedOut,
            "The answer took too long; whether something was done is not known.",
        )
        .with_hint(hint);
    }
    Problem::internal(error)
}
