//! What was counted lately: for those who look on, not for the verdict.

use jiff::{SignedDuration, Timestamp};

use super::{Counts, Fetched, GateData, Period, Standing};
use crate::{Share, plan::Errors};

/// Periods that are shown as the newest. Five minutes of load balancer metrics: long enough to gather requests at a
/// small share, short enough that an old failure does not hide a recovery.
pub const RECENT_PERIODS: i32 = 5;

/// Periods in the observed share: resolvers choose a side once in a TTL, so that it takes some for the choices to
/// even out.
pub(super) const OBSERVED_PERIODS: i32 = 10;

/// Likewise while the traffic follows new weights: enough to have a number, few enough to see it move.
const UNSETTLED_PERIODS: i32 = 2;

/// The share of requests that reached the `to` side lately: since the traffic settled, or just now while it has not.
/// `None` where it cannot be known.
pub fn observed_share(gate: &Errors, data: &GateData, standing: Standing, now: Timestamp) -> Option<Share> {
    let from_source = gate.error_rate.from.as_ref()?;
    let newest = if standing.settled_at.is_some() { OBSERVED_PERIODS } else { UNSETTLED_PERIODS };
    let settled = standing.settled_at.unwrap_or(Timestamp::MIN);
    let lately = |side: &Fetched, period: SignedDuration| {
        let since = now - gate.metric_delay.0 - period * newest;
        // The period in which it settled counts while there is no newer one.
        sum(side, since, |p| p.start + period > settled)
    };
    let to = lately(&data.to, gate.error_rate.to.period());
    let from = lately(data.from.as_ref()?, from_source.period());
    let whole = to.requests.saturating_add(from.requests);
    (whole > 0).then(|| Share::of(to.requests, whole))
}

/// The newest periods of the `to` side since traffic was moved, or at all before that.
pub(super) fn recent(gate: &Errors, data: &GateData, moved_at: Option<Timestamp>, now: Timestamp) -> Counts {
    let period = gate.error_rate.to.period();
    let since = now - period * RECENT_PERIODS - gate.metric_delay.0;
    let after = |p: &Period| moved_at.is_none_or(|moved_at| p.start + period > moved_at);
    sum(&data.to, since, after)
}

/// The newest periods of the `from` side.
pub(super) fn recent_from(gate: &Errors, data: &GateData, now: Timestamp) -> Option<Counts> {
    let since = now - gate.error_rate.from.as_ref()?.period() * RECENT_PERIODS - gate.metric_delay.0;
    Some(sum(data.from.as_ref()?, since, |_| true))
}

fn sum(side: &Fetched, since: Timestamp, counted: impl Fn(&Period) -> bool) -> Counts {
    let newest = side.periods.newest_first().take_while(|p| p.start >= since);
    newest.filter(|p| counted(p)).fold(Counts::default(), |total, p| {
        let errors = p.errors.unwrap_or(0);
        // A load balancer does not count a request for which it had no target, but does count its error.
        let requests = p.requests.unwrap_or(0).max(errors);
        Counts {
            requests: total.requests.saturating_add(requests),
            errors: total.errors.saturating_add(errors),
        }
    })
}
