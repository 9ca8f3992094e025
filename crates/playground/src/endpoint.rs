//! Endpoints: what DNS answers point at, with an error rate and a latency that can be turned.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::UnixSeconds;
use crate::cloudwatch::{Dimensions, Measurement, MetricKey, Metrics};
use crate::faults::seconds;

/// A server, or a load balancer, that takes the traffic DNS sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its name in the world.
    pub name: String,
    /// The values by which DNS answers mean it: addresses, or names such as a CNAME's target.
    pub addresses: Vec<String>,
    /// The share of requests that fail, 0 to 1.
    #[serde(default)]
    pub error_rate: f64,
    /// The typical response time. Seconds in JSON.
    #[serde(default = "typical_latency", with = "seconds")]
    pub latency: Duration,
    /// Whether it serves at all.
    #[serde(default)]
    pub state: EndpointState,
    /// What it publishes to CloudWatch.
    #[serde(default)]
    pub metrics: MetricShape,
    /// A name of its own, such as a load balancer's, that aliases and CNAMEs can point at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// Whether the target of an alias with EvaluateTargetHealth counts as healthy.
    #[serde(default = "yes")]
    pub healthy: bool,
}

/// Whether an endpoint serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// It answers, with its error rate.
    #[default]
    Serving,
    /// Nothing answers: every request fails and nothing is published.
    Down,
    /// The load balancer answers 503 by itself: errors without requests are published.
    Refusing,
}

/// The metrics an endpoint publishes each second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
pub enum MetricShape {
    /// None.
    #[default]
    Silent,
    /// `Requests`, `Errors` (counts) and `Latency` (milliseconds) of one's own.
    Custom {
        /// Such as `Playground`.
        namespace: String,
        /// By name.
        dimensions: BTreeMap<String, String>,
        /// Publish zeros too; otherwise there is no datapoint where nothing was counted.
        #[serde(default)]
        explicit_zeros: bool,
    },
    /// AWS/ApplicationELB: `RequestCount` whenever a target got requests, the 5xx counters only when not zero.
    ApplicationLoadBalancer {
        /// The `LoadBalancer` dimension: `app/name/id`.
        load_balancer: String,
    },
    /// AWS/ELB: as the application load balancer's, under its own names.
    ClassicLoadBalancer {
        /// The `LoadBalancerName` dimension.
        load_balancer: String,
    },
    /// AWS/CloudFront: `Requests`, and `5xxErrorRate` in percent, zeros among them.
    Distribution {
        /// The `DistributionId` dimension.
        id: String,
    },
    /// AWS/ApiGateway of an HTTP API: `Count`, `5xx` (0 or 1 a request) and `Latency` (milliseconds).
    HttpApi {
        /// The `ApiId` dimension.
        id: String,
    },
}

/// What an endpoint got from the traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// Requests sent to it.
    pub requests: u64,
    /// How many of them failed.
    pub errors: u64,
}

/// How long the observed shares are kept.
const OBSERVED_SECONDS: i64 = 3_600;
/// At most this many latency samples are published per second, whatever the traffic.
const LATENCY_SAMPLES: u64 = 20;

#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) by_name: BTreeMap<String, Endpoint>,
    observed: BTreeMap<String, BTreeMap<i64, Observed>>,
    /// Seconds up to here (exclusive) are published.
    published_to: Option<i64>,
}

impl Endpoint {
    /// An endpoint that serves without errors and publishes nothing.
    pub fn new<A: Into<String>>(name: &str, addresses: impl IntoIterator<Item = A>) -> Self {
        Self {
            name: name.to_owned(),
            addresses: addresses.into_iter().map(Into::into).collect(),
            error_rate: 0.0,
            latency: typical_latency(),
            state: EndpointState::Serving,
            metrics: MetricShape::Silent,
            dns_name: None,
            healthy: true,
        }
    }

    /// Publishes `Requests`, `Errors` and `Latency` under this namespace and dimension.
    #[must_use]
    pub fn with_custom_metrics(self, namespace: &str, dimension: (&str, &str), explicit_zeros: bool) -> Self {
        let (name, value) = dimension;
        let dimensions = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let metrics = MetricShape::Custom { namespace: namespace.to_owned(), dimensions, explicit_zeros };
        Self { metrics, ..self }
    }

    /// Publishes as an Application Load Balancer does.
    #[must_use]
    pub fn with_load_balancer_metrics(self, load_balancer: &str) -> Self {
        let metrics = MetricShape::ApplicationLoadBalancer { load_balancer: load_balancer.to_owned() };
        Self { metrics, ..self }
    }
}

impl Endpoints {
    /// The endpoint an answered value means.
    pub(crate) fn at(&self, value: &str) -> Option<&Endpoint> {
        let value = value.trim_end_matches('.');
        self.by_name.values().find(|endpoint| {
            endpoint.addresses.iter().any(|address| address.trim_end_matches('.').eq_ignore_ascii_case(value))
        })
    }

    /// The endpoint with this DNS name, canonical.
    pub(crate) fn named(&self, dns_name: &str) -> Option<&Endpoint> {
        let wanted = dns_name.trim_end_matches('.');
        self.by_name.values().find(|endpoint| {
            endpoint
                .dns_name
                .as_ref()
                .is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(wanted))
        })
    }

    pub(crate) fn count(&mut self, endpoint: &str, second: i64, requests: u64, errors: u64) {
        let seconds = self.observed.entry(endpoint.to_owned()).or_default();
        let observed = seconds.entry(second).or_default();
        observed.requests += requests;
        observed.errors += errors;
        while seconds.first_key_value().is_some_and(|(oldest, _)| *oldest < second - OBSERVED_SECONDS) {
            seconds.pop_first();
        }
    }

    /// What each endpoint got since `from`; endpoints without traffic are there with zeros.
    pub(crate) fn observed_since(&self, from: UnixSeconds) -> BTreeMap<String, Observed> {
        let mut totals: BTreeMap<String, Observed> =
            self.by_name.keys().map(|name| (name.clone(), Observed::default())).collect();
        for (name, seconds) in &self.observed {
            let total = totals.entry(name.clone()).or_default();
            for observed in seconds.range(from.ceil() as i64..).map(|(_, observed)| observed) {
                total.requests += observed.requests;
                total.errors += observed.errors;
            }
        }
        totals
    }

    /// Publishes the counts of every second before `now` that is not published yet.
    pub(crate) fn publish(&mut self, now: UnixSeconds, metrics: &mut Metrics) {
        let this_second = now.floor() as i64;
        let from = self.published_to.unwrap_or(this_second).max(this_second - OBSERVED_SECONDS);
        for second in from..this_second {
            for endpoint in self.by_name.values() {
                let observed = self
                    .observed
                    .get(&endpoint.name)
                    .and_then(|seconds| seconds.get(&second))
                    .copied()
                    .unwrap_or_default();
                publish_second(endpoint, second, observed, metrics);
            }
        }
        self.published_to = Some(this_second);
    }
}

fn publish_second(endpoint: &Endpoint, second: i64, observed: Observed, metrics: &mut Metrics) {
    let Observed { requests, errors } = observed;
    let at = second as f64;
    let refusing = endpoint.state == EndpointState::Refusing;
    if endpoint.state == EndpointState::Down {
        return;
    }
    match &endpoint.metrics {
        MetricShape::Silent => {}
        MetricShape::Custom { namespace, dimensions, explicit_zeros } => {
            let mut put =
                |name: &str, measurement| metrics.put(key(namespace, name, dimensions), at, measurement);
            if (requests > 0 || *explicit_zeros) && !refusing {
                put("Requests", Measurement::one(requests as f64));
            }
            if errors > 0 || *explicit_zeros {
                put("Errors", Measurement::one(errors as f64));
            }
            if requests > 0 && !refusing {
                put("Latency", latencies(endpoint.latency.as_secs_f64() * 1_000.0, requests));
            }
        }
        MetricShape::ClassicLoadBalancer { load_balancer } => {
            let dimensions = Dimensions::from([("LoadBalancerName".to_owned(), load_balancer.clone())]);
            let mut put =
                |name: &str, measurement| metrics.put(key("AWS/ELB", name, &dimensions), at, measurement);
            let each = |count: u64| Measurement::Values(vec![(1.0, count as f64)]);
            if errors > 0 {
                put(if refusing { "HTTPCode_ELB_5XX" } else { "HTTPCode_Backend_5XX" }, each(errors));
            }
            if requests > 0 && !refusing {
                put("RequestCount", each(requests));
                put("Latency", latencies(endpoint.latency.as_secs_f64(), requests));
            }
        }
        MetricShape::Distribution { id } => {
            let dimensions = Dimensions::from([
                ("DistributionId".to_owned(), id.clone()),
                ("Region".to_owned(), "Global".to_owned()),
            ]);
            let all = requests.max(errors);
            if all > 0 {
                let mut put =
                    |name: &str, values| metrics.put(key("AWS/CloudFront", name, &dimensions), at, values);
                put("Requests", Measurement::Values(vec![(1.0, all as f64)]));
                // Weighted by the requests, so that the average of a minute is the minute's rate.
                let rate = 100.0 * errors as f64 / all as f64;
                put("5xxErrorRate", Measurement::Values(vec![(rate, all as f64)]));
            }
        }
        MetricShape::HttpApi { id } => {
            let dimensions = Dimensions::from([("ApiId".to_owned(), id.clone())]);
            let all = requests.max(errors);
            if all > 0 {
                let mut put =
                    |name: &str, values| metrics.put(key("AWS/ApiGateway", name, &dimensions), at, values);
                put("Count", Measurement::Values(vec![(1.0, all as f64)]));
                let split = vec![(1.0, errors as f64), (0.0, (all - errors) as f64)];
                put("5xx", Measurement::Values(split));
                put("Latency", latencies(endpoint.latency.as_secs_f64() * 1_000.0, all));
            }
        }
        MetricShape::ApplicationLoadBalancer { load_balancer } => {
            let dimensions = Dimensions::from([("LoadBalancer".to_owned(), load_balancer.clone())]);
            let mut put = |name: &str, measurement| {
                metrics.put(key("AWS/ApplicationELB", name, &dimensions), at, measurement)
            };
            let each = |count: u64| Measurement::Values(vec![(1.0, count as f64)]);
            if refusing {
                if errors > 0 {
                    put("HTTPCode_ELB_5XX_Count", each(errors));
                }
                return;
            }
            if requests > 0 {
                put("RequestCount", each(requests));
                put("TargetResponseTime", latencies(endpoint.latency.as_secs_f64(), requests));
            }
            if errors > 0 {
                put("HTTPCode_Target_5XX_Count", each(errors));
            }
        }
    }
}

fn key(namespace: &str, name: &str, dimensions: &Dimensions) -> MetricKey {
    MetricKey { namespace: namespace.to_owned(), name: name.to_owned(), dimensions: dimensions.clone() }
}

/// A spread around the typical latency, from half of it to three times as much, with a long tail.
fn latencies(typical: f64, requests: u64) -> Measurement {
    let samples = requests.clamp(1, LATENCY_SAMPLES);
    let each = requests as f64 / samples as f64;
    let spread = |index: u64| {
        let rank = (index as f64 + 0.5) / samples as f64;
        (0.5 + rank + 1.5 * rank.powi(8), each)
    };
    Measurement::Values((0..samples).map(spread).map(|(factor, count)| (typical * factor, count)).collect())
}

fn typical_latency() -> Duration {
    Duration::from_millis(50)
}

fn yes() -> bool {
    true
}
