//! Whether the daemon lives, whether it can do its work, and its counters.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::{App, types::Problem};

/// Three of the engine's slowest rounds: one may be held up by a slow database, three in a row are a fault.
const CYCLE_MAX_AGE: SignedDuration = SignedDuration::from_secs(15);

/// A prober usually gives up after a few seconds; it should get the answer that says why.
const PING_DEADLINE: Duration = Duration::from_secs(2);

/// Says only that the process answers: restarting it because the database is away would help nobody.
pub(crate) async fn healthz(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({ "status": "alive", "version": app.version }))
}

/// Whether shifts are being looked after.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let (signs, now) = (app.vitals.signs(), app.clock.now());
    let store = match tokio::time::timeout(PING_DEADLINE, app.store.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", PING_DEADLINE.as_secs())),
    };
    let cycle_is_fresh = signs.cycle.is_some_and(|at| now.duration_since(at) < CYCLE_MAX_AGE);
    let leases: Map<String, Value> = signs
        .leases
        .iter()
        .map(|(account, held)| {
            let (epoch, until) = (held.epoch, held.trusted_until);
            (account.clone(), json!({ "epoch": epoch, "trusted_until": until, "trusted": now < until }))
        })
        .collect();
    let ready = store.is_none() && cycle_is_fresh;
    let body = json!({
        "status": if ready { "ready" } else { "not_ready" },
        "version": app.version,
        "checks": {
            "store": { "ok": store.is_none(), "error": store },
            "engine": { "ok": cycle_is_fresh, "at": signs.cycle, "age_seconds": age_seconds(signs.cycle, now) },
            // Not part of readiness: a replica without an account is there for people, and to take over.
            "leases": { "replica": signs.replica, "accounts": leases },
            // Nor are these: an account that cannot be read holds its own shifts and no others.
            "read_back": { "at": signs.read_back, "age_seconds": age_seconds(signs.read_back, now) },
            "metrics": { "at": signs.metrics, "age_seconds": age_seconds(signs.metrics, now) },
        },
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// Prometheus' text format.
pub(crate) async fn metrics(State(app): State<Arc<App>>, uri: Uri) -> Result<impl IntoResponse, Problem> {
    let prometheus = app.prometheus.as_ref().ok_or_else(|| Problem::no_such_path(&uri))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus.render()))
}

fn age_seconds(at: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    at.map(|at| now.duration_since(at).as_millis() as f64 / 1_000.0)
}
