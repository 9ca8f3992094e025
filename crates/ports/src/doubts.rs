//! What speaks against a plan's gates before anything moves, for whoever looks at a plan: sentences, not refusals,
//! because a new endpoint has no data before it has traffic.

use crossfade_core::{
    gate::{MetricQuery, Statistic, alarm_queries, latency_queries, request_queries},
    plan::{Plan, Question, Source},
    preview::evidence,
};
use jiff::{SignedDuration, Timestamp};

use crate::metrics::Metrics;

/// As long as CloudWatch keeps the shortest periods.
const LOOKED_BACK: SignedDuration = SignedDuration::from_mins(3 * 60 - 5);

/// Asks for the metrics and alarms of every gate.
pub async fn doubts(plan: &Plan, metrics: &dyn Metrics, now: Timestamp) -> Vec<String> {
    let mut doubts = Vec::new();
    for gate in &plan.gates {
        match &gate.question {
            Question::Errors(asked) => {
                let sides = sides(&asked.error_rate.to, asked.error_rate.from.as_ref());
                for (side, source) in sides {
                    doubts.extend(of_metrics(metrics, &gate.name, side, request_queries(source), now).await);
                }
            }
            Question::Latency(asked) => {
                let sides = sides(&asked.latency.to, asked.latency.from.as_ref());
                for (side, source) in sides {
                    let queries = latency_queries(source, asked.percentile);
                    doubts.extend(of_metrics(metrics, &gate.name, side, queries, now).await);
                }
            }
            // Nobody listens where nothing is to be moved yet; a shift holds until all of it answers.
            Question::Probe(_) => {}
            Question::Alarms(asked) => {
                let queries: Vec<_> = alarm_queries(asked).collect();
                let readings = metrics.alarms(&queries).await;
                let doubt = |query| evidence::alarm(&gate.name, asked, query, readings.get(query), now);
                doubts.extend(queries.iter().filter_map(doubt));
            }
        }
    }
    doubts
}

fn sides<'a>(to: &'a Source, from: Option<&'a Source>) -> impl Iterator<Item = (&'static str, &'a Source)> {
    std::iter::once(("to", to)).chain(from.map(|from| ("from", from)))
}

/// Of several series of one side, that all are empty; or that only a distribution is.
async fn of_metrics(
    metrics: &dyn Metrics,
    gate: &str,
    side: &str,
    queries: Vec<MetricQuery>,
    now: Timestamp,
) -> Option<String> {
    let answers = metrics.read(&queries, now - LOOKED_BACK, now).await;
    if let Some(why) = answers.values().find_map(|series| series.incomplete.as_ref()) {
        return Some(format!("gate {gate}: the metrics of the `{side}` side could not be read: {why}"));
    }
    let empty = |query: &&MetricQuery| answers.get(*query).is_none_or(|series| series.points.is_empty());
    if queries.iter().all(|query| empty(&query)) {
        let query = queries.first()?;
        return Some(evidence::no_data(gate, side, query, &metrics.known(query).await));
    }
    let missing =
        queries.iter().filter(|query| matches!(query.statistic, Statistic::Percentile(_))).find(empty);
    missing.map(|query| evidence::no_distribution(gate, side, query))
}
