//! From a plan's source to the metrics asked for, and from their datapoints to periods.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Period;
use crate::plan::Source;

/// One time series of CloudWatch, summed by period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricQuery {
    /// `None` is the account's own region.
    pub region: Option<String>,
    pub namespace: String,
    pub metric: String,
    pub dimensions: BTreeMap<String, String>,
    pub period_seconds: u32,
}

/// A datapoint: the start of its period, and the sum in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub sum: f64,
}

/// Counters whose sums are the errors, and counters whose sums are the requests. One may be in both.
struct Counters {
    errors: Vec<MetricQuery>,
    requests: Vec<MetricQuery>,
}

/// Every series that the source needs, once.
pub fn queries(source: &Source) -> Vec<MetricQuery> {
    let Counters { mut errors, requests } = counters(source);
    errors.extend(requests);
    errors.sort();
    errors.dedup();
    errors
}

/// Adds the series up to periods, oldest first. A counter without a datapoint adds nothing; a period in which no
/// counter of a kind has one has `None` there.
pub fn periods(source: &Source, series: &BTreeMap<MetricQuery, Vec<Point>>) -> Vec<Period> {
    let Counters { errors, requests } = counters(source);
    let mut periods: BTreeMap<Timestamp, Period> = BTreeMap::new();
    let mut add = |queries: &[MetricQuery], field: fn(&mut Period) -> &mut Option<u64>| {
        for point in queries.iter().filter_map(|query| series.get(query)).flatten() {
            // Neither a negative sum nor one that is no number can be a count.
            if point.sum.is_finite() && point.sum >= 0.0 {
                let empty = Period { start: point.at, requests: None, errors: None };
                let count = field(periods.entry(point.at).or_insert(empty));
                *count = Some(count.unwrap_or(0).saturating_add(point.sum.round() as u64));
            }
        }
    };
    add(&errors, |period| &mut period.errors);
    add(&requests, |period| &mut period.requests);
    periods.into_values().collect()
}

fn counters(source: &Source) -> Counters {
    let period_seconds = u32::try_from(source.period().as_secs()).unwrap_or(60);
    let query = |namespace: &str, dimensions: &BTreeMap<String, String>, metric: &str| MetricQuery {
        region: source.region().map(str::to_owned),
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        dimensions: dimensions.clone(),
        period_seconds,
    };
    match source {
        Source::Alb { load_balancer, .. } => {
            let dimensions = BTreeMap::from([("LoadBalancer".to_owned(), load_balancer.clone())]);
            let counter = |metric| query("AWS/ApplicationELB", &dimensions, metric);
            // `RequestCount` leaves out requests that the load balancer answered itself because no target could be
            // chosen, so its own errors are added: in a total outage they are all there is.
            // <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
            Counters {
                errors: vec![counter("HTTPCode_Target_5XX_Count"), counter("HTTPCode_ELB_5XX_Count")],
                requests: vec![counter("RequestCount"), counter("HTTPCode_ELB_5XX_Count")],
            }
        }
        Source::Custom { namespace, dimensions, errors, requests, .. } => {
            let all = |metrics: &[String]| {
                metrics.iter().map(|metric| query(namespace, dimensions, metric)).collect::<Vec<_>>()
            };
            Counters { errors: all(errors), requests: all(requests) }
        }
    }
}
