//! What the traffic says beside its errors: that none arrives, that nothing is known of it, that it goes elsewhere.

use super::{
    clean::Closed,
    evaluate::{Config, Observed, State},
};

/// Closed periods without any datapoint after which the metrics count as missing.
pub(super) const MISSING: i64 = 3;

/// Periods in which the `from` side had requests and the `to` side none, before that is no accident…
const SILENT: usize = 5;

/// …if so many resolvers should have chosen the `to` side meanwhile: the chance that none did is e⁻¹⁰…
const SILENT_DRAWS: f64 = 10.0;

/// …and so many requests should have reached it.
const SILENT_REQUESTS: f64 = 20.0;

/// Periods in the observed share: resolvers choose a side once in a TTL, so it takes some for choices to even out.
const SHARE_PERIODS: usize = 10;
const SHARE_PERIODS_MIN: usize = 5;
const SHARE_REQUESTS: f64 = 100.0;

/// The observed share may be off by so much for reasons that are nobody's fault, such as clients that keep
/// connections open: so many points, and such a part of the smaller side.
const SHARE_POINTS: f64 = 0.05;
const SHARE_OF_SMALLER: f64 = 0.25;

/// Standard deviations: once in ten thousand looks.
const SHARE_DEVIATIONS: f64 = 4.0;

/// Nobody reaches the `to` side while the `from` side serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    pub periods: usize,
    /// What the `from` side served meanwhile.
    pub requests: u64,
}

/// An endpoint that refuses connections publishes nothing: its silence is all there is to see.
pub(super) fn silence(config: &Config, state: &State, settled: &[Closed]) -> Option<Silence> {
    let quiet = settled.iter().rev().take_while(|period| period.to.is_none_or(|to| to.requests == 0));
    let served: Vec<u64> =
        quiet.filter_map(|period| period.from).map(|from| from.requests).filter(|n| *n > 0).collect();
    let requests = served.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let weight = state.weight;
    let draws = weight * choices(config, served.len());
    let missed = weight * requests as f64 >= SILENT_REQUESTS * (1.0 - weight);
    let silent = weight > 0.0 && served.len() >= SILENT && draws >= SILENT_DRAWS && missed;
    silent.then_some(Silence { periods: served.len(), requests })
}

/// Whether the newest closed periods have no datapoint of either side.
pub(super) fn is_without_data(config: &Config, state: &State, closed: &[Closed], now: i64) -> bool {
    let oldest = now - config.metric_delay - config.period * (MISSING + 1);
    let known = |period: &Closed| period.to.is_some() || period.from.is_some();
    oldest >= state.moved_at && !newer(closed, oldest).any(known)
}

/// Whether the `to` side has a datapoint in the newest closed periods.
pub(super) fn is_heard(config: &Config, closed: &[Closed], now: i64) -> bool {
    let oldest = now - config.metric_delay - config.period * (MISSING + 1);
    newer(closed, oldest).any(|period| period.to.is_some())
}

/// Those that begin after `oldest`; the newest come last.
fn newer(closed: &[Closed], oldest: i64) -> impl Iterator<Item = &Closed> {
    closed.iter().rev().take_while(move |period| period.start > oldest)
}

/// The share of the requests that reached the `to` side, with how far it may be off. `None` where too little is known.
pub(super) fn observed(config: &Config, state: &State, settled: &[Closed]) -> Option<Observed> {
    let both = settled.iter().rev().filter_map(|period| {
        let (to, from) = (period.to.map_or(0.0, |to| to.requests as f64), period.from?.requests as f64);
        (to + from > 0.0).then_some((to, from))
    });
    let both: Vec<(f64, f64)> = both.take(SHARE_PERIODS).collect();
    let (to, from) = both.iter().fold((0.0, 0.0), |sum, side| (sum.0 + side.0, sum.1 + side.1));
    let requests = to + from;
    if both.len() < SHARE_PERIODS_MIN || requests < SHARE_REQUESTS {
        return None;
    }
    let weight = state.weight;
    let variance = weight * (1.0 - weight) * (1.0 / choices(config, both.len()) + 1.0 / requests);
    let tolerance =
        SHARE_POINTS + SHARE_OF_SMALLER * weight.min(1.0 - weight) + SHARE_DEVIATIONS * variance.sqrt();
    Some(Observed { share: to / requests, tolerance })
}

/// How often a resolver chose a side anew: each does once in a TTL, for all who ask it.
fn choices(config: &Config, periods: usize) -> f64 {
    let per_period = (config.period as f64 / config.ttl.max(1) as f64).min(1.0);
    f64::from(config.resolvers) * periods as f64 * per_period
}
