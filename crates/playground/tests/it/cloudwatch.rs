//! CloudWatch as it is on the wire of awsJson1.0, where every byte can be read.

use serde_json::{Value, json};

use crate::support::{immediate, send};

fn query(id: &str) -> Value {
    let metric = json!({ "Namespace": "App", "MetricName": "Requests" });
    json!({ "Id": id, "MetricStat": { "Metric": metric, "Period": 60, "Stat": "Sum" } })
}

fn request(queries: &[Value]) -> Value {
    json!({ "MetricDataQueries": queries, "StartTime": 600, "EndTime": 1200 })
}

fn with(mut request: Value, path: &str, value: Value) -> Value {
    *request.pointer_mut(path).expect("the path exists") = value;
    request
}

/// Sends one request and compares the error; no type means it must be accepted.
async fn check(what: &str, operation: &str, body: Value, status: u16, shape: &str, text: &str) {
    let playground = immediate().await;
    let headers = format!(
        "x-amz-target: GraniteServiceVersion20100801.{operation}\r\ncontent-type: application/x-amz-json-1.0\r\n"
    );
    let answer =
        send(&playground, "POST", "/", &headers, body.to_string().as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    if status != 200 {
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error["__type"], json!(format!("com.amazonaws.cloudwatch#{shape}")), "{what}");
        assert!(error["message"].as_str().unwrap().contains(text), "{what}: {error}");
    }
    assert_eq!(playground.world().calls()[operation], 1, "{what}");
}

#[tokio::test]
async fn reading_is_checked() {
    let one = || request(&[query("a")]);
    let many: Vec<Value> = (0..501).map(|index| query(&format!("q{index}"))).collect();
    let period = |seconds: i64| with(one(), "/MetricDataQueries/0/MetricStat/Period", json!(seconds));
    let mut paged = one();
    paged["MaxDatapoints"] = json!(0);
    let mut token = one();
    token["NextToken"] = json!("made up");
    let mut both = one();
    both["MetricDataQueries"][0]["Expression"] = json!("a");
    for (what, body, status, shape, text) in [
        ("good", one(), 200, "", ""),
        ("500 queries", request(&many[..500]), 200, "", ""),
        ("one more", request(&many), 400, "ValidationError", "size greater than 500"),
        ("none", request(&[]), 400, "MissingRequiredParameterException", "MetricDataQueries"),
        ("one second", period(1), 200, "", ""),
        ("seven seconds", period(7), 400, "ValidationError", "multiple of 60"),
        ("ninety seconds", period(90), 400, "ValidationError", "multiple of 60"),
        (
            "no time at all",
            with(one(), "/EndTime", json!(600)),
            400,
            "ValidationError",
            "StartTime must be less",
        ),
        (
            "no start",
            with(one(), "/StartTime", Value::Null),
            400,
            "MissingRequiredParameterException",
            "StartTime",
        ),
        ("a capital id", request(&[query("A")]), 400, "ValidationError", "expected pattern"),
        ("an id twice", request(&[query("a"), query("a")]), 400, "ValidationError", "not unique"),
        ("no datapoints wanted", paged, 400, "ValidationError", "MaxDatapoints"),
        ("a made-up token", token, 400, "InvalidNextToken", "Invalid next token"),
        ("metric and expression", both, 400, "ValidationError", "not both"),
        (
            "a wrong type",
            with(one(), "/MetricDataQueries/0/Id", json!(7)),
            400,
            "ValidationError",
            "must be a string",
        ),
    ] {
        check(what, "GetMetricData", body, status, shape, text).await;
    }
}

#[tokio::test]
async fn writing_is_checked() {
    let put = |datum: Value| json!({ "Namespace": "App", "MetricData": [datum] });
    let good = json!({ "MetricName": "M", "Value": 1 });
    let summary = |count: i64| json!({ "SampleCount": count, "Sum": 3, "Minimum": 1, "Maximum": 2 });
    for (what, body, status, shape, text) in [
        ("a value", put(good.clone()), 200, "", ""),
        ("values", put(json!({ "MetricName": "M", "Values": [1, 2], "Counts": [3, 4] })), 200, "", ""),
        ("a summary", put(json!({ "MetricName": "M", "StatisticValues": summary(2) })), 200, "", ""),
        (
            "an empty summary",
            put(json!({ "MetricName": "M", "StatisticValues": summary(0) })),
            400,
            "InvalidParameterValueException",
            "SampleCount",
        ),
        (
            "uneven counts",
            put(json!({ "MetricName": "M", "Values": [1, 2], "Counts": [3] })),
            400,
            "InvalidParameterValueException",
            "same size",
        ),
        (
            "nothing",
            put(json!({ "MetricName": "M" })),
            400,
            "InvalidParameterCombinationException",
            "Exactly one",
        ),
        (
            "too old",
            put(json!({ "MetricName": "M", "Value": 1, "Timestamp": 1000 })),
            400,
            "InvalidParameterValueException",
            "two weeks",
        ),
        (
            "no namespace",
            with(put(good.clone()), "/Namespace", Value::Null),
            400,
            "MissingRequiredParameterException",
            "Namespace",
        ),
        (
            "AWS's namespace",
            with(put(good), "/Namespace", json!("AWS/ApplicationELB")),
            400,
            "InvalidParameterValueException",
            "Namespace",
        ),
    ] {
        check(what, "PutMetricData", body, status, shape, text).await;
    }
    check("another operation", "GetDashboard", json!({}), 404, "UnknownOperationException", "not emulated")
        .await;
}

#[tokio::test]
async fn what_is_not_cloudwatch_is_told_so() {
    let playground = immediate().await;
    let path = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    let cbor = "smithy-protocol: rpc-v2-cbor\r\n";
    for (what, path, headers, body, status) in [
        ("CBOR", path, cbor, &b"\xbf\xff"[..], 200),
        ("an empty body", path, cbor, b"", 200),
        ("no protocol", path, "", b"\xbf\xff", 404),
        ("no CBOR", path, cbor, b"\xff", 400),
        ("another service", "/service/Other/operation/ListMetrics", cbor, b"", 404),
        ("nothing", "/", "", b"", 404),
    ] {
        let answer = send(&playground, "POST", path, headers, body).await.expect("an answer");
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
    }
}
