//! Failed reads of Route 53 in the port's words.

use std::error::Error;

use aws_sdk_route53::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use crossfade_ports::ZonesError;

use crate::failure::{Failure, Kind};

/// `subject`: the zone or change that was asked for.
pub(super) fn of_read<E>(error: &SdkError<E, HttpResponse>, subject: &str) -> ZonesError
where
    E: ProvideErrorMetadata + Error + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    // For a read it makes no difference whether it was sent.
    let Failure { kind, text } = Failure::of(error, true);
    match kind {
        Kind::Rejected(code) if code == "NoSuchHostedZone" => ZonesError::NoSuchZone(subject.to_owned()),
        Kind::Rejected(code) if code == "NoSuchChange" => ZonesError::NoSuchChange(subject.to_owned()),
        Kind::Throttled => ZonesError::Throttled(text),
        Kind::Denied => ZonesError::Denied(text),
        Kind::Rejected(_) | Kind::NotSent | Kind::Unclear => ZonesError::Unavailable(text),
    }
}
