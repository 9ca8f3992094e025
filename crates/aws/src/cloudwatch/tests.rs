//! What the pages of an answer add up to; and when a request is made for which time.

use aws_sdk_cloudwatch::{
    operation::get_metric_data::GetMetricDataOutput,
    types::{MessageData, MetricDataResult, StatusCode},
};
use aws_smithy_types::DateTime;
use crossfade_core::gate::{MetricQuery, Point, Provider};
use crossfade_ports::Series;
use jiff::Timestamp;

use super::{answer::Answers, request::batches};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn result(id: &str, status: Option<&str>, points: &[(i64, f64)]) -> MetricDataResult {
    MetricDataResult::builder()
        .id(id)
        .set_status_code(status.map(StatusCode::from))
        .set_timestamps(Some(points.iter().map(|(at, _)| DateTime::from_secs(*at)).collect()))
        .set_values(Some(points.iter().map(|(_, value)| *value).collect()))
        .build()
}

fn page(results: Vec<MetricDataResult>) -> GetMetricDataOutput {
    GetMetricDataOutput::builder().set_metric_data_results(Some(results)).build()
}

/// What one query (the first) becomes after these pages.
fn series(pages: &[GetMetricDataOutput], broken_off: Option<&str>) -> Series {
    let mut answers = Answers::new(2, at(0), at(600));
    pages.iter().for_each(|page| answers.add(page));
    answers.finish(broken_off).swap_remove(0)
}

fn points(points: &[(i64, f64)]) -> Vec<Point> {
    points.iter().map(|(second, sum)| Point { at: at(*second), value: *sum }).collect()
}

#[test]
fn pages_add_up_and_the_last_status_counts() {
    let pages = [
        page(vec![result("q0", Some("PartialData"), &[(0, 1.0), (60, 2.0)])]),
        page(vec![result("q1", Some("Complete"), &[(0, 9.0)])]),
        page(vec![result("q0", Some("Complete"), &[(60, 3.0), (120, 4.0)])]),
    ];
    let all = Series { points: points(&[(0, 1.0), (60, 3.0), (120, 4.0)]), incomplete: None };
    assert_eq!(series(&pages, None), all);
    let cut = series(&pages[..1], None);
    assert_eq!(cut.points, points(&[(0, 1.0), (60, 2.0)]));
    assert_eq!(cut.incomplete.as_deref(), Some("CloudWatch gave only a part of the data"));
}

#[test]
fn points_are_sorted_and_of_the_time_asked_for() {
    let mixed = [(600, 9.0), (120, 2.0), (0, 1.0), (-60, 9.0), (120, 3.0)];
    let series = series(&[page(vec![result("q0", Some("Complete"), &mixed)])], None);
    assert_eq!(series, Series { points: points(&[(0, 1.0), (120, 3.0)]), incomplete: None });
}

#[test]
fn whatever_is_odd_makes_a_series_incomplete() {
    let message = |code: &str, value: &str| MessageData::builder().code(code).value(value).build();
    let complete = || result("q0", Some("Complete"), &[(0, 1.0)]);
    let mut told = complete();
    told.messages = Some(vec![message("Warned", "of something")]);
    let mut uneven = complete();
    uneven.values = Some(Vec::new());
    let mut whole = page(vec![complete()]);
    whole.messages = Some(vec![message("MaxMetricsExceeded", "too many")]);
    let cases = [
        ("no result", page(vec![result("q1", Some("Complete"), &[])]), "no answer to this query"),
        ("another id", page(vec![result("x0", Some("Complete"), &[])]), "no answer to this query"),
        ("forbidden", page(vec![result("q0", Some("Forbidden"), &[])]), "status Forbidden"),
        ("internal", page(vec![result("q0", Some("InternalError"), &[])]), "status InternalError"),
        ("a new status", page(vec![result("q0", Some("Novel"), &[])]), "status Novel"),
        ("no status", page(vec![result("q0", None, &[])]), "no status"),
        ("a message", page(vec![told]), "Warned: of something"),
        ("a message about all", whole, "MaxMetricsExceeded: too many"),
        ("times without values", page(vec![uneven]), "without a value"),
    ];
    for (name, page, why) in cases {
        let incomplete = series(&[page], None).incomplete.unwrap_or_default();
        assert!(incomplete.contains(why), "{name}: {incomplete:?}");
    }
    let later = [page(vec![result("q0", Some("InternalError"), &[])]), page(vec![complete()])];
    assert_eq!(series(&later, None).incomplete.as_deref(), Some("status InternalError"));
    let lost = series(&[page(vec![complete()])], Some("the connection was lost"));
    assert_eq!(lost.incomplete.as_deref(), Some("the connection was lost"));
}

#[test]
fn queries_are_batched_by_region_and_period_and_asked_once() {
    let query = |region: Option<&str>, metric: usize, period_seconds| MetricQuery {
        region: region.map(str::to_owned),
        namespace: "N".to_owned(),
        metric: format!("{metric}"),
        dimensions: Default::default(),
        period_seconds,
        statistic: Default::default(),
        provider: Provider::CloudWatch,
    };
    let mut queries: Vec<MetricQuery> = (0..501).map(|metric| query(None, metric, 60)).collect();
    queries.push(query(None, 0, 60));
    queries.push(query(None, 0, 300));
    queries.push(query(Some("eu-west-1"), 0, 60));
    let sizes: Vec<(Option<String>, usize)> = batches(&queries, at(0), at(600))
        .iter()
        .map(|batch| (batch.region().map(str::to_owned), batch.queries.len()))
        .collect();
    let eu = Some("eu-west-1".to_owned());
    assert_eq!(sizes, [(None, 500), (None, 1), (None, 1), (eu, 1)]);
}

#[test]
fn a_time_without_the_beginning_of_a_period_is_not_asked_for() {
    let query = MetricQuery {
        region: None,
        namespace: "N".to_owned(),
        metric: "M".to_owned(),
        dimensions: Default::default(),
        period_seconds: 60,
        statistic: Default::default(),
        provider: Provider::CloudWatch,
    };
    for (from, to, empty) in
        [(0, 60, false), (59, 61, false), (60, 60, true), (61, 119, true), (600, 0, true)]
    {
        let batches = batches(std::slice::from_ref(&query), at(from), at(to));
        assert_eq!(batches[0].is_empty(), empty, "{from} to {to}");
    }
}
