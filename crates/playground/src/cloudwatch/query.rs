//! Reading the queries of GetMetricData.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ApiError;
use super::metrics::{MetricKey, Query, Statistic};
use super::value::Value;

const MAX_QUERIES: usize = 500;

/// One of GetMetricData's queries, checked.
pub(crate) struct NamedQuery {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) returned: bool,
    pub(crate) query: Query,
}

/// The queries of a request, or the first thing wrong with them.
pub(crate) fn queries(input: &Value) -> Result<Vec<NamedQuery>, ApiError> {
    let sent = input.list_at("MetricDataQueries")?;
    if sent.is_empty() {
        return Err(ApiError::missing("MetricDataQueries"));
    }
    if sent.len() > MAX_QUERIES {
        return Err(ApiError::validation(format!(
            "The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}."
        )));
    }
    let mut ids = BTreeSet::new();
    for (index, query) in sent.iter().enumerate() {
        let id = query.required_str("Id")?;
        if !is_id(id) {
            return Err(ApiError::validation(format!(
                "The value {id} for parameter MetricDataQueries.member.{}.Id is not matching the expected pattern \
                 ^[a-z][a-zA-Z0-9_]*$.",
                index + 1
            )));
        }
        if !ids.insert(id) {
            return Err(ApiError::validation(
                "The values for parameter id in MetricDataQueries are not unique.",
            ));
        }
    }
    let mut direct = BTreeMap::new();
    for query in sent {
        if let Some(stat) = query.get("MetricStat") {
            direct.insert(query.required_str("Id")?, metric_stat(stat)?);
        }
    }
    sent.iter().map(|query| named(query, &direct)).collect()
}

fn named(sent: &Value, direct: &BTreeMap<&str, Query>) -> Result<NamedQuery, ApiError> {
    let id = sent.required_str("Id")?;
    let expression = sent.str_at("Expression")?;
    let query = match (direct.get(id), expression) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::validation(format!(
                "Either MetricStat or Expression must be specified for query {id}, and not both."
            )));
        }
        (Some(query), None) => query.clone(),
        (None, Some(expression)) => direct.get(expression.trim()).cloned().ok_or_else(|| {
            ApiError::validation(format!(
                "Error in expression '{id}': metric math is not emulated by this playground, only the id of another \
                 query is"
            ))
        })?,
    };
    Ok(NamedQuery {
        id: id.to_owned(),
        label: sent.str_at("Label")?.unwrap_or(&query.key.name).to_owned(),
        returned: sent.bool_at("ReturnData")?.unwrap_or(true),
        query,
    })
}

fn metric_stat(stat: &Value) -> Result<Query, ApiError> {
    let metric = stat.get("Metric").ok_or_else(|| ApiError::missing("MetricStat.Metric"))?;
    let period = stat.int_at("Period")?.ok_or_else(|| ApiError::missing("MetricStat.Period"))?;
    if !(matches!(period, 1 | 5 | 10 | 20 | 30) || (period > 0 && period % 60 == 0)) {
        return Err(ApiError::validation(
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.",
        ));
    }
    Ok(Query {
        key: MetricKey {
            namespace: metric.required_str("Namespace")?.to_owned(),
            name: metric.required_str("MetricName")?.to_owned(),
            dimensions: metric.dimensions()?,
        },
        period,
        statistic: Statistic::parse(stat.required_str("Stat")?)?,
    })
}

fn is_id(id: &str) -> bool {
    let mut characters = id.chars();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}
