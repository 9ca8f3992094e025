//! One batch, sent once.

use std::error::Error;

use aws_sdk_route53::{
    Client, config::http::HttpResponse, error::SdkError,
    operation::change_resource_record_sets::ChangeResourceRecordSetsError, types::ChangeBatch,
};
use aws_smithy_types::retry::RetryConfig;
use crossfade_core::{batch::Batch, event::ChangeId};
use crossfade_ports::SubmitError;

use super::convert;
use crate::{
    call::observed,
    failure::{Departure, Failure, Kind},
};

pub(super) async fn submit(client: &Client, batch: &Batch) -> Result<ChangeId, SubmitError> {
    let changes =
        batch.changes.iter().map(convert::change).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let sdk_batch =
        ChangeBatch::builder().comment(&batch.comment).set_changes(Some(changes)).build().map_err(refused)?;
    let departure = Departure::default();
    let call = client
        .change_resource_record_sets()
        .hosted_zone_id(&batch.zone.0)
        .change_batch(sdk_batch)
        .customize()
        // A batch that was applied and whose answer was lost would be refused when sent again: its DELETEs are no
        // longer current. Whether to send it again is for whoever can read the fence.
        .config_override(aws_sdk_route53::config::Builder::new().retry_config(RetryConfig::disabled()))
        .interceptor(departure.clone());
    match observed("ChangeResourceRecordSets", call.send()).await {
        Ok(answer) => match answer.change_info() {
            Some(info) if !info.id().is_empty() => {
                Ok(ChangeId(info.id().trim_start_matches('/').trim_start_matches("change/").to_owned()))
            }
            Some(_) | None => Err(SubmitError::Unanswered("the answer names no change".to_owned())),
        },
        Err(error) => Err(failed(&error, departure.happened(), batch)),
    }
}

/// What cannot be written as a request was not sent, and never can be.
fn refused(error: impl Error) -> SubmitError {
    SubmitError::Refused(error.to_string())
}

fn failed(
    error: &SdkError<ChangeResourceRecordSetsError, HttpResponse>,
    departed: bool,
    batch: &Batch,
) -> SubmitError {
    let Failure { kind, mut text } = Failure::of(error, departed);
    match kind {
        Kind::Rejected(code) => match code.as_str() {
            "NoSuchHostedZone" => SubmitError::NoSuchZone(batch.zone.0.clone()),
            "PriorRequestNotComplete" => SubmitError::Busy(text),
            _ => {
                if let Some(ChangeResourceRecordSetsError::InvalidChangeBatch(invalid)) =
                    error.as_service_error()
                {
                    // Each reason is said either in the message or in the list, by some versions in both.
                    for reason in invalid.messages().iter().filter(|reason| !reason.is_empty()) {
                        if !text.contains(reason.as_str()) {
                            text.push_str("; ");
                            text.push_str(reason);
                        }
                    }
                }
                SubmitError::Refused(text)
            }
        },
        Kind::Throttled => SubmitError::Throttled(text),
        Kind::Denied => SubmitError::Denied(text),
        Kind::NotSent => SubmitError::NotSent(text),
        Kind::Unclear => SubmitError::Unanswered(text),
    }
}
