//! What a failed request says about the world, for both services alike.
//!
//! The one question that matters for a write is whether it can have had an effect. It is answered with "no" only
//! where that is certain.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_route53::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, http::HttpResponse,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::{BoxError, ConnectorError, ProvideErrorMetadata, SdkError},
    operation::RequestId,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Too many requests; this one had no effect.
    Throttled,
    /// The service, or the lack of credentials, forbids it; no effect.
    Denied,
    /// The service understood the request and turned it down with this code; no effect.
    Rejected(String),
    /// The request never left this machine; no effect.
    NotSent,
    /// No answer, or one that says nothing.
    Unclear,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// For people: everything known about it, with the request's id where there is one, without secrets.
    pub(crate) text: String,
}

/// Notes when a request is handed to the connection: what fails before that was certainly not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Departure(Arc<AtomicBool>);

impl Departure {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Intercept for Departure {
    fn name(&self) -> &'static str {
        "Departure"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Release);
        Ok(())
    }
}

impl Failure {
    /// `departed`: whether the request was handed to a connection, as far as known.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>, departed: bool) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let (kind, mut text) = match (error, error.raw_response()) {
            (SdkError::ServiceError(_), Some(response)) => {
                let kind = answered(response.status().as_u16(), error.code(), error.message());
                let text = service_text(&kind, response.status().as_u16(), error.code(), error.message());
                (kind, text)
            }
            _ => (unanswered(error, departed), chain(error)),
        };
        if let Some(id) = error.request_id() {
            text.push_str(&format!(" (request {id})"));
        }
        Failure { kind, text }
    }
}

/// Codes by which both services say that there were too many requests, with whatever status.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
const THROTTLED: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TooManyRequestsException",
];

/// Codes about who asks, rather than about what is asked.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/CommonErrors.html>
const DENIED: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

pub(crate) fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    answered(status, error.code(), error.message()) == Kind::Throttled
}

fn answered(status: u16, code: Option<&str>, message: Option<&str>) -> Kind {
    let throttled = code.is_some_and(|code| THROTTLED.contains(&code))
        || status == 429
        || (status == 400 && message.is_some_and(|message| message.contains("Rate exceeded")));
    let denied = code.is_some_and(|code| DENIED.contains(&code)) || matches!(status, 401 | 403);
    match (status, code) {
        _ if throttled => Kind::Throttled,
        // Whatever a failing server names as the cause, what it did before is unknown.
        (500.., _) => Kind::Unclear,
        _ if denied => Kind::Denied,
        (400.., Some(code)) => Kind::Rejected(code.to_owned()),
        // No answer of AWS: some proxy's page.
        _ => Kind::Unclear,
    }
}

fn unanswered<E: Error + 'static>(error: &SdkError<E, HttpResponse>, departed: bool) -> Kind {
    if error.raw_response().is_some() {
        return Kind::Unclear;
    }
    if let Some(credentials) = find::<CredentialsError>(error) {
        // Credentials that could not be fetched for want of a network may be there the next time.
        let unreachable = matches!(credentials, CredentialsError::ProviderTimedOut(_))
            || find::<ConnectorError>(credentials).is_some();
        return if unreachable { Kind::NotSent } else { Kind::Denied };
    }
    // An error of connecting covers the name, the address and the TLS handshake: all before the first byte.
    let connecting = find::<hyper_util::client::legacy::Error>(error).is_some_and(|error| error.is_connect());
    if !departed || connecting { Kind::NotSent } else { Kind::Unclear }
}

fn service_text(kind: &Kind, status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let message = message.map(|message| match kind {
        // The lines after the first may repeat the request as it was signed, session token included.
        Kind::Denied => message.lines().next().unwrap_or_default(),
        Kind::Throttled | Kind::Rejected(_) | Kind::NotSent | Kind::Unclear => message,
    });
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(message)) => format!("HTTP status {status}: {message}"),
        (None, None) => format!("HTTP status {status} without an error that could be read"),
    }
}

/// The error and its causes in one line, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_code_first_and_status_then() {
        let rejected = |code: &str| Kind::Rejected(code.to_owned());
        let cases = [
            (400, Some("InvalidChangeBatch"), None, rejected("InvalidChangeBatch")),
            (400, Some("PriorRequestNotComplete"), None, rejected("PriorRequestNotComplete")),
            (404, Some("NoSuchHostedZone"), None, rejected("NoSuchHostedZone")),
            (400, Some("Throttling"), Some("Rate exceeded"), Kind::Throttled),
            (400, Some("ThrottlingException"), None, Kind::Throttled),
            (503, Some("Throttling"), None, Kind::Throttled),
            (400, Some("Sender"), Some("Rate exceeded"), Kind::Throttled),
            (429, None, None, Kind::Throttled),
            (403, Some("AccessDenied"), None, Kind::Denied),
            (400, Some("ExpiredToken"), None, Kind::Denied),
            (403, None, None, Kind::Denied),
            (500, Some("InternalFailure"), None, Kind::Unclear),
            (503, Some("ServiceUnavailable"), None, Kind::Unclear),
            (500, Some("InvalidChangeBatch"), None, Kind::Unclear),
            (502, None, None, Kind::Unclear),
            (404, None, None, Kind::Unclear),
            (302, None, None, Kind::Unclear),
        ];
        for (status, code, message, expected) in cases {
            assert_eq!(answered(status, code, message), expected, "{status} {code:?} {message:?}");
        }
    }

    #[test]
    fn a_refused_signature_is_not_quoted() {
        let message =
            "The request signature we calculated does not match.\n\nThe Canonical String was\ntoken:SECRET";
        let text = service_text(&Kind::Denied, 403, Some("SignatureDoesNotMatch"), Some(message));
        assert_eq!(text, "SignatureDoesNotMatch: The request signature we calculated does not match.");
    }
}
