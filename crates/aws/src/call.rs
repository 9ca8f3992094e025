//! What is done around every request: it is counted, timed and traced, once, however often the SDK repeated it.

use std::{future::Future, time::Instant};

use aws_sdk_route53::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::failure;

/// Awaits a request. Its outcome is counted and traced, and handed on; whoever handles a failure logs it.
pub(crate) async fn observed<T, E: ProvideErrorMetadata>(
    operation: &'static str,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, SdkError<E, HttpResponse>> {
    let began = Instant::now();
    let answer = call.await;
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = outcome(&answer);
    metrics::counter!("crossfade_aws_requests_total", "operation" => operation, "outcome" => outcome)
        .increment(1);
    tracing::debug!(aws.operation = operation, aws.outcome = outcome, duration_ms, "request to AWS");
    answer
}

fn outcome<T, E: ProvideErrorMetadata>(answer: &Result<T, SdkError<E, HttpResponse>>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(SdkError::ConstructionFailure(_)) => "not_sent",
        Err(SdkError::TimeoutError(_)) => "timeout",
        Err(SdkError::DispatchFailure(failure)) if failure.is_timeout() => "timeout",
        Err(SdkError::DispatchFailure(_)) => "no_answer",
        Err(SdkError::ResponseError(_)) => "unreadable",
        Err(error @ SdkError::ServiceError(_)) if failure::is_throttled(error) => "throttled",
        Err(SdkError::ServiceError(_)) => "error",
        Err(_) => "other",
    }
}
