//! What both protocols carry.

use std::collections::BTreeMap;

use super::error::ApiError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// Seconds since the Unix epoch.
    Time(f64),
}

impl Value {
    /// A structure without its absent members.
    pub(crate) fn structure<const N: usize>(members: [(&str, Option<Value>); N]) -> Self {
        Self::Map(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A member that is present and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let Self::Map(members) = self else { return None };
        members.get(name).filter(|value| **value != Self::Null)
    }

    pub(crate) fn str_at(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Self::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    pub(crate) fn required_str(&self, name: &str) -> Result<&str, ApiError> {
        self.str_at(name)?.ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn list_at(&self, name: &str) -> Result<&[Value], ApiError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Self::List(items)) => Ok(items),
            Some(_) => Err(wrong_type(name, "a list")),
        }
    }

    pub(crate) fn int_at(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Self::Integer(value)) => Ok(Some(*value)),
            Some(Self::Float(value)) if value.fract() == 0.0 => Ok(Some(*value as i64)),
            Some(_) => Err(wrong_type(name, "an integer")),
        }
    }

    pub(crate) fn bool_at(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Self::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Map(_) | Self::Time(_) => None,
        }
    }

    pub(crate) fn number_at(&self, name: &str) -> Result<Option<f64>, ApiError> {
        self.get(name).map(|value| value.number().ok_or_else(|| wrong_type(name, "a number"))).transpose()
    }

    /// A timestamp: tagged in CBOR, a number of seconds or an ISO 8601 string in JSON.
    pub(crate) fn time_at(&self, name: &str) -> Result<Option<f64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Self::Time(seconds)) => Ok(Some(*seconds)),
            Some(Self::Text(text)) => text
                .parse::<jiff::Timestamp>()
                .map(|timestamp| Some(timestamp.as_millisecond() as f64 / 1000.0))
                .map_err(|_| wrong_type(name, "a timestamp")),
            Some(value) => value.number().map(Some).ok_or_else(|| wrong_type(name, "a timestamp")),
        }
    }

    /// The `Dimensions` member, by name.
    pub(crate) fn dimensions(&self) -> Result<super::Dimensions, ApiError> {
        self.list_at("Dimensions")?
            .iter()
            .map(|dimension| {
                Ok((dimension.required_str("Name")?.to_owned(), dimension.required_str("Value")?.to_owned()))
            })
            .collect()
    }
}

fn wrong_type(name: &str, wanted: &str) -> ApiError {
    ApiError::validation(format!("The parameter {name} must be {wanted}."))
}
