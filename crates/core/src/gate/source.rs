//! From a plan's source to the metrics asked for, and from their datapoints to periods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Period;
use crate::plan::{Percentile, Source, Unit};

/// One time series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricQuery {
    /// `None` is the account's own region.
    pub region: Option<String>,
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    pub period_seconds: u32,
    /// What is made of the values of a period.
    #[serde(default)]
    pub statistic: Statistic,
    #[serde(default)]
    pub provider: Provider,
}

/// Who has a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    #[default]
    CloudWatch,
    /// The metric is an expression, or a selector of counters.
    Prometheus,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    #[default]
    Sum,
    Average,
    /// How many values there were.
    SampleCount,
    Percentile(Percentile),
}

/// A datapoint: the start of its period, and its statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
}

/// One side's latency in one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    pub start: Timestamp,
    /// The percentile that was asked for.
    pub seconds: f64,
    /// How many requests it is a percentile of.
    pub samples: u64,
}

/// Series that add up to the errors, and series that add up to the requests. One may be in both.
struct Counters {
    errors: Vec<MetricQuery>,
    requests: Vec<MetricQuery>,
    errors_are: ErrorsAre,
}

/// What a series of errors says.
enum ErrorsAre {
    /// Counts, and nothing where there are none.
    Sparse,
    /// Counts, zeros among them: where one is missing, so is the period.
    Counts,
    /// Percentages of the requests, zeros among them.
    Percentages,
}

/// A distribution: its percentile, and how many values it has.
struct Distribution {
    value: MetricQuery,
    samples: MetricQuery,
    seconds_per_unit: f64,
}

impl Statistic {
    /// As CloudWatch names it.
    pub fn name(self) -> String {
        match self {
            Statistic::Sum => "Sum".to_owned(),
            Statistic::Average => "Average".to_owned(),
            Statistic::SampleCount => "SampleCount".to_owned(),
            Statistic::Percentile(percentile) => percentile.to_string(),
        }
    }
}

/// Every series that errors and requests of the source need, once.
pub fn queries(source: &Source) -> Vec<MetricQuery> {
    let Counters { errors, requests, .. } = counters(source);
    let all: BTreeSet<MetricQuery> = errors.into_iter().chain(requests).collect();
    all.into_iter().collect()
}

/// The series that are never empty where there is traffic.
pub fn request_queries(source: &Source) -> Vec<MetricQuery> {
    counters(source).requests
}

/// Every series that latencies of the source need. None where it has no distribution.
pub fn latency_queries(source: &Source, percentile: Percentile) -> Vec<MetricQuery> {
    distribution(source, percentile).map_or_else(Vec::new, |found| vec![found.value, found.samples])
}

/// Adds the series up to periods, oldest first. A sparse counter without a datapoint adds nothing; a period in which no
/// counter of a kind has one has `None` there.
pub fn periods(source: &Source, series: &BTreeMap<MetricQuery, Vec<Point>>) -> Vec<Period> {
    let Counters { errors, requests, errors_are } = counters(source);
    let errors = added_up(&errors, series);
    let requests = added_up(&requests, series);
    let starts: BTreeSet<Timestamp> = errors.keys().chain(requests.keys()).copied().collect();
    let count = |value: f64| value.round() as u64;
    let period = |start: Timestamp| {
        let (wrong, all) = (errors.get(&start).copied(), requests.get(&start).copied());
        let (wrong, all) = match (&errors_are, wrong, all) {
            (ErrorsAre::Percentages, Some(percent), Some(all)) => (Some(percent / 100.0 * all), Some(all)),
            (ErrorsAre::Percentages, ..) | (ErrorsAre::Counts, None, Some(_)) => return None,
            (ErrorsAre::Sparse | ErrorsAre::Counts, wrong, all) => (wrong, all),
        };
        Some(Period { start, requests: all.map(count), errors: wrong.map(count) })
    };
    starts.into_iter().filter_map(period).collect()
}

/// The periods that have both a latency and a number of samples, oldest first.
pub fn timings(
    source: &Source,
    percentile: Percentile,
    series: &BTreeMap<MetricQuery, Vec<Point>>,
) -> Vec<Timing> {
    let Some(Distribution { value, samples, seconds_per_unit }) = distribution(source, percentile) else {
        return Vec::new();
    };
    let samples = added_up(&[samples], series);
    let timing = |(start, value): (Timestamp, f64)| {
        let samples = samples.get(&start)?.round() as u64;
        (samples > 0).then_some(Timing { start, seconds: value * seconds_per_unit, samples })
    };
    added_up(&[value], series).into_iter().filter_map(timing).collect()
}

/// Neither a negative value nor one that is no number can be a count, or a latency.
fn added_up(queries: &[MetricQuery], series: &BTreeMap<MetricQuery, Vec<Point>>) -> BTreeMap<Timestamp, f64> {
    let mut sums = BTreeMap::new();
    for point in queries.iter().filter_map(|query| series.get(query)).flatten() {
        if point.value.is_finite() && point.value >= 0.0 {
            *sums.entry(point.at).or_insert(0.0) += point.value;
        }
    }
    sums
}

fn counters(source: &Source) -> Counters {
    let of = |metrics: &[&str]| metrics.iter().map(|metric| query(source, metric, Statistic::Sum)).collect();
    match source {
        // `RequestCount` leaves out requests that the load balancer answered itself because no target could be chosen,
        // so its own errors are added: in a total outage they are all there is.
        // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
        Source::Alb { .. } => Counters {
            errors: of(&["HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"]),
            requests: of(&["RequestCount", "HTTPCode_ELB_5XX_Count"]),
            errors_are: ErrorsAre::Sparse,
        },
        // Connections, not requests: what the application answers is not seen. Resets by clients are left out, because
        // closing a tab is one; those by the load balancer itself include idle connections that it has forgotten.
        // <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html>
        Source::Nlb { .. } => Counters {
            errors: of(&["TCP_Target_Reset_Count", "TCP_ELB_Reset_Count", "TargetTLSNegotiationErrorCount"]),
            requests: of(&["NewFlowCount"]),
            errors_are: ErrorsAre::Sparse,
        },
        // As with the application load balancer, `RequestCount` is of requests that were routed. A spillover is a 503 of
        // the load balancer and is in its 5XX already.
        // <https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html>
        Source::ClassicElb { .. } => Counters {
            errors: of(&["HTTPCode_Backend_5XX", "HTTPCode_ELB_5XX"]),
            requests: of(&["RequestCount", "HTTPCode_ELB_5XX"]),
            errors_are: ErrorsAre::Sparse,
        },
        // A percentage of the viewers' requests, whose only valid statistic is the average.
        // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>
        Source::Cloudfront { .. } => Counters {
            errors: vec![query(source, "5xxErrorRate", Statistic::Average)],
            requests: of(&["Requests"]),
            errors_are: ErrorsAre::Percentages,
        },
        // Each request is one value of each metric, so that errors have zeros, and requests are counted by their number.
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html>
        Source::ApiGatewayRest { .. } => Counters {
            errors: of(&["5XXError"]),
            requests: vec![query(source, "Count", Statistic::SampleCount)],
            errors_are: ErrorsAre::Counts,
        },
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>
        // A counter with a label for the outcome has no series of errors before the first.
        Source::Prometheus { errors, requests, .. } => {
            let of =
                |text: &Option<String>| text.iter().map(|text| query(source, text, Statistic::Sum)).collect();
            Counters { errors: of(errors), requests: of(requests), errors_are: ErrorsAre::Sparse }
        }
        Source::ApiGatewayHttp { .. } => Counters {
            errors: of(&["5xx"]),
            requests: vec![query(source, "Count", Statistic::SampleCount)],
            errors_are: ErrorsAre::Counts,
        },
        Source::Custom { errors, requests, .. } => {
            let all = |metrics: &[String]| {
                metrics.iter().map(|metric| query(source, metric, Statistic::Sum)).collect()
            };
            Counters { errors: all(errors), requests: all(requests), errors_are: ErrorsAre::Sparse }
        }
    }
}

/// The metric of latency, where there is one that has percentiles and a number of samples.
fn distribution(source: &Source, percentile: Percentile) -> Option<Distribution> {
    let (metric, unit) = match source {
        Source::Prometheus { latency, requests, .. } => {
            return Some(Distribution {
                value: query(source, latency.as_deref()?, Statistic::Percentile(percentile)),
                samples: query(source, requests.as_deref()?, Statistic::Sum),
                seconds_per_unit: 1.0,
            });
        }
        Source::Alb { .. } => ("TargetResponseTime", Unit::Seconds),
        Source::ClassicElb { .. } => ("Latency", Unit::Seconds),
        Source::ApiGatewayRest { .. } | Source::ApiGatewayHttp { .. } => ("Latency", Unit::Milliseconds),
        Source::Custom { latency, unit, .. } => (latency.as_deref()?, *unit),
        // It measures connections, which have none.
        Source::Nlb { .. } => return None,
        // `OriginLatency` leaves out what the cache answers, and has no number of samples.
        Source::Cloudfront { .. } => return None,
    };
    Some(Distribution {
        value: query(source, metric, Statistic::Percentile(percentile)),
        samples: query(source, metric, Statistic::SampleCount),
        seconds_per_unit: unit.seconds(),
    })
}

fn query(source: &Source, metric: &str, statistic: Statistic) -> MetricQuery {
    let (namespace, dimensions) = place(source);
    MetricQuery {
        region: source.region().map(str::to_owned),
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        dimensions,
        period_seconds: u32::try_from(source.period().as_secs()).unwrap_or(60),
        statistic,
        provider: match source {
            Source::Prometheus { .. } => Provider::Prometheus,
            Source::Alb { .. }
            | Source::Nlb { .. }
            | Source::ClassicElb { .. }
            | Source::Cloudfront { .. }
            | Source::ApiGatewayRest { .. }
            | Source::ApiGatewayHttp { .. }
            | Source::Custom { .. } => Provider::CloudWatch,
        },
    }
}

/// The namespace and the dimensions of all metrics of a source.
fn place(source: &Source) -> (&str, BTreeMap<String, String>) {
    let named = |all: &[(&str, Option<&String>)]| {
        let present = all.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.clone())));
        present.collect()
    };
    match source {
        Source::Prometheus { .. } => ("", BTreeMap::new()),
        Source::Alb { load_balancer, .. } => {
            ("AWS/ApplicationELB", named(&[("LoadBalancer", Some(load_balancer))]))
        }
        Source::Nlb { load_balancer, .. } => {
            ("AWS/NetworkELB", named(&[("LoadBalancer", Some(load_balancer))]))
        }
        Source::ClassicElb { load_balancer, .. } => {
            ("AWS/ELB", named(&[("LoadBalancerName", Some(load_balancer))]))
        }
        Source::Cloudfront { distribution } => {
            let mut dimensions: BTreeMap<String, String> = named(&[("DistributionId", Some(distribution))]);
            dimensions.insert("Region".to_owned(), "Global".to_owned());
            ("AWS/CloudFront", dimensions)
        }
        Source::ApiGatewayRest { api_name, stage, .. } => {
            ("AWS/ApiGateway", named(&[("ApiName", Some(api_name)), ("Stage", stage.as_ref())]))
        }
        Source::ApiGatewayHttp { api_id, stage, .. } => {
            ("AWS/ApiGateway", named(&[("ApiId", Some(api_id)), ("Stage", stage.as_ref())]))
        }
        Source::Custom { namespace, dimensions, .. } => (namespace, dimensions.clone()),
    }
}
