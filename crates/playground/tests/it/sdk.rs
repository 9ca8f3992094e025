//! The AWS SDK for Rust as the client: REST-XML for Route 53, RPC v2 CBOR for CloudWatch.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_cloudwatch as cloudwatch;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StatusCode,
};
use aws_sdk_route53 as route53;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, RrType,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::retry::RetryConfig;
use crossfade_playground::{BatchErrorForm, Fault, FaultKind, Options, Playground};

use crate::support::{NAME, held, immediate, start, with_group};

fn route53_of(playground: &Playground) -> route53::Client {
    let config = route53::Config::builder()
        .behavior_version(route53::config::BehaviorVersion::latest())
        .region(route53::config::Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(playground.aws_url())
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    route53::Client::from_conf(config)
}

fn cloudwatch_of(playground: &Playground) -> cloudwatch::Client {
    let config = cloudwatch::Config::builder()
        .behavior_version(cloudwatch::config::BehaviorVersion::latest())
        .region(cloudwatch::config::Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(playground.aws_url())
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    cloudwatch::Client::from_conf(config)
}

fn member(id: &str, weight: i64, address: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name(NAME)
        .r#type(RrType::A)
        .ttl(30)
        .set_identifier(id)
        .weight(weight)
        .resource_records(ResourceRecord::builder().value(address).build().unwrap())
        .build()
        .unwrap()
}

fn batch(changes: impl IntoIterator<Item = (ChangeAction, ResourceRecordSet)>) -> ChangeBatch {
    let changes = changes
        .into_iter()
        .map(|(action, set)| Change::builder().action(action).resource_record_set(set).build().unwrap())
        .collect();
    ChangeBatch::builder().comment("step 2").set_changes(Some(changes)).build().unwrap()
}

fn swap(from: i64, to: i64) -> ChangeBatch {
    batch([
        (ChangeAction::Delete, member("legacy", from, "192.0.2.10")),
        (ChangeAction::Delete, member("cloud", 100 - from, "198.51.100.10")),
        (ChangeAction::Create, member("legacy", to, "192.0.2.10")),
        (ChangeAction::Create, member("cloud", 100 - to, "198.51.100.10")),
    ])
}

#[tokio::test]
async fn a_step_is_written_followed_and_read_back() {
    let playground = held().await;
    let zone = with_group(&playground);
    let client = route53_of(&playground);
    let written = client
        .change_resource_record_sets()
        .hosted_zone_id(&zone)
        .change_batch(swap(90, 75))
        .send()
        .await
        .unwrap();
    let info = written.change_info().unwrap();
    assert_eq!((info.status(), info.comment()), (&ChangeStatus::Pending, Some("step 2")));
    playground.world().sync_now();
    let change = client.get_change().id(info.id()).send().await.unwrap();
    assert_eq!(change.change_info().unwrap().status(), &ChangeStatus::Insync);

    let listed = client
        .list_resource_record_sets()
        .hosted_zone_id(&zone)
        .start_record_name(NAME)
        .start_record_type(RrType::A)
        .send()
        .await
        .unwrap();
    let weights: Vec<_> = listed
        .resource_record_sets()
        .iter()
        .filter(|set| set.name() == "www.example.com.")
        .map(|set| (set.set_identifier().unwrap(), set.weight().unwrap()))
        .collect();
    assert_eq!(weights, [("cloud", 25), ("legacy", 75)]);
    assert!(!listed.is_truncated());

    // What was listed can be deleted as it is.
    let verbatim =
        batch(listed.resource_record_sets().iter().cloned().map(|set| (ChangeAction::Delete, set)));
    client.change_resource_record_sets().hosted_zone_id(&zone).change_batch(verbatim).send().await.unwrap();
    let zones = client.list_hosted_zones_by_name().dns_name("example.com").send().await.unwrap();
    assert_eq!(zones.hosted_zones()[0].id(), format!("/hostedzone/{zone}"));
}

#[tokio::test]
async fn refusals_are_typed_and_their_texts_readable() {
    for form in [BatchErrorForm::Bracketed, BatchErrorForm::Listed] {
        let playground = start(Options { batch_error_form: form, ..Options::default() }).await;
        let zone = with_group(&playground);
        let client = route53_of(&playground);
        let stale = client
            .change_resource_record_sets()
            .hosted_zone_id(&zone)
            .change_batch(swap(80, 75))
            .send()
            .await;
        let error = stale.unwrap_err().into_service_error();
        assert!(error.is_invalid_change_batch(), "{error:?}");
        let text = error.message().unwrap_or_default();
        assert!(text.contains("but the values provided do not match the current values"), "{text}");
        let route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError::InvalidChangeBatch(batch) = error else {
            panic!("another error");
        };
        assert_eq!(batch.messages().len(), if form == BatchErrorForm::Listed { 4 } else { 0 });

        let missing = client
            .change_resource_record_sets()
            .hosted_zone_id("ZNONE")
            .change_batch(swap(90, 75))
            .send()
            .await;
        assert!(missing.unwrap_err().into_service_error().is_no_such_hosted_zone());
        assert!(
            client
                .get_change()
                .id("CNONE")
                .send()
                .await
                .unwrap_err()
                .into_service_error()
                .is_no_such_change()
        );
        playground.world().arm(Fault::next(FaultKind::PriorRequestNotComplete));
        let busy = client
            .change_resource_record_sets()
            .hosted_zone_id(&zone)
            .change_batch(swap(90, 75))
            .send()
            .await;
        assert!(busy.unwrap_err().into_service_error().is_prior_request_not_complete());
        playground.world().arm(Fault::next(FaultKind::Throttle));
        let throttled = client.list_hosted_zones().send().await.unwrap_err().into_service_error();
        assert_eq!((throttled.code(), throttled.message()), (Some("Throttling"), Some("Rate exceeded")));
    }
}

#[tokio::test]
async fn a_lost_answer_is_a_dispatch_failure() {
    let playground = immediate().await;
    let zone = with_group(&playground);
    let client = route53_of(&playground);
    playground.world().arm(Fault::next(FaultKind::LostAfterApply));
    let lost =
        client.change_resource_record_sets().hosted_zone_id(&zone).change_batch(swap(90, 75)).send().await;
    let error = lost.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert_eq!(playground.world().weights(&zone, NAME, "A")["cloud"], 25);
}

fn query(id: &str, metric: &str, stat: &str) -> MetricDataQuery {
    let dimension = Dimension::builder().name("Endpoint").value("cloud").build();
    let metric = Metric::builder().namespace("App").metric_name(metric).dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}

#[tokio::test]
async fn metrics_go_in_and_come_out_in_cbor() {
    let playground = immediate().await;
    let client = cloudwatch_of(&playground);
    let minute = (playground.world().now_unix() as i64) / 60 * 60 - 600;
    let dimension = Dimension::builder().name("Endpoint").value("cloud").build();
    let data = [0, 1, 3].map(|index| {
        MetricDatum::builder()
            .metric_name("Requests")
            .dimensions(dimension.clone())
            .timestamp(DateTime::from_secs(minute + index * 60 + 5))
            .value(10.0 * (index + 1) as f64)
            .build()
    });
    client.put_metric_data().namespace("App").set_metric_data(Some(data.to_vec())).send().await.unwrap();
    // Above 10 KB the SDK compresses the body.
    let many = (0..900)
        .map(|index| MetricDatum::builder().metric_name(format!("Filler{index}")).value(1.0).build())
        .collect();
    client.put_metric_data().namespace("App").set_metric_data(Some(many)).send().await.unwrap();

    let read = |queries: Vec<MetricDataQuery>| {
        client
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(DateTime::from_secs(minute + 7))
            .end_time(DateTime::from_secs(minute + 600))
            .scan_by(ScanBy::TimestampAscending)
    };
    let answer = read(vec![query("requests", "Requests", "Sum"), query("errors", "Errors", "Sum")])
        .send()
        .await
        .unwrap();
    let [requests, errors] = answer.metric_data_results() else { panic!("two series") };
    assert_eq!(requests.values(), [10.0, 20.0, 40.0]);
    let timestamps: Vec<i64> = requests.timestamps().iter().map(DateTime::secs).collect();
    assert_eq!(timestamps, [minute, minute + 60, minute + 180]);
    assert_eq!((requests.label(), requests.status_code()), (Some("Requests"), Some(&StatusCode::Complete)));
    assert!(errors.values().is_empty() && answer.next_token().is_none());

    let page = read(vec![query("requests", "Requests", "Sum")]).max_datapoints(2).send().await.unwrap();
    assert_eq!(page.metric_data_results()[0].values(), [10.0, 20.0]);
    assert_eq!(page.metric_data_results()[0].status_code(), Some(&StatusCode::PartialData));
    let rest = read(vec![query("requests", "Requests", "Sum")])
        .max_datapoints(2)
        .set_next_token(page.next_token().map(str::to_owned))
        .send()
        .await
        .unwrap();
    assert_eq!(rest.metric_data_results()[0].values(), [40.0]);

    for (what, queries) in [
        ("two with one id", vec![query("a", "Requests", "Sum"), query("a", "Errors", "Sum")]),
        ("a bad id", vec![query("Requests", "Requests", "Sum")]),
        ("an unknown statistic", vec![query("a", "Requests", "Mode")]),
        (
            "metric math",
            vec![
                query("a", "Requests", "Sum"),
                MetricDataQuery::builder().id("e").expression("a * 2").build(),
            ],
        ),
    ] {
        let error = read(queries).send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some("ValidationError"), "{what}: {error:?}");
    }
    let same =
        vec![query("a", "Requests", "Sum"), MetricDataQuery::builder().id("e").expression("a").build()];
    assert_eq!(read(same).send().await.unwrap().metric_data_results()[1].values(), [10.0, 20.0, 40.0]);
}

#[tokio::test]
async fn cloudwatch_fails_as_it_is_told_to() {
    let playground = immediate().await;
    let world = playground.world();
    let client = cloudwatch_of(&playground);
    let minute = (playground.world().now_unix() as i64) / 60 * 60 - 600;
    for index in 0..4 {
        world.put_metric("App", "Requests", &[("Endpoint", "cloud")], (minute + index * 60) as f64, 1.0);
    }
    let read = || {
        client
            .get_metric_data()
            .metric_data_queries(query("a", "Requests", "Sum"))
            .start_time(DateTime::from_secs(minute))
            .end_time(DateTime::from_secs(minute + 600))
            .send()
    };
    assert_eq!(read().await.unwrap().metric_data_results()[0].values().len(), 4);
    for (kind, status, values) in [
        (FaultKind::Silence, StatusCode::Complete, 0),
        (FaultKind::PartialData, StatusCode::PartialData, 2),
        (FaultKind::Forbidden, StatusCode::Forbidden, 0),
        (FaultKind::SeriesInternalError, StatusCode::InternalError, 0),
        (FaultKind::LateMetrics { delay: Duration::from_secs(3_600) }, StatusCode::Complete, 0),
    ] {
        world.arm(Fault::next(kind.clone()));
        let answer = read().await.unwrap();
        let series = &answer.metric_data_results()[0];
        assert_eq!((series.status_code(), series.values().len()), (Some(&status), values), "{kind:?}");
    }
    for (kind, code) in [
        (FaultKind::Outage, "InternalServiceError"),
        (FaultKind::Throttle, "Throttling"),
        (FaultKind::AccessDenied, "AccessDenied"),
    ] {
        world.arm(Fault::next(kind.clone()));
        let error = read().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some(code), "{kind:?}: {error:?}");
    }
    world.arm(Fault::next(FaultKind::LostBeforeApply));
    assert!(read().await.unwrap_err().as_service_error().is_none());
    assert_eq!(read().await.unwrap().metric_data_results()[0].values().len(), 4);
}

#[tokio::test]
async fn alarms_can_be_read_and_set() {
    let playground = immediate().await;
    let client = cloudwatch_of(&playground);
    playground.world().set_alarm("latency", "ALARM");
    let found = client.describe_alarms().alarm_names("latency").alarm_names("unknown").send().await.unwrap();
    assert_eq!(found.metric_alarms().len(), 1);
    let alarm = &found.metric_alarms()[0];
    assert_eq!(alarm.state_value(), Some(&cloudwatch::types::StateValue::Alarm));
    assert!(alarm.state_updated_timestamp().is_some());
    client
        .set_alarm_state()
        .alarm_name("latency")
        .state_value(cloudwatch::types::StateValue::Ok)
        .state_reason("test")
        .send()
        .await
        .unwrap();
    let after = client.describe_alarms().send().await.unwrap();
    assert_eq!(after.metric_alarms()[0].state_value(), Some(&cloudwatch::types::StateValue::Ok));
    let unknown = client
        .set_alarm_state()
        .alarm_name("none")
        .state_value(cloudwatch::types::StateValue::Ok)
        .state_reason("test")
        .send()
        .await;
    assert!(unknown.unwrap_err().into_service_error().is_resource_not_found());
}
