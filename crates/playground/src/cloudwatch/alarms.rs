//! Alarms, as far as they can be read: they are set by hand, never evaluated.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::error::ApiError;
use super::value::Value;
use crate::clock::UnixSeconds;
use crate::world::State;

/// What is known of each alarm, by name. A name is one alarm, on a metric or composite.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    alarms: BTreeMap<String, Alarm>,
}

#[derive(Debug)]
struct Alarm {
    kind: Kind,
    definition: BTreeMap<String, Value>,
    state: String,
    reason: String,
    updated_at: UnixSeconds,
    /// When it last changed its state.
    transitioned_at: UnixSeconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Metric,
    Composite,
}

const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

/// DescribeAlarms' own bounds.
const MAX_NAMES: usize = 100;
const MAX_RECORDS: i64 = 100;
const USUAL_RECORDS: i64 = 50;

impl Alarms {
    /// Sets the state, creating the alarm where there is none.
    pub(crate) fn set(&mut self, name: &str, kind: Kind, state: &str, reason: &str, now: UnixSeconds) {
        let alarm = self.alarms.entry(name.to_owned()).or_insert_with(|| Alarm {
            kind,
            definition: BTreeMap::from([("AlarmName".to_owned(), Value::text(name))]),
            state: String::new(),
            reason: String::new(),
            updated_at: now,
            transitioned_at: now,
        });
        alarm.turn(state, reason, now);
    }

    fn define(&mut self, name: &str, kind: Kind, input: &Value, now: UnixSeconds) -> Result<(), ApiError> {
        let Value::Map(definition) = input else { return Err(ApiError::missing("AlarmName")) };
        let alarm = self.alarms.entry(name.to_owned()).or_insert_with(|| Alarm {
            kind,
            definition: BTreeMap::new(),
            state: "INSUFFICIENT_DATA".to_owned(),
            reason: "Unchecked: Initial alarm creation".to_owned(),
            updated_at: now,
            transitioned_at: now,
        });
        if alarm.kind != kind {
            return Err(ApiError::validation(format!("The alarm {name} exists, and is of another type.")));
        }
        alarm.definition = definition.clone();
        alarm.definition.remove("Tags");
        Ok(())
    }
}

impl Alarm {
    fn turn(&mut self, state: &str, reason: &str, now: UnixSeconds) {
        if self.state != state {
            self.transitioned_at = now;
        }
        self.state = state.to_owned();
        self.reason = reason.to_owned();
        self.updated_at = now;
    }
}

pub(crate) fn put_metric_alarm(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let name = input.required_str("AlarmName")?;
    let now = state.clock.unix();
    state.alarms.define(name, Kind::Metric, input, now)?;
    Ok(Value::Map(BTreeMap::new()))
}

/// The rule is kept and not evaluated.
pub(crate) fn put_composite_alarm(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let name = input.required_str("AlarmName")?;
    input.required_str("AlarmRule")?;
    let now = state.clock.unix();
    state.alarms.define(name, Kind::Composite, input, now)?;
    Ok(Value::Map(BTreeMap::new()))
}

pub(crate) fn set_alarm_state(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let name = input.required_str("AlarmName")?;
    let value = input.required_str("StateValue")?;
    let reason = input.required_str("StateReason")?;
    if !STATES.contains(&value) {
        return Err(ApiError::validation(format!(
            "The value {value} for parameter StateValue is not one of OK, ALARM, INSUFFICIENT_DATA."
        )));
    }
    let now = state.clock.unix();
    match state.alarms.alarms.get_mut(name) {
        Some(alarm) => alarm.turn(value, reason, now),
        None => {
            return Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "ResourceNotFound",
                format!("The alarm {name} does not exist"),
            ));
        }
    }
    Ok(Value::Map(BTreeMap::new()))
}

/// Composite alarms are given where they are asked for only; unknown names are silently absent, as in the real service.
pub(crate) fn describe_alarms(state: &State, input: &Value) -> Result<Value, ApiError> {
    let names = input.list_at("AlarmNames")?;
    if names.len() > MAX_NAMES {
        return Err(ApiError::validation(format!(
            "The collection AlarmNames must not have a size greater than {MAX_NAMES}."
        )));
    }
    let prefix = input.str_at("AlarmNamePrefix")?;
    if prefix.is_some() && !names.is_empty() {
        return Err(ApiError::combination("AlarmNames and AlarmNamePrefix cannot be given together."));
    }
    let wanted_state = input.str_at("StateValue")?;
    let most = input.int_at("MaxRecords")?.unwrap_or(USUAL_RECORDS);
    if !(1..=MAX_RECORDS).contains(&most) {
        return Err(ApiError::validation(format!("MaxRecords must be between 1 and {MAX_RECORDS}.")));
    }
    let most = usize::try_from(most).unwrap_or(1);
    let skip = input.str_at("NextToken")?.map(super::data::offset_of).transpose()?.unwrap_or(0);
    let types = input.list_at("AlarmTypes")?;
    let wanted_kind = |kind: Kind| match kind {
        Kind::Metric => types.is_empty() || types.contains(&Value::text("MetricAlarm")),
        Kind::Composite => types.contains(&Value::text("CompositeAlarm")),
    };
    let found: Vec<(&String, &Alarm)> = state
        .alarms
        .alarms
        .iter()
        .filter(|(_, alarm)| wanted_kind(alarm.kind))
        .filter(|(name, _)| names.is_empty() || names.contains(&Value::text(name.as_str())))
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| wanted_state.is_none_or(|wanted| wanted == alarm.state))
        .collect();
    let page: Vec<_> = found.iter().skip(skip).take(most).collect();
    let next = skip + page.len();
    let of = |kind: Kind| {
        let kind = page.iter().filter(|(_, alarm)| alarm.kind == kind);
        Value::List(kind.map(|(name, alarm)| described(name, alarm)).collect())
    };
    Ok(Value::structure([
        ("MetricAlarms", Some(of(Kind::Metric))),
        ("CompositeAlarms", Some(of(Kind::Composite))),
        ("NextToken", (next < found.len()).then(|| Value::text(format!("playground-{next}")))),
    ]))
}

fn described(name: &str, alarm: &Alarm) -> Value {
    let mut members = alarm.definition.clone();
    members.insert(
        "AlarmArn".to_owned(),
        Value::text(format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}")),
    );
    members.insert("StateValue".to_owned(), Value::text(&alarm.state));
    members.insert("StateReason".to_owned(), Value::text(&alarm.reason));
    members.insert("StateUpdatedTimestamp".to_owned(), Value::Time(alarm.updated_at));
    members.insert("StateTransitionedTimestamp".to_owned(), Value::Time(alarm.transitioned_at));
    Value::Map(members)
}
