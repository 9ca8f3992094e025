//! Route 53's errors: status, code and text, as the service gives them.

use axum::http::StatusCode;

/// One refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The single reasons of an InvalidChangeBatch.
    pub(crate) messages: Vec<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), messages: Vec::new() }
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidInput", message)
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MalformedInput", message)
    }

    /// Several reasons arrive as one bracketed message, separated by commas.
    pub(crate) fn invalid_batch(messages: Vec<String>) -> Self {
        let message = format!("[{}]", messages.join(", "));
        Self { messages, ..Self::new(StatusCode::BAD_REQUEST, "InvalidChangeBatch", message) }
    }

    pub(crate) fn no_such_zone(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
    }

    pub(crate) fn no_such_change(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchChange", format!("Could not find resource with ID: {id}"))
    }

    pub(crate) fn no_such_health_check(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NoSuchHealthCheck",
            format!("The specified health check does not exist: {id}"),
        )
    }

    pub(crate) fn throttling() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded")
    }

    pub(crate) fn prior_request() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "PriorRequestNotComplete",
            "The request was rejected because Route 53 was still processing a prior request.",
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            "We encountered an internal error. Please try again.",
        )
    }

    pub(crate) fn access_denied(operation: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            format!(
                "User: arn:aws:iam::123456789012:user/playground is not authorized to perform: route53:{operation}"
            ),
        )
    }
}
