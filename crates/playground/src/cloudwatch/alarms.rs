//! Alarms, as far as they can be read: they are set by hand, never evaluated.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::error::ApiError;
use super::value::Value;
use crate::clock::UnixSeconds;
use crate::world::State;

/// What is known of each alarm, by name.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    alarms: BTreeMap<String, Alarm>,
}

#[derive(Debug)]
struct Alarm {
    definition: BTreeMap<String, Value>,
    state: String,
    reason: String,
    updated_at: UnixSeconds,
}

const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

impl Alarms {
    /// Sets the state, creating the alarm where there is none.
    pub(crate) fn set(&mut self, name: &str, state: &str, reason: &str, now: UnixSeconds) {
        let alarm = self.alarms.entry(name.to_owned()).or_insert_with(|| Alarm {
            definition: BTreeMap::from([("AlarmName".to_owned(), Value::text(name))]),
            state: String::new(),
            reason: String::new(),
            updated_at: now,
        });
        alarm.state = state.to_owned();
        alarm.reason = reason.to_owned();
        alarm.updated_at = now;
    }
}

pub(crate) fn put_metric_alarm(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let name = input.required_str("AlarmName")?;
    let Value::Map(definition) = input else { return Err(ApiError::missing("AlarmName")) };
    let now = state.clock.unix();
    let alarm = state.alarms.alarms.entry(name.to_owned()).or_insert_with(|| Alarm {
        definition: BTreeMap::new(),
        state: "INSUFFICIENT_DATA".to_owned(),
        reason: "Unchecked: Initial alarm creation".to_owned(),
        updated_at: now,
    });
    alarm.definition = definition.clone();
    alarm.definition.remove("Tags");
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
    if !state.alarms.alarms.contains_key(name) {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            "ResourceNotFound",
            format!("The alarm {name} does not exist"),
        ));
    }
    let now = state.clock.unix();
    state.alarms.set(name, value, reason, now);
    Ok(Value::Map(BTreeMap::new()))
}

/// Metric alarms only: there are no composite ones here. Unknown names are silently absent, as in the real service.
pub(crate) fn describe_alarms(state: &State, input: &Value) -> Result<Value, ApiError> {
    let names = input.list_at("AlarmNames")?;
    if names.len() > 100 {
        return Err(ApiError::validation("The collection AlarmNames must not have a size greater than 100."));
    }
    let prefix = input.str_at("AlarmNamePrefix")?;
    let wanted_state = input.str_at("StateValue")?;
    let types = input.list_at("AlarmTypes")?;
    let metric_alarms = types.is_empty() || types.contains(&Value::text("MetricAlarm"));
    let found: Vec<Value> = state
        .alarms
        .alarms
        .iter()
        .filter(|_| metric_alarms)
        .filter(|(name, _)| names.is_empty() || names.contains(&Value::text(name.as_str())))
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| wanted_state.is_none_or(|wanted| wanted == alarm.state))
        .map(|(name, alarm)| described(name, alarm))
        .collect();
    Ok(Value::structure([
        ("MetricAlarms", Some(Value::List(found))),
        ("CompositeAlarms", Some(Value::List(Vec::new()))),
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
    members.insert("StateTransitionedTimestamp".to_owned(), Value::Time(alarm.updated_at));
    Value::Map(members)
}
