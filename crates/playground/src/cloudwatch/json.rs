//! awsJson1.0: timestamps are numbers of seconds.

use super::value::Value;

pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return Some(Value::Map(Default::default()));
    }
    serde_json::from_slice::<serde_json::Value>(body).ok().map(read)
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    write(value).to_string().into_bytes()
}

fn read(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(value) => Value::Integer(value),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(read).collect()),
        serde_json::Value::Object(members) => {
            Value::Map(members.into_iter().map(|(name, member)| (name, read(member))).collect())
        }
    }
}

fn write(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) | Value::Time(value) => (*value).into(),
        Value::Text(text) => text.clone().into(),
        Value::List(items) => items.iter().map(write).collect(),
        Value::Map(members) => serde_json::Value::Object(
            members.iter().map(|(name, member)| (name.clone(), write(member))).collect(),
        ),
    }
}
