//! The control API: the world, turned from another process. JSON under `/_playground/`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, EndpointState};
use crate::example::{self, ExampleOptions};
use crate::faults::Fault;
use crate::record::Record;
use crate::traffic::Traffic;
use crate::world::{World, WorldError};

pub(crate) const PREFIX: &str = "/_playground";

/// How far back `observed` looks in the state.
const OBSERVED_WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
struct Control {
    world: World,
    dns: SocketAddr,
}

pub(crate) fn router(world: World, dns: SocketAddr) -> Router {
    let routes = Router::new()
        .route("/state", get(state))
        .route("/journal", get(journal))
        .route("/zones", post(create_zone))
        .route("/zones/{zone}/records", post(put_record))
        .route("/zones/{zone}/foreign-write", post(foreign_write))
        .route("/zones/{zone}/foreign-weight", post(foreign_weight))
        .route("/zones/{zone}/foreign-delete", post(foreign_delete))
        .route("/health-checks", post(set_health_check))
        .route("/endpoints", post(add_endpoint))
        .route("/endpoints/{name}", post(turn_endpoint))
        .route("/traffic", post(start_traffic).delete(stop_traffic))
        .route("/resolvers", post(turn_resolvers))
        .route("/faults", post(arm).delete(disarm))
        .route("/metrics", post(put_metric))
        .route("/alarms", post(set_alarm))
        .route("/sync", post(sync))
        .route("/insync-delay", post(set_insync_delay))
        .route("/example", post(make_example));
    Router::new().nest(PREFIX, routes).with_state(Control { world, dns })
}

async fn state(State(Control { world, dns }): State<Control>) -> Json<Value> {
    let zones: Vec<Value> = world
        .zones()
        .into_iter()
        .map(|(id, name)| {
            let records = world.records(&id);
            json!({ "id": id, "name": name, "records": records, "visible": world.visible_records(&id) })
        })
        .collect();
    Json(json!({
        "now": world.now_unix(),
        "dns": dns.to_string(),
        "zones": zones,
        "pending_changes": world.pending_changes(),
        "endpoints": world.endpoints(),
        "traffic": world.traffic(),
        "observed": world.observed(OBSERVED_WINDOW),
        "faults": world.armed(),
        "calls": world.calls(),
    }))
}

async fn journal(State(Control { world, .. }): State<Control>) -> Json<Value> {
    Json(json!({ "items": world.journal() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewZone {
    name: String,
    #[serde(default)]
    private: bool,
}

async fn create_zone(State(Control { world, .. }): State<Control>, Json(zone): Json<NewZone>) -> Response {
    match world.try_create_zone(&zone.name, zone.private) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(error) => refused(&error),
    }
}

async fn put_record(
    State(Control { world, .. }): State<Control>,
    Path(zone): Path<String>,
    Json(record): Json<Record>,
) -> Response {
    outcome(world.try_put_record(&zone, record))
}

async fn foreign_write(
    State(Control { world, .. }): State<Control>,
    Path(zone): Path<String>,
    Json(record): Json<Record>,
) -> Response {
    outcome(world.try_put_record(&zone, record))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    name: String,
    #[serde(rename = "type")]
    record_type: String,
    #[serde(default)]
    set_identifier: String,
    weight: Option<u8>,
}

async fn foreign_weight(
    State(Control { world, .. }): State<Control>,
    Path(zone): Path<String>,
    Json(Member { name, record_type, set_identifier, weight }): Json<Member>,
) -> Response {
    let Some(weight) = weight else { return (StatusCode::BAD_REQUEST, "weight is missing").into_response() };
    outcome(world.foreign_weight(&zone, &name, &record_type, &set_identifier, weight))
}

async fn foreign_delete(
    State(Control { world, .. }): State<Control>,
    Path(zone): Path<String>,
    Json(Member { name, record_type, set_identifier, .. }): Json<Member>,
) -> Response {
    outcome(world.foreign_delete(&zone, &name, &record_type, &set_identifier))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthCheck {
    id: String,
    healthy: bool,
}

async fn set_health_check(
    State(Control { world, .. }): State<Control>,
    Json(check): Json<HealthCheck>,
) -> StatusCode {
    world.set_health_check(&check.id, check.healthy);
    StatusCode::NO_CONTENT
}

async fn add_endpoint(
    State(Control { world, .. }): State<Control>,
    Json(endpoint): Json<Endpoint>,
) -> StatusCode {
    world.add_endpoint(endpoint);
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    error_rate: Option<f64>,
    latency: Option<f64>,
    state: Option<EndpointState>,
    healthy: Option<bool>,
}

async fn turn_endpoint(
    State(Control { world, .. }): State<Control>,
    Path(name): Path<String>,
    Json(turn): Json<Turn>,
) -> Response {
    if !world.endpoints().iter().any(|endpoint| endpoint.name == name) {
        return (StatusCode::NOT_FOUND, format!("there is no endpoint {name}")).into_response();
    }
    if let Some(rate) = turn.error_rate {
        world.set_error_rate(&name, rate);
    }
    if let Some(latency) = turn.latency.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        world.set_latency(&name, latency);
    }
    if let Some(state) = turn.state {
        world.set_endpoint_state(&name, state);
    }
    if let Some(healthy) = turn.healthy {
        world.set_healthy(&name, healthy);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn start_traffic(
    State(Control { world, .. }): State<Control>,
    Json(traffic): Json<Traffic>,
) -> StatusCode {
    world.start_traffic(traffic);
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolvers {
    pinned: bool,
}

async fn turn_resolvers(
    State(Control { world, .. }): State<Control>,
    Json(resolvers): Json<Resolvers>,
) -> StatusCode {
    world.pin_resolvers(resolvers.pinned);
    StatusCode::NO_CONTENT
}

async fn stop_traffic(State(Control { world, .. }): State<Control>) -> StatusCode {
    world.stop_traffic();
    StatusCode::NO_CONTENT
}

async fn arm(State(Control { world, .. }): State<Control>, Json(fault): Json<Fault>) -> StatusCode {
    world.arm(fault);
    StatusCode::NO_CONTENT
}

async fn disarm(State(Control { world, .. }): State<Control>) -> StatusCode {
    world.disarm_all();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Datum {
    namespace: String,
    metric: String,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    at: Option<f64>,
    value: f64,
}

async fn put_metric(State(Control { world, .. }): State<Control>, Json(datum): Json<Datum>) -> StatusCode {
    let dimensions: Vec<(&str, &str)> =
        datum.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let at = datum.at.unwrap_or_else(|| world.now_unix());
    world.put_metric(&datum.namespace, &datum.metric, &dimensions, at, datum.value);
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    name: String,
    state: String,
}

async fn set_alarm(State(Control { world, .. }): State<Control>, Json(alarm): Json<Alarm>) -> StatusCode {
    world.set_alarm(&alarm.name, &alarm.state);
    StatusCode::NO_CONTENT
}

async fn sync(State(Control { world, .. }): State<Control>) -> StatusCode {
    world.sync_now();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delay {
    seconds: f64,
}

async fn set_insync_delay(
    State(Control { world, .. }): State<Control>,
    Json(delay): Json<Delay>,
) -> Response {
    match Duration::try_from_secs_f64(delay.seconds) {
        Ok(delay) => {
            world.set_insync_delay(delay);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn make_example(State(Control { world, .. }): State<Control>) -> Json<Value> {
    let example = example::example_world_with(&world, &ExampleOptions::default());
    Json(json!({ "zone_id": example.zone_id, "record_name": example.record_name }))
}

fn outcome(result: Result<(), WorldError>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &WorldError) -> Response {
    let status = match error {
        WorldError::NoSuchZone(_) | WorldError::NoSuchRecord { .. } => StatusCode::NOT_FOUND,
        WorldError::Refused(_) | WorldError::BadName(_) => StatusCode::CONFLICT,
    };
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}
