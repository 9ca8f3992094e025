//! What arrives from CloudWatch, made into counts.

use super::evaluate::{Config, Reading, Row};

/// Requests and errors of one endpoint; never more errors than requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) requests: u64,
    pub(super) errors: u64,
}

/// A closed period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) start: i64,
    pub(super) to: Option<Count>,
    pub(super) from: Option<Count>,
}

/// The periods whose datapoints should all be there by now, oldest first.
pub(super) fn closed(config: &Config, rows: &[Row], now: i64) -> Vec<Closed> {
    let mut closed: Vec<Closed> = Vec::with_capacity(rows.len());
    closed.extend(rows.iter().filter_map(|row| {
        let due = row.start.saturating_add(config.period).saturating_add(config.metric_delay);
        let late_by = now.checked_sub(due).filter(|late_by| *late_by >= 0)?;
        let patient = late_by < config.period;
        Some(Closed { start: row.start, to: count(row.to, patient), from: count(row.from, patient) })
    }));
    if !closed.is_sorted_by_key(|period| period.start) {
        closed.sort_by_key(|period| period.start);
    }
    closed
}

/// `None` where there is nothing, or nothing yet.
fn count(reading: Reading, patient: bool) -> Option<Count> {
    if reading == Reading::default() {
        return None;
    }
    // A load balancer publishes the errors of a period only when there were any.
    let (requests, errors) = (reading.requests.unwrap_or(0), reading.errors.unwrap_or(0));
    if errors > requests && patient {
        // The count of requests may be on its way. Without one in another period, all that is known are errors: a
        // load balancer does not count a request for which it had no target.
        return None;
    }
    Some(Count { requests: requests.max(errors), errors })
}

impl Count {
    pub(super) fn plus(self, other: Count) -> Count {
        Count {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
        }
    }

    pub(super) fn rate(self) -> f64 {
        self.errors as f64 / self.requests as f64
    }
}
