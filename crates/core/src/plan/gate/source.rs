//! Where a gate's metrics are.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Span;

/// CloudFront publishes all of its metrics here, wherever it serves.
pub(in crate::plan) const CLOUDFRONT_REGION: &str = "us-east-1";

/// Where one endpoint's requests, errors and latencies are measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "preset", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// An application load balancer.
    Alb {
        /// `app/name/id`, the end of the load balancer's ARN.
        #[schemars(regex(pattern = "^app/[A-Za-z0-9-]+/[A-Za-z0-9-]+$"))]
        load_balancer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A network load balancer. It sees connections, not requests: a reset or a failed TLS handshake with a target is an
    /// error.
    Nlb {
        /// `net/name/id`, the end of the load balancer's ARN.
        #[schemars(regex(pattern = "^net/[A-Za-z0-9-]+/[A-Za-z0-9-]+$"))]
        load_balancer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A classic load balancer.
    ClassicElb {
        /// Its name.
        load_balancer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// A distribution of CloudFront. Its metrics are in us-east-1.
    Cloudfront {
        /// Its id, as in `E2QWRUHAPOMQZL`.
        #[schemars(regex(pattern = "^[A-Z0-9]+$"))]
        distribution: String,
    },
    /// A REST API of API Gateway.
    ApiGatewayRest {
        /// Its name, not its id.
        api_name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// An HTTP API of API Gateway.
    ApiGatewayHttp {
        /// Its id, not its name.
        api_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// The Prometheus of the daemon's configuration. A plain selector of counters is summed up by period; an expression
    /// of one's own says where the length of the period goes with `$period`.
    Prometheus {
        /// Counts the errors, such as `http_requests_total{side="cloud",code=~"5.."}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errors: Option<String>,
        /// Counts the requests.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests: Option<String>,
        /// Gives the latency in seconds, with `$quantile` and `$period`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency: Option<String>,
        /// At least twice the time between two scrapes.
        #[serde(default = "default_period")]
        period: Span,
    },
    /// Any metrics: for a gate that asks for errors, a pair of counters; for one that asks for latency, a distribution.
    Custom {
        namespace: String,
        #[serde(default)]
        dimensions: BTreeMap<String, String>,
        /// Metrics whose sums are added up to the errors.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(min = 1))]
        errors: Vec<String>,
        /// Metrics whose sums are added up to the requests.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(min = 1))]
        requests: Vec<String>,
        /// A metric with one value for each request, or values with counts; sums and averages have no percentiles.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency: Option<String>,
        /// What `latency` is measured in.
        #[serde(default, skip_serializing_if = "Unit::is_usual")]
        unit: Unit,
        /// 5 s to 5 min. Three bad periods fail the gate, whatever their length: a minute is usual.
        #[serde(default = "default_period")]
        period: Span,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
}

/// Of a metric of one's own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Unit {
    #[default]
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "s")]
    Seconds,
}

impl Unit {
    pub(crate) fn seconds(self) -> f64 {
        match self {
            Unit::Milliseconds => 0.001,
            Unit::Seconds => 1.0,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_usual(&self) -> bool {
        *self == Unit::default()
    }
}

impl Source {
    /// `None` is the account's own region.
    pub fn region(&self) -> Option<&str> {
        match self {
            Source::Alb { region, .. }
            | Source::Nlb { region, .. }
            | Source::ClassicElb { region, .. }
            | Source::ApiGatewayRest { region, .. }
            | Source::ApiGatewayHttp { region, .. }
            | Source::Custom { region, .. } => region.as_deref(),
            Source::Cloudfront { .. } => Some(CLOUDFRONT_REGION),
            Source::Prometheus { .. } => None,
        }
    }

    /// Length of the periods in which datapoints are asked for. AWS's own endpoints publish by the minute.
    pub fn period(&self) -> SignedDuration {
        match self {
            Source::Alb { .. }
            | Source::Nlb { .. }
            | Source::ClassicElb { .. }
            | Source::Cloudfront { .. }
            | Source::ApiGatewayRest { .. }
            | Source::ApiGatewayHttp { .. } => SignedDuration::from_mins(1),
            Source::Prometheus { period, .. } | Source::Custom { period, .. } => period.0,
        }
    }
}

pub(in crate::plan) fn default_period() -> Span {
    Span(SignedDuration::from_secs(60))
}
