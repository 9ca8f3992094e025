//! The HTTP API: people and programs ask for changes here, and read where a shift stands.
//!
//! It never talks to the engine. A verb is a transition of the core, committed to the store; then a poke without a
//! payload. The conventions (problems, idempotency, versions, lists) are in `docs/api-design.md`.

#![expect(
    clippy::result_large_err,
    reason = "a refusal is made at most once in a request; a box around it would be opened at every use"
)]

mod admission;
mod code;
mod health;
mod limits;
mod origin;
mod problem;
mod request;
mod v1;
mod view;

pub mod types;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, Method, Request, Response, Uri, header},
    response::IntoResponse,
    routing::get,
};
use crossfade_ports::{Accounts, Clock, Poke, Store, Vitals};
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::CsrfLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};
use tracing::Span;

pub use crate::code::Code;
use crate::{request::Segments, types::Problem};

/// Everything the API works with.
pub struct App {
    pub store: Arc<dyn Store>,
    pub accounts: Accounts,
    pub clock: Arc<dyn Clock>,
    pub poke: Poke,
    pub vitals: Vitals,
    /// The installation's identifier: the owner in its fences.
    pub owner: String,
    /// Rendered at `/metrics`; without it, there is nothing there.
    pub prometheus: Option<PrometheusHandle>,
    /// Of the program.
    pub version: &'static str,
    /// Whether it is only reached over a loopback address: then a request for any other host name is refused.
    pub loopback: bool,
}

/// A plan of a thousand record groups is a tenth of this; the core's reader has the same bound.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// Every path of the API, ready to be served.
pub fn router(app: App) -> Router {
    let host = axum::middleware::from_fn_with_state(app.loopback, origin::require_known_host);
    let ordinary = v1::ordinary()
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/errors/{code}", get(page));
    let urgent = v1::urgent().route("/healthz", get(health::healthz));
    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(log).on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        // What is shown changes by the second; a cache may keep it only to ask whether it still holds.
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        ))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(host)
        .layer(CsrfLayer::new().with_rejection_response(origin::cross_origin))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES));
    Router::new()
        .merge(limits::ordinary(ordinary))
        .merge(limits::urgent(urgent))
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(around)
        .with_state(Arc::new(app))
}

fn span<B>(request: &Request<B>) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!(
        "request",
        http.method = %request.method(),
        http.path = request.uri().path(),
        request.id = id.unwrap_or_default(),
    )
}

fn log<B>(response: &Response<B>, latency: std::time::Duration, _: &Span) {
    let (status, duration_ms) = (response.status(), latency.as_secs_f64() * 1_000.0);
    tracing::info!(http.status = status.as_u16(), duration_ms, "answered");
    metrics::counter!("crossfade_http_requests_total", "status" => status.as_str().to_owned()).increment(1);
    metrics::histogram!("crossfade_http_request_seconds").record(latency.as_secs_f64());
}

/// The page about a code, to which every problem's `type` refers.
async fn page(Segments(code): Segments<String>, uri: Uri) -> Result<impl IntoResponse, Problem> {
    let code = Code::of(&code).ok_or_else(|| Problem::no_such_path(&uri))?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], code.page()))
}

async fn no_such_path(uri: Uri) -> Problem {
    Problem::no_such_path(&uri)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not a method of {}.", uri.path()))
        .with_hint("The answer's Allow header lists those it has.")
}
