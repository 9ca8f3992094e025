//! The HTTP server: AWS's two APIs and the control API on one port.
//!
//! It accepts connections itself instead of leaving that to axum, because a fault must be able to drop one
//! without an answer.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::http::Hangup;
use crate::world::World;
use crate::{cloudwatch, control, route53};

/// Larger than any request of any client.
const MAX_BODY: usize = 8 << 20;

/// Makes hyper drop the connection.
#[derive(Debug, Error)]
#[error("the emulated network lost the connection")]
struct Lost;

/// Binds the port; the server runs on `tasks` until the world stops.
pub(crate) async fn bind(listen: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((listen, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

pub(crate) fn run(listener: TcpListener, world: World, control: Router, tasks: &TaskTracker) {
    let connections = tasks.clone();
    tasks.spawn(async move {
        let stopped = world.stopped().clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopped.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, world.clone(), control.clone()));
                }
                Err(error) => tracing::debug!(%error, "a connection could not be accepted"),
            }
        }
    });
}

async fn connection(stream: TcpStream, world: World, control: Router) {
    let stopped = world.stopped().clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (world, control) = (world.clone(), control.clone());
        async move {
            let response = answer(world, control, request.map(Body::new)).await;
            if Hangup::is_in(&response) { Err(Lost) } else { Ok(response) }
        }
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        outcome = serving => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = stopped.cancelled() => {}
    }
}

async fn answer(world: World, control: Router, request: Request<Body>) -> Response<Body> {
    if request.uri().path().starts_with(control::PREFIX) {
        let answered: Result<Response<Body>, Infallible> = control.oneshot(request).await;
        return answered.unwrap_or_else(|never| match never {});
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        let mut response = Response::new(Body::from("the body is too large or was cut off"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    if parts.uri.path().starts_with("/2013-04-01/") {
        route53::serve(world, parts.method, parts.uri, body.to_vec()).await
    } else {
        cloudwatch::serve(world, parts.uri.path(), &parts.headers, body.to_vec()).await
    }
}
