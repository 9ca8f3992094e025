//! Responses that are not sent: the emulated network drops the connection instead.

use std::time::Duration;

use axum::body::Body;
use axum::http::Response;

/// Marks a response whose connection is to be dropped without an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hangup;

impl Hangup {
    pub(crate) fn response() -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Self);
        response
    }

    pub(crate) fn is_in(response: &Response<Body>) -> bool {
        response.extensions().get::<Self>().is_some()
    }
}

/// Keeps the client waiting, then drops the connection.
pub(crate) async fn hang_up_after(hold: Duration) -> Response<Body> {
    tokio::time::sleep(hold).await;
    Hangup::response()
}
