//! From an HTTP request to a handler and back, with throttling and faults in between.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response, StatusCode, Uri, header};

use super::error::ApiError;
use super::handlers::{self, Call, Reply};
use super::render;
use crate::faults::{FaultKind, Service};
use crate::http::{Hangup, hang_up_after};
use crate::world::World;

/// Answers one call. A response that carries [`Hangup`] is never sent.
pub(crate) async fn serve(world: World, method: Method, uri: Uri, body: Vec<u8>) -> Response<Body> {
    let call = match Call::parse(&method, &uri, body) {
        Ok(call) => call,
        Err(error) => return refused(&world, &error),
    };
    let operation = call.operation;
    let fault = {
        let mut state = world.lock();
        state.count_call(operation);
        let now = state.clock.unix();
        let admitted = state.bucket.admit(now);
        if admitted { state.faults.take(Service::Route53, operation) } else { Some(FaultKind::Throttle) }
    };
    world.notify();
    let Some(fault) = fault else { return answered(&world, &call, true) };
    match fault {
        FaultKind::Throttle => handled(&world, &call, &ApiError::throttling()),
        FaultKind::InternalError | FaultKind::Outage => handled(&world, &call, &ApiError::internal()),
        FaultKind::AccessDenied => handled(&world, &call, &ApiError::access_denied(operation)),
        FaultKind::PriorRequestNotComplete => handled(&world, &call, &ApiError::prior_request()),
        FaultKind::LostBeforeApply => {
            handlers::record_lost(&world, &call);
            Hangup::response()
        }
        FaultKind::TimeoutBeforeApply { hold } => {
            handlers::record_lost(&world, &call);
            hang_up_after(hold).await
        }
        FaultKind::InternalErrorAfterApply => {
            answered(&world, &call, false);
            refused(&world, &ApiError::internal())
        }
        FaultKind::LostAfterApply => {
            answered(&world, &call, false);
            Hangup::response()
        }
        FaultKind::TimeoutAfterApply { hold } => {
            answered(&world, &call, false);
            hang_up_after(hold).await
        }
        FaultKind::DelayedArrival { delay } => {
            arrive_late(&world, call, delay);
            Hangup::response()
        }
        FaultKind::Duplicate => {
            answered(&world, &call, false);
            answered(&world, &call, true)
        }
        FaultKind::LateDuplicate { delay } => {
            let response = answered(&world, &call, true);
            arrive_late(&world, call, delay);
            response
        }
        FaultKind::Silence
        | FaultKind::LateMetrics { .. }
        | FaultKind::PartialData
        | FaultKind::Forbidden
        | FaultKind::SeriesInternalError => answered(&world, &call, true),
    }
}

/// The call is made after `delay`, or when [`World::land_now`] says so, and nobody hears the answer.
fn arrive_late(world: &World, call: Call, delay: Duration) {
    world.lock().under_way += 1;
    let (world, mut landing) = (world.clone(), world.landing());
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            Ok(()) = landing.changed() => {}
            () = world.stopped().cancelled() => return,
        }
        answered(&world, &call, false);
        world.lock().under_way -= 1;
        world.notify();
    });
}

fn answered(world: &World, call: &Call, told: bool) -> Response<Body> {
    let response = match handlers::handle(world, call, told) {
        Ok(reply) => success(world, reply),
        Err(error) => refused(world, &error),
    };
    world.notify();
    response
}

fn handled(world: &World, call: &Call, error: &ApiError) -> Response<Body> {
    handlers::record_refused(world, call, error);
    world.notify();
    refused(world, error)
}

fn success(world: &World, reply: Reply) -> Response<Body> {
    let mut response = document(world, reply.status, reply.body);
    if let Some(location) = reply.location.and_then(|location| location.parse().ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn refused(world: &World, error: &ApiError) -> Response<Body> {
    let (form, request_id) = {
        let mut state = world.lock();
        (state.options.batch_error_form, state.fresh_id('R'))
    };
    document(world, error.status, render::error(error, form, &request_id))
}

fn document(world: &World, status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/xml"));
    if let Ok(id) = world.lock().fresh_id('R').parse() {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
