//! CloudWatch over HTTP, in the two protocols of today's clients.
//!
//! `POST /service/GraniteServiceVersion20100801/operation/<Op>` with CBOR bodies is RPC v2 (the Rust SDK);
//! `POST /` with an `X-Amz-Target` header is awsJson1.0 (boto3, the AWS CLI). Both become the same [`value::Value`].

mod alarms;
mod cbor;
mod data;
mod error;
mod json;
mod metrics;
mod query;
mod server;
mod value;

pub(crate) use alarms::{Alarms, Kind as AlarmKind};
pub(crate) use metrics::{Measurement, MetricKey, Metrics};
#[cfg(test)]
pub(crate) use metrics::{Query, Statistic};
pub(crate) use server::serve;

/// Dimensions of a metric, by name.
pub(crate) type Dimensions = std::collections::BTreeMap<String, String>;
