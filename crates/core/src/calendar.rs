//! When a shift may go up. Going down never asks.

use jiff::Timestamp;

use crate::plan::Plan;

/// Why a shift may not go up now, and when that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub until: Timestamp,
    pub sentence: String,
}

/// `None` when the plan's calendar lets the shift go up now.
pub fn closed(plan: &Plan, now: Timestamp) -> Option<Closed> {
    let start = plan.schedule.as_ref()?.start.as_ref()?;
    let until = start.timestamp();
    (now < until).then(|| Closed { until, sentence: format!("the plan starts at {start}") })
}
