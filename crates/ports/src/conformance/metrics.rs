//! What every implementation of [`Metrics`] must do.
//!
//! A backend implements [`MetricsWorld`] and calls `metrics_suite!` with an expression that makes a fresh one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crossfade_core::gate::{MetricQuery, Point};
use jiff::{SignedDuration, Timestamp};

use crate::metrics::{Metrics, Series};

/// A backend, and what can be done to it from behind.
#[async_trait]
pub trait MetricsWorld: Send + Sync {
    fn metrics(&self) -> &dyn Metrics;

    /// The beginning of an hour, with at least four hours behind it that can be read.
    fn base(&self) -> Timestamp;

    /// Adds one value of a metric, which can be read at once. The query's period does not matter.
    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64);

    /// From now on every reading meets this fault.
    async fn fault(&self, fault: Fault);
}

/// What can happen to a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be read.
    Outage,
    /// Too many requests.
    Throttled,
    /// Not all of it is given.
    PartialData,
    /// These metrics are not for this account.
    Forbidden,
}

/// One named test for each case. The expression is awaited for a fresh [`MetricsWorld`] in each.
#[macro_export]
macro_rules! metrics_suite {
    (@cases $world:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::metrics::$case(&$world.await).await;
            }
        )+
    };
    ($world:expr) => {
        $crate::metrics_suite! { @cases $world;
            a_sparse_series_stays_sparse,
            values_of_a_period_are_summed_at_its_beginning,
            from_is_inclusive_and_to_is_exclusive,
            a_period_counts_where_it_begins,
            one_metric_is_read_by_two_periods,
            namespace_and_dimensions_tell_metrics_apart,
            an_unknown_metric_is_empty_and_complete,
            nothing_asked_is_nothing_answered,
            more_queries_than_fit_into_a_request_are_all_answered,
            more_datapoints_than_fit_into_a_page_are_all_read,
            two_regions_are_both_read,
            an_outage_is_never_an_empty_series,
            a_throttled_reading_is_never_an_empty_series,
            partial_data_says_so,
            forbidden_data_says_so,
        }
    };
}

pub async fn a_sparse_series_stays_sparse(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for (minutes, value) in [(1, 4.0), (2, 0.0), (7, 2.5)] {
        world.put(&query, after(world, minutes * 60), value).await;
    }
    let series = read(world, &query, 0, 600).await;
    assert_eq!(series, complete(world, &[(60, 4.0), (120, 0.0), (420, 2.5)]));
}

pub async fn values_of_a_period_are_summed_at_its_beginning(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for (seconds, value) in [(60, 1.0), (61, 2.0), (119, 4.0), (120, 8.0)] {
        world.put(&query, after(world, seconds), value).await;
    }
    assert_eq!(read(world, &query, 0, 600).await, complete(world, &[(60, 7.0), (120, 8.0)]));
}

pub async fn from_is_inclusive_and_to_is_exclusive(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for minute in 0..5 {
        world.put(&query, after(world, minute * 60), 1.0).await;
    }
    assert_eq!(read(world, &query, 60, 180).await, complete(world, &[(60, 1.0), (120, 1.0)]));
}

/// Also when the time asked for begins and ends in the middle of a period.
pub async fn a_period_counts_where_it_begins(world: &impl MetricsWorld) {
    let query = query("Requests", 300);
    for (seconds, value) in [(0, 1.0), (299, 1.0), (300, 2.0), (600, 4.0), (899, 4.0), (900, 8.0)] {
        world.put(&query, after(world, seconds), value).await;
    }
    assert_eq!(read(world, &query, 130, 710).await, complete(world, &[(300, 2.0), (600, 8.0)]));
}

pub async fn one_metric_is_read_by_two_periods(world: &impl MetricsWorld) {
    let (fine, coarse) = (query("Requests", 60), query("Requests", 300));
    for minute in 0..10 {
        world.put(&fine, after(world, minute * 60), 1.0).await;
    }
    let answers =
        world.metrics().read(&[coarse.clone(), fine.clone()], after(world, 0), after(world, 600)).await;
    let each: Vec<(i64, f64)> = (0..10).map(|minute| (minute * 60, 1.0)).collect();
    let expected =
        BTreeMap::from([(fine, complete(world, &each)), (coarse, complete(world, &[(0, 5.0), (300, 5.0)]))]);
    assert_eq!(answers, expected);
}

pub async fn namespace_and_dimensions_tell_metrics_apart(world: &impl MetricsWorld) {
    let plain = query("Requests", 60);
    let mut queries = vec![
        plain.clone(),
        MetricQuery { namespace: "Other".to_owned(), ..plain.clone() },
        MetricQuery { metric: "requests".to_owned(), ..plain.clone() },
        MetricQuery { dimensions: BTreeMap::new(), ..plain.clone() },
    ];
    let mut more = plain.dimensions.clone();
    more.insert("Zone".to_owned(), "b".to_owned());
    queries.push(MetricQuery { dimensions: more, ..plain });
    for (value, query) in (1_u32..).zip(&queries) {
        world.put(query, after(world, 60), f64::from(value)).await;
    }
    let answers = world.metrics().read(&queries, after(world, 0), after(world, 600)).await;
    for (value, query) in (1_u32..).zip(&queries) {
        assert_eq!(answers.get(query), Some(&complete(world, &[(60, f64::from(value))])), "{query:?}");
    }
}

pub async fn an_unknown_metric_is_empty_and_complete(world: &impl MetricsWorld) {
    assert_eq!(read(world, &query("NoSuchMetric", 60), 0, 600).await, Series::default());
}

pub async fn nothing_asked_is_nothing_answered(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    world.put(&query, after(world, 60), 1.0).await;
    assert!(world.metrics().read(&[], after(world, 0), after(world, 600)).await.is_empty());
    for (from, to) in [(60, 60), (600, 0), (61, 119)] {
        assert_eq!(read(world, &query, from, to).await, Series::default(), "{from} to {to}");
    }
}

pub async fn more_queries_than_fit_into_a_request_are_all_answered(world: &impl MetricsWorld) {
    let queries: Vec<MetricQuery> = (0..1_003).map(|n| query(&format!("Requests{n}"), 60)).collect();
    for (value, query) in (0_u32..).zip(&queries) {
        world.put(query, after(world, 60), f64::from(value)).await;
    }
    let answers = world.metrics().read(&queries, after(world, 0), after(world, 120)).await;
    assert_eq!(answers.len(), queries.len());
    for (value, query) in (0_u32..).zip(&queries) {
        assert_eq!(answers.get(query), Some(&complete(world, &[(60, f64::from(value))])), "{query:?}");
    }
}

pub async fn more_datapoints_than_fit_into_a_page_are_all_read(world: &impl MetricsWorld) {
    // CloudWatch gives 100,800 at once.
    let queries: Vec<MetricQuery> = (0..485).map(|n| query(&format!("Requests{n}"), 60)).collect();
    let each: Vec<(i64, f64)> =
        (0_i32..210).map(|minute| (i64::from(minute) * 60, f64::from(minute))).collect();
    for query in &queries {
        for (seconds, value) in &each {
            world.put(query, after(world, *seconds), *value).await;
        }
    }
    let answers = world.metrics().read(&queries, after(world, 0), after(world, 210 * 60)).await;
    let expected = complete(world, &each);
    for query in &queries {
        assert_eq!(answers.get(query), Some(&expected), "{query:?}");
    }
}

pub async fn two_regions_are_both_read(world: &impl MetricsWorld) {
    let here = query("Here", 60);
    let there = MetricQuery { region: Some("eu-west-1".to_owned()), ..query("There", 60) };
    world.put(&here, after(world, 60), 1.0).await;
    world.put(&there, after(world, 120), 2.0).await;
    let answers =
        world.metrics().read(&[here.clone(), there.clone()], after(world, 0), after(world, 600)).await;
    let expected =
        BTreeMap::from([(here, complete(world, &[(60, 1.0)])), (there, complete(world, &[(120, 2.0)]))]);
    assert_eq!(answers, expected);
}

pub async fn an_outage_is_never_an_empty_series(world: &impl MetricsWorld) {
    not_complete(world, Fault::Outage).await;
}

pub async fn a_throttled_reading_is_never_an_empty_series(world: &impl MetricsWorld) {
    not_complete(world, Fault::Throttled).await;
}

pub async fn partial_data_says_so(world: &impl MetricsWorld) {
    not_complete(world, Fault::PartialData).await;
}

pub async fn forbidden_data_says_so(world: &impl MetricsWorld) {
    not_complete(world, Fault::Forbidden).await;
}

/// Every query is answered, and says that it is not complete; also one that has no data.
async fn not_complete(world: &impl MetricsWorld, fault: Fault) {
    let queries = [query("Requests", 60), query("Errors", 60), query("Requests", 300)];
    for minute in 0..4 {
        world.put(&queries[0], after(world, minute * 60), 1.0).await;
    }
    world.fault(fault).await;
    let answers = world.metrics().read(&queries, after(world, 0), after(world, 600)).await;
    for query in &queries {
        match answers.get(query) {
            Some(Series { incomplete: Some(why), .. }) => assert!(!why.is_empty(), "{fault:?} says why"),
            other => panic!("{fault:?} became {other:?} for {query:?}"),
        }
    }
}

async fn read(world: &impl MetricsWorld, query: &MetricQuery, from: i64, to: i64) -> Series {
    let mut answers =
        world.metrics().read(std::slice::from_ref(query), after(world, from), after(world, to)).await;
    match answers.remove(query) {
        Some(series) => series,
        None => panic!("there is no answer for {query:?}"),
    }
}

fn query(metric: &str, period_seconds: u32) -> MetricQuery {
    MetricQuery {
        region: None,
        namespace: "Conformance".to_owned(),
        metric: metric.to_owned(),
        dimensions: BTreeMap::from([("Service".to_owned(), "www & more".to_owned())]),
        period_seconds,
    }
}

fn complete(world: &impl MetricsWorld, points: &[(i64, f64)]) -> Series {
    let points =
        points.iter().map(|(seconds, sum)| Point { at: after(world, *seconds), sum: *sum }).collect();
    Series { points, incomplete: None }
}

/// Seconds after the base. A suite's times are small, so the sum is always a time.
fn after(world: &impl MetricsWorld, seconds: i64) -> Timestamp {
    world.base().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or_default()
}
