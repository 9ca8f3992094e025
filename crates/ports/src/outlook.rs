//! What a preview says beyond the zones: what the gates would see with the traffic that there is now, what speaks against
//! them, and when the calendar is open.

use std::collections::BTreeMap;

use crossfade_core::{
    calendar,
    gate::{self, MetricQuery, Point, Traffic},
    plan::{Errors, Plan},
    preview::Preview,
};
use jiff::{SignedDuration, Timestamp};

use crate::{doubts, metrics::Metrics};

/// Long enough for a usual error rate, and short enough for the traffic of now.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(1);

/// As many as anybody plans a start by.
const OPENINGS: usize = 3;

/// The preview with all of it.
pub async fn outlook(preview: Preview, plan: &Plan, metrics: &dyn Metrics, now: Timestamp) -> Preview {
    let mut traffic = BTreeMap::new();
    for gate in &plan.gates {
        if let Some(errors) = gate.errors()
            && let Some(there) = traffic_now(errors, metrics, now).await
        {
            traffic.insert(gate.name.as_str(), there);
        }
    }
    let mut warnings = preview.warnings;
    warnings.extend(doubts(plan, metrics, now).await);
    Preview {
        warnings,
        sensitivity: gate::of_plan(plan, |gate| traffic.get(gate).copied()),
        openings: calendar::openings(plan, now, OPENINGS),
        ..preview
    }
}

/// Of both sides together, in the last hour that metrics are known of. `None` where the `from` side, which has nearly
/// all of it before the start, is not named, cannot be read, or has no requests.
async fn traffic_now(errors: &Errors, metrics: &dyn Metrics, now: Timestamp) -> Option<Traffic> {
    let from = errors.error_rate.from.as_ref()?;
    let to = &errors.error_rate.to;
    let (begins, ends) = (now - errors.metric_delay.0 - LOOKED_BACK, now - errors.metric_delay.0);
    let queries: Vec<MetricQuery> = [gate::queries(from), gate::queries(to)].concat();
    let mut series: BTreeMap<MetricQuery, Vec<Point>> = BTreeMap::new();
    for (query, answer) in metrics.read(&queries, begins, ends).await {
        if answer.incomplete.is_some() {
            return None;
        }
        series.insert(query, answer.points);
    }
    let counted = |source| {
        let periods = gate::periods(source, &series);
        let requests: u64 = periods.iter().filter_map(|period| period.requests).sum();
        let errors: u64 = periods.iter().filter_map(|period| period.errors).sum();
        (requests, errors)
    };
    let ((from_requests, from_errors), (to_requests, _)) = (counted(from), counted(to));
    (from_requests > 0).then(|| Traffic {
        requests_per_minute: (from_requests.saturating_add(to_requests)) as f64
            / (LOOKED_BACK.as_secs_f64() / 60.0),
        usual: (from_errors.saturating_add(1)) as f64 / (from_requests.saturating_add(1)) as f64,
    })
}
