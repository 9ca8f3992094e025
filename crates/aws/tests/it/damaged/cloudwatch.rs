//! A series is complete only where the answer says so of it and is readable to its end; and each of its points stands
//! there.

use aws_config::Region;
use aws_sdk_cloudwatch::config::Builder;
use crossfade_aws::CloudWatch;
use crossfade_core::gate::{Point, queries};
use crossfade_ports::{Metrics, Series};
use jiff::Timestamp;
use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};

use super::{Answer, cbor::Value, config, damaged, runtime};

const SOURCE: &str = r#"{ "preset": "alb", "load_balancer": "app/cloud/1" }"#;
const HOUR: i64 = 3_600;

#[test]
fn a_damaged_answer_of_cloudwatch_is_never_complete() {
    let runtime = runtime();
    let mut complete = 0;
    let answers = damaged("cloudwatch", ("smithy-protocol", "rpc-v2-cbor"));
    let outcome = TestRunner::new(config()).run(&answers, |(_, _, answer)| {
        let read = runtime.block_on(read(&answer));
        let told = if answer.is_success() { Value::parse(&answer.body) } else { None };
        for (position, series) in read.iter().enumerate() {
            judge(series, told.as_ref(), position)?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // What is not damaged is complete: the property is not kept by calling nothing so.
    for (name, seed) in super::seeds("cloudwatch") {
        let header = ("smithy-protocol", "rpc-v2-cbor");
        let answer = Answer { status: 200, header, body: seed[1..].to_vec() };
        let series = runtime.block_on(read(&answer));
        complete += series.iter().filter(|series| series.incomplete.is_none()).count();
        assert!(name != "complete" || series.iter().all(|series| series.points.len() == 5), "{series:?}");
    }
    assert!(complete >= 4, "{complete} complete series");
}

/// The series in the order of their ids.
async fn read(answer: &Answer) -> Vec<Series> {
    let cloudwatch = CloudWatch::new(Builder::from(&answer.config()), Region::from_static("eu-west-3"));
    let queries = queries(&serde_json::from_str(SOURCE).unwrap());
    let read = cloudwatch.read(&queries, at(0), at(HOUR)).await;
    assert_eq!(read.len(), queries.len());
    read.into_values().collect()
}

/// Compares a series with what the second reader makes of the answer; `None` if nothing.
fn judge(series: &Series, told: Option<&Value>, position: usize) -> Result<(), TestCaseError> {
    let id = format!("q{position}");
    let results = told.map_or(&[][..], |told| told.list("MetricDataResults"));
    let results: Vec<&Value> = results.iter().filter(|result| result.text("Id") == Some(&id)).collect();
    let points: Vec<(f64, f64)> = results.iter().flat_map(|result| pairs(result)).collect();

    prop_assert!(series.points.is_sorted_by(|a, b| a.at < b.at), "{series:?}");
    for Point { at, value } in &series.points {
        prop_assert!((0..HOUR).contains(&at.as_second()), "{at}");
        let stands = |(time, told): &(f64, f64)| same(*time, *at) && told.to_bits() == value.to_bits();
        prop_assert!(points.iter().any(stands), "{at} {value} is made up: {points:?}");
    }
    if series.incomplete.is_some() {
        return Ok(());
    }
    let Some(told) = told else { return Err(TestCaseError::fail("complete, of what cannot be read")) };
    prop_assert!(told.list("Messages").is_empty() && told.text("NextToken").unwrap_or_default().is_empty());
    let status = results.last().and_then(|result| result.text("StatusCode"));
    prop_assert_eq!(status, Some("Complete"));
    for result in results {
        prop_assert!(matches!(result.text("StatusCode"), Some("Complete" | "PartialData")));
        prop_assert!(result.list("Messages").is_empty());
        prop_assert_eq!(result.list("Timestamps").len(), result.list("Values").len());
    }
    for (time, _) in points.iter().filter(|(time, _)| (0.0..(HOUR - 1) as f64).contains(time)) {
        let there = series.points.iter().any(|point| same(*time, point.at));
        prop_assert!(there, "the point at {time} is lost, and nobody says so");
    }
    Ok(())
}

fn pairs(result: &Value) -> Vec<(f64, f64)> {
    let times = result.list("Timestamps").iter();
    let both = times.zip(result.list("Values")).filter_map(|pair| match pair {
        (Value::Time(time), Value::Number(value)) => Some((*time, *value)),
        _ => None,
    });
    both.collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// CloudWatch's times are read to the millisecond.
fn same(seconds: f64, at: Timestamp) -> bool {
    (at.as_duration().as_secs_f64() - seconds).abs() < 0.002
}
