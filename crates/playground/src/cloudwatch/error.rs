//! CloudWatch's errors. Clients of the query era know `code`, newer ones the shape's name.

use axum::http::StatusCode;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// The name in the service's model, sent as `__type`.
    pub(crate) shape: &'static str,
    /// The code of the query protocol, sent in `x-amzn-query-error`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        shape: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, shape, code, message: message.into() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", "ValidationError", message)
    }

    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidParameterValueException", "InvalidParameterValue", message)
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "MissingRequiredParameterException",
            "MissingParameter",
            format!("The parameter {name} is required."),
        )
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidParameterCombinationException",
            "InvalidParameterCombination",
            message,
        )
    }

    pub(crate) fn invalid_token() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidNextToken", "InvalidNextToken", "Invalid next token.")
    }

    pub(crate) fn throttling() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ThrottlingException", "Throttling", "Rate exceeded")
    }

    pub(crate) fn access_denied(operation: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "AccessDenied",
            format!(
                "User: arn:aws:iam::123456789012:user/playground is not authorized to perform: cloudwatch:{operation}"
            ),
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServiceFault",
            "InternalServiceError",
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }

    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "InvalidAction",
            format!("The operation {operation} is not emulated by this playground."),
        )
    }
}
