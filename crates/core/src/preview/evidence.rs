//! Metrics and alarms held against a plan's gates, before anything moves: what would keep them from ever passing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    gate::{AlarmQuery, AlarmReading, AlarmState, MetricQuery, Statistic},
    plan::Alarms,
};

/// As many dimension sets as anybody compares by eye.
const SHOWN: usize = 5;

/// A metric of which nothing was read. `known` are the dimensions that its name is published under.
pub fn no_data(
    gate: &str,
    side: &str,
    query: &MetricQuery,
    known: &Result<BTreeSet<BTreeMap<String, String>>, String>,
) -> String {
    let MetricQuery { namespace, metric, dimensions, region, .. } = query;
    let place = region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
    let about = format!("gate {gate}: {metric} of {namespace}{place} has no data for the `{side}` side");
    match known {
        Err(why) => format!("{about}, and which dimensions it has could not be listed: {why}"),
        Ok(known) if known.contains(dimensions) => {
            format!(
                "{about} lately, though {} had some; that is fine if it has no traffic yet",
                shown(dimensions)
            )
        }
        Ok(known) if known.is_empty() => format!(
            "{about}: nothing has been published under that name for two weeks; check namespace, name, region and account"
        ),
        Ok(known) => {
            let mut sets: Vec<String> = known.iter().take(SHOWN).map(shown).collect();
            if known.len() > SHOWN {
                sets.push(format!("{} more", known.len() - SHOWN));
            }
            format!("{about} with {}; there is {}: use one of these", shown(dimensions), sets.join(", "))
        }
    }
}

/// A metric that has samples and no percentiles.
pub fn no_distribution(gate: &str, side: &str, query: &MetricQuery) -> String {
    let statistic = match query.statistic {
        Statistic::Percentile(percentile) => percentile.to_string(),
        Statistic::Sum | Statistic::Average | Statistic::SampleCount => query.statistic.name(),
    };
    format!(
        "gate {gate}: {} of {} has samples and no {statistic} for the `{side}` side; percentiles need a metric that is \
         published value by value, not as sums or statistic sets",
        query.metric, query.namespace
    )
}

/// An alarm that would hold the shift before its first step.
pub fn alarm(
    gate: &str,
    asked: &Alarms,
    query: &AlarmQuery,
    reading: Option<&AlarmReading>,
    now: Timestamp,
) -> Option<String> {
    let name = &query.name;
    let place = query.region.as_ref().map_or_else(String::new, |region| format!(" in {region}"));
    match reading {
        Some(AlarmReading::Found { state: AlarmState::Alarm, .. }) => {
            let known = asked.alarms.acknowledgement(name, now).is_some();
            (!known).then(|| {
                format!(
                    "gate {gate}: alarm {name} is red: mend it, or acknowledge it with a reason and an expiry"
                )
            })
        }
        Some(AlarmReading::Found { state: AlarmState::Ok | AlarmState::InsufficientData, .. }) => None,
        Some(AlarmReading::NoSuchAlarm) => {
            Some(format!("gate {gate}: there is no alarm {name}{place}: check its name, region and account"))
        }
        Some(AlarmReading::Unreadable(why)) => {
            Some(format!("gate {gate}: alarm {name} could not be read: {why}"))
        }
        None => Some(format!("gate {gate}: alarm {name} was not read")),
    }
}

fn shown(dimensions: &BTreeMap<String, String>) -> String {
    if dimensions.is_empty() {
        return "no dimensions".to_owned();
    }
    let pairs: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}
