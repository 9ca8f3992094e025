//! What the counters of each preset come to.

use std::collections::BTreeMap;

use super::minutes_ago;
use crate::{
    gate::{MetricQuery, Period, Point, Timing, latency_queries, periods, queries, timings},
    plan::{Percentile, Source},
};

fn source(json: &str) -> Source {
    serde_json::from_str(json).unwrap()
}

/// The same values for every query whose metric and statistic are named, ten minutes ago and later, one a minute.
fn series(
    queries: &[MetricQuery],
    values: &[(&str, &str, &[Option<f64>])],
) -> BTreeMap<MetricQuery, Vec<Point>> {
    let found = |query: &MetricQuery| {
        let of = |(metric, statistic, _): &&(&str, &str, &[Option<f64>])| {
            *metric == query.metric && *statistic == query.statistic.name()
        };
        let values = values.iter().find(of).map(|(.., values)| *values).unwrap_or_default();
        let points = (0..)
            .zip(values)
            .filter_map(|(n, value)| Some(Point { at: minutes_ago(10 - n), value: (*value)? }));
        points.collect()
    };
    queries.iter().map(|query| (query.clone(), found(query))).collect()
}

#[test]
fn every_preset_names_its_series() {
    let mut lines = Vec::new();
    for json in [
        r#"{"preset":"alb","load_balancer":"app/cloud/1"}"#,
        r#"{"preset":"nlb","load_balancer":"net/cloud/1","region":"eu-west-1"}"#,
        r#"{"preset":"classic-elb","load_balancer":"cloud"}"#,
        r#"{"preset":"cloudfront","distribution":"E1"}"#,
        r#"{"preset":"api-gateway-rest","api_name":"orders","stage":"prod"}"#,
        r#"{"preset":"api-gateway-http","api_id":"a1b2"}"#,
        r#"{"preset":"custom","namespace":"Web","errors":["E"],"requests":["R"],"latency":"L","unit":"s"}"#,
    ] {
        let source = source(json);
        for query in queries(&source).into_iter().chain(latency_queries(&source, Percentile::default())) {
            let MetricQuery { region, namespace, metric, dimensions, period_seconds, statistic, provider: _ } =
                query;
            let region = region.unwrap_or_else(|| "-".to_owned());
            lines.push(format!(
                "{region} {namespace} {metric} {} {period_seconds}s {dimensions:?}",
                statistic.name()
            ));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn sparse_counters_are_zero_where_there_are_requests() {
    let elb = source(r#"{"preset":"classic-elb","load_balancer":"cloud"}"#);
    let values = [
        ("RequestCount", "Sum", &[Some(100.0), Some(100.0), None][..]),
        ("HTTPCode_Backend_5XX", "Sum", &[Some(2.0), None, None][..]),
        ("HTTPCode_ELB_5XX", "Sum", &[Some(3.0), None, Some(7.0)][..]),
    ];
    let counted = |minute, requests, errors| Period { start: minutes_ago(minute), requests, errors };
    assert_eq!(
        periods(&elb, &series(&queries(&elb), &values)),
        [
            counted(10, Some(103), Some(5)),
            counted(9, Some(100), None),
            // No request found a target, and the load balancer's own answers are all there is.
            counted(8, Some(7), Some(7)),
        ]
    );
}

#[test]
fn where_zeros_are_published_a_missing_counter_is_a_missing_period() {
    let api = source(r#"{"preset":"api-gateway-http","api_id":"a1b2"}"#);
    let values = [
        ("Count", "SampleCount", &[Some(100.0), Some(100.0), None][..]),
        ("5xx", "Sum", &[Some(0.0), None, Some(4.0)][..]),
    ];
    let counted = |minute, requests, errors| Period { start: minutes_ago(minute), requests, errors };
    assert_eq!(
        periods(&api, &series(&queries(&api), &values)),
        [counted(10, Some(100), Some(0)), counted(8, None, Some(4))]
    );
}

#[test]
fn percentages_become_counts() {
    let cdn = source(r#"{"preset":"cloudfront","distribution":"E1"}"#);
    let values = [
        ("Requests", "Sum", &[Some(2_000.0), Some(2_000.0), Some(2_000.0), None][..]),
        ("5xxErrorRate", "Average", &[Some(0.0), Some(2.5), None, Some(9.0)][..]),
    ];
    let counted = |minute, requests, errors| Period { start: minutes_ago(minute), requests, errors };
    assert_eq!(
        periods(&cdn, &series(&queries(&cdn), &values)),
        [counted(10, Some(2_000), Some(0)), counted(9, Some(2_000), Some(50))]
    );
}

#[test]
fn latencies_are_in_seconds_and_have_samples() {
    let p99 = Percentile::default();
    for (json, metric, unit) in [
        (r#"{"preset":"alb","load_balancer":"app/cloud/1"}"#, "TargetResponseTime", 1.0),
        (r#"{"preset":"api-gateway-rest","api_name":"orders"}"#, "Latency", 0.001),
        (r#"{"preset":"custom","namespace":"Web","latency":"L","unit":"s"}"#, "L", 1.0),
        (r#"{"preset":"custom","namespace":"Web","latency":"L"}"#, "L", 0.001),
    ] {
        let source = source(json);
        let values = [
            (metric, "p99", &[Some(2.0), Some(3.0), Some(-1.0), None][..]),
            (metric, "SampleCount", &[Some(50.0), None, Some(50.0), Some(50.0)][..]),
        ];
        let found = timings(&source, p99, &series(&latency_queries(&source, p99), &values));
        assert_eq!(found, [Timing { start: minutes_ago(10), seconds: 2.0 * unit, samples: 50 }], "{json}");
    }
}
