//! The stored measurements, and the series made of them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Dimensions;
use super::error::ApiError;
use crate::clock::UnixSeconds;

/// One PutMetricData datum: values with how often each was seen, or a summary of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measurement {
    Values(Vec<(f64, f64)>),
    Summary { count: f64, sum: f64, minimum: f64, maximum: f64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MetricKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: Dimensions,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    Sum,
    Average,
    SampleCount,
    Minimum,
    Maximum,
    Percentile(f64),
}

#[derive(Debug)]
struct Point {
    visible_at: UnixSeconds,
    measurement: Measurement,
}

/// Every series of the account.
#[derive(Debug)]
pub(crate) struct Metrics {
    series: BTreeMap<MetricKey, BTreeMap<i64, Vec<Point>>>,
    /// How late data of a namespace, or of one metric of it, can be read.
    delays: HashMap<(String, Option<String>), Duration>,
    retention: Duration,
}

/// What a query asks of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) key: MetricKey,
    pub(crate) period: i64,
    pub(crate) statistic: Statistic,
}

impl Metrics {
    pub(crate) fn new(retention: Duration) -> Self {
        Self { series: BTreeMap::new(), delays: HashMap::new(), retention }
    }

    /// Stores a measurement taken at `at`; it can be read once its publication delay has passed.
    pub(crate) fn put(&mut self, key: MetricKey, at: UnixSeconds, measurement: Measurement) {
        let delay = self.delay_of(&key.namespace, &key.name);
        let points = self.series.entry(key).or_default();
        let second = at.floor() as i64;
        points.entry(second).or_default().push(Point { visible_at: at + delay.as_secs_f64(), measurement });
        let kept_from = second.saturating_sub(i64::try_from(self.retention.as_secs()).unwrap_or(i64::MAX));
        while points.first_key_value().is_some_and(|(oldest, _)| *oldest < kept_from) {
            points.pop_first();
        }
    }

    pub(crate) fn set_delay(&mut self, namespace: &str, metric: Option<&str>, delay: Duration) {
        self.delays.insert((namespace.to_owned(), metric.map(str::to_owned)), delay);
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &MetricKey> {
        self.series.keys()
    }

    /// The datapoints of `[start, end)`, oldest first: none where nothing was put. `start` is rounded down.
    pub(crate) fn read(
        &self,
        query: &Query,
        start: UnixSeconds,
        end: UnixSeconds,
        seen_at: UnixSeconds,
        extra_delay: Duration,
    ) -> Vec<(i64, f64)> {
        let Some(points) = self.series.get(&query.key) else { return Vec::new() };
        let first = (start.floor() as i64).div_euclid(query.period) * query.period;
        let mut buckets: BTreeMap<i64, Vec<&Measurement>> = BTreeMap::new();
        for (second, points) in points.range(first..) {
            let bucket = second.div_euclid(query.period) * query.period;
            if bucket as f64 >= end {
                break;
            }
            let visible = points
                .iter()
                .filter(|point| point.visible_at.max(*second as f64 + extra_delay.as_secs_f64()) <= seen_at);
            buckets.entry(bucket).or_default().extend(visible.map(|point| &point.measurement));
        }
        buckets
            .into_iter()
            .filter_map(|(bucket, measurements)| Some((bucket, query.statistic.of(&measurements)?)))
            .collect()
    }

    fn delay_of(&self, namespace: &str, metric: &str) -> Duration {
        let lookup =
            |metric: Option<&str>| self.delays.get(&(namespace.to_owned(), metric.map(str::to_owned)));
        lookup(Some(metric)).or_else(|| lookup(None)).copied().unwrap_or_default()
    }
}

impl Statistic {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "Sum" => Ok(Self::Sum),
            "Average" => Ok(Self::Average),
            "SampleCount" => Ok(Self::SampleCount),
            "Minimum" => Ok(Self::Minimum),
            "Maximum" => Ok(Self::Maximum),
            other => other
                .strip_prefix('p')
                .and_then(|percent| percent.parse::<f64>().ok())
                .filter(|percent| (0.0..=100.0).contains(percent))
                .map(Self::Percentile)
                .ok_or_else(|| {
                    ApiError::validation(format!("The value {other} for parameter Stat is not supported."))
                }),
        }
    }

    /// `None` when there is nothing to say, as for the percentile of summaries.
    fn of(self, measurements: &[&Measurement]) -> Option<f64> {
        let summaries: Vec<Summary> =
            measurements.iter().filter_map(|measurement| measurement.summary()).collect();
        let count: f64 = summaries.iter().map(|summary| summary.count).sum();
        if summaries.is_empty() || count <= 0.0 {
            return None;
        }
        let sum: f64 = summaries.iter().map(|summary| summary.sum).sum();
        match self {
            Self::Sum => Some(sum),
            Self::Average => Some(sum / count),
            Self::SampleCount => Some(count),
            Self::Minimum => summaries.iter().map(|summary| summary.minimum).reduce(f64::min),
            Self::Maximum => summaries.iter().map(|summary| summary.maximum).reduce(f64::max),
            Self::Percentile(percent) => percentile(measurements, percent),
        }
    }
}

struct Summary {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Measurement {
    /// One value seen once.
    pub(crate) fn one(value: f64) -> Self {
        Self::Values(vec![(value, 1.0)])
    }

    fn summary(&self) -> Option<Summary> {
        match self {
            Self::Values(values) if values.is_empty() => None,
            Self::Values(values) => Some(Summary {
                count: values.iter().map(|(_, count)| count).sum(),
                sum: values.iter().map(|(value, count)| value * count).sum(),
                minimum: values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min),
                maximum: values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max),
            }),
            Self::Summary { count, sum, minimum, maximum } => {
                Some(Summary { count: *count, sum: *sum, minimum: *minimum, maximum: *maximum })
            }
        }
    }
}

/// The nearest rank. Summaries have no ranks, so one among the measurements leaves nothing to say.
fn percentile(measurements: &[&Measurement], percent: f64) -> Option<f64> {
    let mut values = Vec::new();
    for measurement in measurements {
        match measurement {
            Measurement::Values(seen) => values.extend(seen.iter().copied()),
            Measurement::Summary { .. } => return None,
        }
    }
    values.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let total: f64 = values.iter().map(|(_, count)| count).sum();
    let rank = (percent / 100.0 * total).max(f64::MIN_POSITIVE);
    let mut seen = 0.0;
    values
        .iter()
        .find(|(_, count)| {
            seen += count;
            seen >= rank
        })
        .or(values.last())
        .map(|(value, _)| *value)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
