//! GetMetricData, PutMetricData and ListMetrics.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::ApiError;
use super::metrics::{Measurement, MetricKey};
use super::query::{NamedQuery, queries};
use super::value::Value;
use crate::faults::FaultKind;
use crate::world::State;

const MAX_DATAPOINTS: i64 = 100_800;
const MAX_DATA: usize = 1_000;
/// Metrics in one answer of ListMetrics.
const LISTED: usize = 500;
const MAX_VALUES: usize = 150;
const MAX_DIMENSIONS: usize = 30;
/// PutMetricData takes data from two weeks ago to two hours ahead.
const OLDEST_SECONDS: f64 = 14.0 * 86_400.0;
const NEWEST_SECONDS: f64 = 2.0 * 3_600.0;

pub(crate) fn put_metric_data(state: &mut State, input: &Value) -> Result<Value, ApiError> {
    let namespace = input.required_str("Namespace")?;
    if namespace.starts_with("AWS/") {
        return Err(ApiError::invalid_value("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = input.list_at("MetricData")?;
    if data.is_empty() {
        return Err(ApiError::missing("MetricData"));
    }
    if data.len() > MAX_DATA {
        return Err(ApiError::validation(format!(
            "The collection MetricData must not have a size greater than {MAX_DATA}."
        )));
    }
    let now = state.clock.unix();
    let mut accepted = Vec::with_capacity(data.len());
    for datum in data {
        let dimensions = datum.dimensions()?;
        if dimensions.len() > MAX_DIMENSIONS {
            return Err(ApiError::invalid_value(
                "The collection Dimensions must not have a size greater than 30.",
            ));
        }
        let key = MetricKey {
            namespace: namespace.to_owned(),
            name: datum.required_str("MetricName")?.to_owned(),
            dimensions,
        };
        let at = datum.time_at("Timestamp")?.unwrap_or(now);
        if at < now - OLDEST_SECONDS || at > now + NEWEST_SECONDS {
            return Err(ApiError::invalid_value(
                "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks \
                 and no more than two hours in the future.",
            ));
        }
        accepted.push((key, at, measurement(datum)?));
    }
    for (key, at, measurement) in accepted {
        state.metrics.put(key, at, measurement);
    }
    Ok(Value::Map(BTreeMap::new()))
}

pub(crate) fn get_metric_data(
    state: &State,
    input: &Value,
    fault: Option<&FaultKind>,
) -> Result<Value, ApiError> {
    let start = input.time_at("StartTime")?.ok_or_else(|| ApiError::missing("StartTime"))?;
    let end = input.time_at("EndTime")?.ok_or_else(|| ApiError::missing("EndTime"))?;
    if start >= end {
        return Err(ApiError::validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    let ascending = match input.str_at("ScanBy")? {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(ApiError::validation(format!("The value {other} for parameter ScanBy is invalid.")));
        }
    };
    let max_datapoints = input.int_at("MaxDatapoints")?.unwrap_or(MAX_DATAPOINTS);
    if !(1..=MAX_DATAPOINTS).contains(&max_datapoints) {
        return Err(ApiError::validation(format!(
            "The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}."
        )));
    }
    let skipped = input.str_at("NextToken")?.map(offset_of).transpose()?.unwrap_or(0);
    let queries = queries(input)?;
    let late_by = match fault {
        Some(FaultKind::LateMetrics { delay }) => *delay,
        _ => Duration::ZERO,
    };
    let now = state.clock.unix();
    let mut page = Page {
        skip: skipped,
        left: usize::try_from(max_datapoints).unwrap_or(0),
        given: skipped,
        cut: false,
    };
    let mut results = Vec::new();
    for query in queries.iter().filter(|query| query.returned) {
        let mut points = state.metrics.read(&query.query, start, end, now, late_by);
        if !ascending {
            points.reverse();
        }
        results.push(result(query, points, &mut page, fault));
    }
    let token = page.cut.then(|| Value::text(format!("playground-{}", page.given)));
    Ok(Value::structure([
        ("MetricDataResults", Some(Value::List(results))),
        ("NextToken", token),
        ("Messages", Some(Value::List(Vec::new()))),
    ]))
}

pub(crate) fn list_metrics(state: &State, input: &Value) -> Result<Value, ApiError> {
    let namespace = input.str_at("Namespace")?;
    let name = input.str_at("MetricName")?;
    let filters = input.list_at("Dimensions")?;
    let skipped = input.str_at("NextToken")?.map(offset_of).transpose()?.unwrap_or(0);
    let mut metrics = Vec::new();
    for key in state.metrics.keys() {
        let mut fits = namespace.is_none_or(|wanted| wanted == key.namespace)
            && name.is_none_or(|wanted| wanted == key.name);
        for filter in filters {
            let value = key.dimensions.get(filter.required_str("Name")?);
            let wanted = filter.str_at("Value")?;
            fits &= value.is_some_and(|value| wanted.is_none_or(|wanted| wanted == value));
        }
        if fits {
            metrics.push(described(key));
        }
    }
    let next = skipped + LISTED;
    let token = (next < metrics.len()).then(|| Value::text(format!("playground-{next}")));
    let page = metrics.into_iter().skip(skipped).take(LISTED).collect();
    Ok(Value::structure([("Metrics", Some(Value::List(page))), ("NextToken", token)]))
}

/// The window of datapoints that this response may carry, over all series in their order.
struct Page {
    skip: usize,
    left: usize,
    given: usize,
    cut: bool,
}

fn result(query: &NamedQuery, points: Vec<(i64, f64)>, page: &mut Page, fault: Option<&FaultKind>) -> Value {
    let mut messages = Vec::new();
    let mut status = "Complete";
    let mut points = points;
    match fault {
        Some(FaultKind::Silence) => points.clear(),
        Some(FaultKind::PartialData) => {
            status = "PartialData";
            points.sort_by_key(|(at, _)| *at);
            points.truncate(points.len() / 2);
        }
        Some(FaultKind::Forbidden) => {
            status = "Forbidden";
            points.clear();
            messages.push(message("Forbidden", "You are not authorized to read this metric."));
        }
        Some(FaultKind::SeriesInternalError) => {
            status = "InternalError";
            points.clear();
            messages.push(message("InternalError", "An error occurred while reading this metric."));
        }
        Some(_) | None => {}
    }
    let skipped = page.skip.min(points.len());
    page.skip -= skipped;
    let total = points.len() - skipped;
    let taken: Vec<(i64, f64)> = points.into_iter().skip(skipped).take(page.left).collect();
    page.left -= taken.len();
    page.given += taken.len();
    if taken.len() < total {
        page.cut = true;
        status = "PartialData";
    }
    Value::structure([
        ("Id", Some(Value::text(&query.id))),
        ("Label", Some(Value::text(&query.label))),
        ("Timestamps", Some(Value::List(taken.iter().map(|(at, _)| Value::Time(*at as f64)).collect()))),
        ("Values", Some(Value::List(taken.iter().map(|(_, value)| Value::Float(*value)).collect()))),
        ("StatusCode", Some(Value::text(status))),
        ("Messages", (!messages.is_empty()).then_some(Value::List(messages))),
    ])
}

fn measurement(datum: &Value) -> Result<Measurement, ApiError> {
    let values = datum.list_at("Values")?;
    let kinds = usize::from(!values.is_empty())
        + usize::from(datum.get("Value").is_some())
        + usize::from(datum.get("StatisticValues").is_some());
    if kinds != 1 {
        return Err(ApiError::combination(
            "Exactly one of Value, Values and StatisticValues must be specified for each datum.",
        ));
    }
    if let Some(summary) = datum.get("StatisticValues") {
        let number = |name| summary.number_at(name)?.ok_or_else(|| ApiError::missing(name));
        let count = number("SampleCount")?;
        if count <= 0.0 {
            return Err(ApiError::invalid_value("The parameter SampleCount must be greater than 0."));
        }
        return Ok(Measurement::Summary {
            count,
            sum: number("Sum")?,
            minimum: number("Minimum")?,
            maximum: number("Maximum")?,
        });
    }
    if let Some(value) = datum.number_at("Value")? {
        return finite(value).map(Measurement::one);
    }
    let counts = datum.list_at("Counts")?;
    if values.len() > MAX_VALUES || (!counts.is_empty() && counts.len() != values.len()) {
        return Err(ApiError::invalid_value(
            "The parameters Values and Counts must have the same size, at most 150.",
        ));
    }
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let value = value.number().ok_or_else(|| ApiError::invalid_value("Values must be numbers."))?;
            let count = counts.get(index).and_then(Value::number).unwrap_or(1.0);
            Ok((finite(value)?, count))
        })
        .collect::<Result<_, _>>()
        .map(Measurement::Values)
}

fn finite(value: f64) -> Result<f64, ApiError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(ApiError::invalid_value("The value NaN for parameter MetricData.member.1.Value is invalid."))
    }
}

fn described(key: &MetricKey) -> Value {
    let dimensions = key
        .dimensions
        .iter()
        .map(|(name, value)| {
            Value::structure([("Name", Some(Value::text(name))), ("Value", Some(Value::text(value)))])
        })
        .collect();
    Value::structure([
        ("Namespace", Some(Value::text(&key.namespace))),
        ("MetricName", Some(Value::text(&key.name))),
        ("Dimensions", Some(Value::List(dimensions))),
    ])
}

fn message(code: &str, text: &str) -> Value {
    Value::structure([("Code", Some(Value::text(code))), ("Value", Some(Value::text(text)))])
}

pub(crate) fn offset_of(token: &str) -> Result<usize, ApiError> {
    token
        .strip_prefix("playground-")
        .and_then(|offset| offset.parse().ok())
        .ok_or_else(ApiError::invalid_token)
}
