//! Which queries go into one request, and for which time.

use aws_sdk_cloudwatch::{
    Client,
    operation::get_metric_data::builders::GetMetricDataFluentBuilder,
    types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy},
};
use aws_smithy_types::DateTime;
use crossfade_core::gate::MetricQuery;
use jiff::Timestamp;

/// The most queries that one `GetMetricData` takes.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES_MAX: usize = 500;

/// Queries of one region and period, asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// The query at position n has the id `q` and n.
    pub(super) queries: Vec<MetricQuery>,
    start: i64,
    end: i64,
}

/// Every query is in one batch, once.
pub(super) fn batches(queries: &[MetricQuery], from: Timestamp, to: Timestamp) -> Vec<Batch> {
    let mut sorted: Vec<MetricQuery> = queries.to_vec();
    sorted.sort_by(|a, b| (&a.region, a.period_seconds, a).cmp(&(&b.region, b.period_seconds, b)));
    sorted.dedup();
    sorted
        .chunk_by(|a, b| a.region == b.region && a.period_seconds == b.period_seconds)
        .flat_map(|alike| alike.chunks(QUERIES_MAX))
        .map(|queries| {
            let period = queries.first().map_or(1, |query| query.period_seconds);
            Batch { queries: queries.to_vec(), start: boundary(from, period), end: boundary(to, period) }
        })
        .collect()
}

impl Batch {
    pub(super) fn region(&self) -> Option<&str> {
        self.queries.first().and_then(|query| query.region.as_deref())
    }

    /// Whether no period begins in the time asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    pub(super) fn request(&self, client: &Client) -> GetMetricDataFluentBuilder {
        client
            .get_metric_data()
            .start_time(DateTime::from_secs(self.start))
            .end_time(DateTime::from_secs(self.end))
            .scan_by(ScanBy::TimestampAscending)
            .set_metric_data_queries(Some(self.queries.iter().enumerate().map(data_query).collect()))
    }
}

/// The position in [`Batch::queries`] that an id stands for.
pub(super) fn position(id: &str) -> Option<usize> {
    id.strip_prefix('q')?.parse().ok()
}

/// The first beginning of a period at or after the time. CloudWatch's periods begin at multiples of their length,
/// and it answers fastest when asked for whole ones (same page).
fn boundary(at: Timestamp, period_seconds: u32) -> i64 {
    let period = i64::from(period_seconds.max(1));
    let whole = at.as_second().div_euclid(period) * period;
    if at.as_second() == whole && at.subsec_nanosecond() == 0 { whole } else { whole + period }
}

fn data_query((position, query): (usize, &MetricQuery)) -> MetricDataQuery {
    let dimensions = query
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let metric = Metric::builder()
        .namespace(&query.namespace)
        .metric_name(&query.metric)
        .set_dimensions(Some(dimensions))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(i32::try_from(query.period_seconds).unwrap_or(i32::MAX))
        .stat(query.statistic.name())
        .build();
    MetricDataQuery::builder().id(format!("q{position}")).metric_stat(stat).return_data(true).build()
}
