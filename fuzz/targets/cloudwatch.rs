//! Whatever CloudWatch answers: what is not there never looks like an empty series.

#![no_main]

#[path = "stub.rs"]
mod stub;

use aws_config::Region;
use aws_sdk_cloudwatch::config::Builder;
use crossfade_aws::CloudWatch;
use crossfade_core::gate::{Point, queries};
use crossfade_ports::Metrics;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const SOURCE: &str = r#"{"preset":"alb","load_balancer":"app/cloud/1"}"#;

fuzz_target!(|data: &[u8]| {
    let [status, body @ ..] = data else { return };
    let config = stub::answering(*status, ("smithy-protocol", "rpc-v2-cbor"), body);
    let cloudwatch = CloudWatch::new(Builder::from(&config), Region::from_static("eu-west-3"));
    let queries = queries(&serde_json::from_str(SOURCE).expect("a source"));
    let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(3_600).expect("an instant"));
    let read = stub::run(cloudwatch.read(&queries, from, to));
    assert_eq!(read.len(), queries.len());
    for series in read.values() {
        let within = |point: &Point| (from..to).contains(&point.at);
        assert!(series.points.iter().all(within) && series.points.is_sorted_by(|a, b| a.at < b.at));
    }
});
