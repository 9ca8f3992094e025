//! The states of alarms, by `DescribeAlarms`.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>: composite alarms are
//! given only where they are asked for, and a name that there is no alarm of is left out without a word.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    Client,
    types::{AlarmType, CompositeAlarm, MetricAlarm, StateValue},
};
use aws_smithy_types::DateTime;
use crossfade_core::gate::{AlarmQuery, AlarmReading, AlarmState};
use jiff::Timestamp;

use crate::{call::observed, failure::Failure};

/// The most names that one request takes, and the most alarms that one page of the answer holds.
const NAMES_MAX: usize = 100;

/// Names are unique among the alarms of a region, so that one page holds them all; a few more are a service's whim.
const PAGES_MAX: usize = 5;

/// Alarms of one region, asked for together.
pub(super) struct Batch(Vec<AlarmQuery>);

/// Every query is in one batch, once.
pub(super) fn batches(queries: &[AlarmQuery]) -> Vec<Batch> {
    let mut sorted = queries.to_vec();
    sorted.sort();
    sorted.dedup();
    sorted
        .chunk_by(|a, b| a.region == b.region)
        .flat_map(|alike| alike.chunks(NAMES_MAX))
        .map(|queries| Batch(queries.to_vec()))
        .collect()
}

impl Batch {
    pub(super) fn region(&self) -> Option<&str> {
        self.0.first().and_then(|query| query.region.as_deref())
    }
}

pub(super) async fn read(client: Client, Batch(queries): Batch) -> Vec<(AlarmQuery, AlarmReading)> {
    let mut found = BTreeMap::new();
    let failure = all_pages(&client, &queries, &mut found).await.err();
    let reading = |query: &AlarmQuery| match (found.remove(&query.name), &failure) {
        (Some(reading), _) => reading,
        (None, Some(why)) => AlarmReading::Unreadable(why.clone()),
        (None, None) => AlarmReading::NoSuchAlarm,
    };
    let mut reading = reading;
    queries.iter().map(|query| (query.clone(), reading(query))).collect()
}

/// Puts what is on every page into `found`; or says why not all pages could be read.
async fn all_pages(
    client: &Client,
    queries: &[AlarmQuery],
    found: &mut BTreeMap<String, AlarmReading>,
) -> Result<(), String> {
    let names: Vec<String> = queries.iter().map(|query| query.name.clone()).collect();
    let mut token: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let call = client
            .describe_alarms()
            .set_alarm_names(Some(names.clone()))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .max_records(i32::try_from(NAMES_MAX).unwrap_or(i32::MAX))
            .set_next_token(token.take());
        let page =
            observed("DescribeAlarms", call.send()).await.map_err(|error| Failure::of(&error, true).text)?;
        for alarm in page.metric_alarms() {
            found.extend(alarm.alarm_name().map(|name| (name.to_owned(), of_metric(alarm))));
        }
        for alarm in page.composite_alarms() {
            found.extend(alarm.alarm_name().map(|name| (name.to_owned(), of_composite(alarm))));
        }
        match page.next_token() {
            None | Some("") => return Ok(()),
            Some(next) => token = Some(next.to_owned()),
        }
    }
    Err(format!("CloudWatch gave more than {PAGES_MAX} pages"))
}

fn of_metric(alarm: &MetricAlarm) -> AlarmReading {
    let since = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
    let doubt = alarm.evaluation_state().map(|state| state.as_str().to_owned());
    reading(alarm.state_value(), since, alarm.state_reason(), doubt)
}

fn of_composite(alarm: &CompositeAlarm) -> AlarmReading {
    let since = alarm.state_transitioned_timestamp().or(alarm.state_updated_timestamp());
    reading(alarm.state_value(), since, alarm.state_reason(), None)
}

fn reading(
    state: Option<&StateValue>,
    since: Option<&DateTime>,
    reason: Option<&str>,
    doubt: Option<String>,
) -> AlarmReading {
    let state = match state {
        Some(StateValue::Ok) => AlarmState::Ok,
        Some(StateValue::Alarm) => AlarmState::Alarm,
        Some(StateValue::InsufficientData) => AlarmState::InsufficientData,
        Some(other) => return AlarmReading::Unreadable(format!("it has the state {}", other.as_str())),
        None => return AlarmReading::Unreadable("CloudWatch gave no state".to_owned()),
    };
    let since =
        since.and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)).ok());
    let reason = reason.filter(|reason| !reason.is_empty()).map(str::to_owned);
    AlarmReading::Found { state, since, reason, doubt }
}
