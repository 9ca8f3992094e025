//! From an HTTP request in either protocol to an operation and back, with faults in between.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};

use super::error::ApiError;
use super::value::Value;
use super::{alarms, cbor, data, json};
use crate::faults::{FaultKind, Service};
use crate::http::{Hangup, hang_up_after};
use crate::world::World;

/// The service's name in both protocols.
const SERVICE: &str = "GraniteServiceVersion20100801";
/// PutMetricData's own limit; nothing else comes near.
const MAX_BODY: u64 = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    RpcV2Cbor,
    AwsJson,
}

/// Answers one call. A response that carries [`Hangup`] is never sent.
pub(crate) async fn serve(world: World, path: &str, headers: &HeaderMap, body: Vec<u8>) -> Response<Body> {
    let Some((protocol, operation)) = route(path, headers) else {
        let mut response = Response::new(Body::from("this playground speaks Route 53 and CloudWatch only"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let fault = {
        let mut state = world.lock();
        state.count_call(&operation);
        state.faults.take(Service::CloudWatch, &operation)
    };
    world.notify();
    let perform = || {
        let outcome = decoded(protocol, headers, body)
            .and_then(|input| perform(&world, &operation, &input, fault.as_ref()));
        world.notify();
        outcome
    };
    let outcome = match fault {
        Some(FaultKind::Throttle) => Err(ApiError::throttling()),
        Some(FaultKind::InternalError | FaultKind::Outage) => Err(ApiError::internal()),
        Some(FaultKind::AccessDenied) => Err(ApiError::access_denied(&operation)),
        Some(FaultKind::LostBeforeApply) => return Hangup::response(),
        Some(FaultKind::TimeoutBeforeApply { hold }) => return hang_up_after(hold).await,
        Some(FaultKind::InternalErrorAfterApply) => {
            let _ = perform();
            Err(ApiError::internal())
        }
        Some(FaultKind::LostAfterApply) => {
            // Only what was put matters; nobody hears the answer.
            let _ = perform();
            return Hangup::response();
        }
        Some(FaultKind::TimeoutAfterApply { hold }) => {
            let _ = perform();
            return hang_up_after(hold).await;
        }
        Some(_) | None => perform(),
    };
    answer(protocol, outcome)
}

fn perform(
    world: &World,
    operation: &str,
    input: &Value,
    fault: Option<&FaultKind>,
) -> Result<Value, ApiError> {
    let mut state = world.lock();
    match operation {
        "PutMetricData" => data::put_metric_data(&mut state, input),
        "GetMetricData" => data::get_metric_data(&state, input, fault),
        "ListMetrics" => data::list_metrics(&state, input),
        "PutMetricAlarm" => alarms::put_metric_alarm(&mut state, input),
        "PutCompositeAlarm" => alarms::put_composite_alarm(&mut state, input),
        "SetAlarmState" => alarms::set_alarm_state(&mut state, input),
        "DescribeAlarms" => alarms::describe_alarms(&state, input),
        other => Err(ApiError::unknown_operation(other)),
    }
}

fn route(path: &str, headers: &HeaderMap) -> Option<(Protocol, String)> {
    if let Some(rest) = path.strip_prefix("/service/") {
        let (service, operation) = rest.split_once("/operation/")?;
        let cbor = headers.get("smithy-protocol").is_some_and(|value| value == "rpc-v2-cbor");
        return (service == SERVICE && cbor).then(|| (Protocol::RpcV2Cbor, operation.to_owned()));
    }
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let operation = target.strip_prefix(SERVICE)?.strip_prefix('.')?;
    Some((Protocol::AwsJson, operation.to_owned()))
}

fn decoded(protocol: Protocol, headers: &HeaderMap, body: Vec<u8>) -> Result<Value, ApiError> {
    let malformed = || {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "SerializationException",
            "MalformedInput",
            "The body could not be read.",
        )
    };
    let body = match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding == "gzip" => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body.as_slice())
                .take(MAX_BODY)
                .read_to_end(&mut plain)
                .map_err(|_| malformed())?;
            plain
        }
        _ => body,
    };
    match protocol {
        Protocol::RpcV2Cbor => cbor::decode(&body),
        Protocol::AwsJson => json::decode(&body),
    }
    .ok_or_else(malformed)
}

fn answer(protocol: Protocol, outcome: Result<Value, ApiError>) -> Response<Body> {
    let (status, value, query_error) = match outcome {
        Ok(value) => (StatusCode::OK, value, None),
        Err(error) => {
            let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
            // Modelled as `Message` in one shape and `message` in the others; clients read either.
            let key = if error.shape == "InternalServiceFault" { "Message" } else { "message" };
            let value = Value::structure([
                ("__type", Some(Value::text(format!("com.amazonaws.cloudwatch#{}", error.shape)))),
                (key, Some(Value::text(error.message))),
            ]);
            (error.status, value, Some(format!("{};{fault}", error.code)))
        }
    };
    let (content_type, bytes) = match protocol {
        Protocol::RpcV2Cbor => ("application/cbor", cbor::encode(&value)),
        Protocol::AwsJson => ("application/x-amz-json-1.0", json::encode(&value)),
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    if protocol == Protocol::RpcV2Cbor {
        headers.insert("smithy-protocol", header::HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Some(query_error) = query_error.and_then(|text| text.parse().ok()) {
        headers.insert("x-amzn-query-error", query_error);
    }
    response
}
