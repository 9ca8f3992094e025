//! Traffic: resolvers with caches ask the authoritative server, and their clients follow the answers.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::clock::UnixSeconds;
use crate::dns::Authority;
use crate::endpoint::EndpointState;
use crate::route53::names;
use crate::world::State;

/// A stream of requests to one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traffic {
    /// The name clients ask for.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    pub record_type: String,
    /// Of all resolvers together.
    pub requests_per_second: f64,
    /// Caches that share the traffic.
    pub resolvers: usize,
    /// How unequal the resolvers are: the i-th has a share proportional to 1 / i^this. 0 makes them equal.
    pub zipf_exponent: f64,
    /// The share of resolvers, 0 to 1, that keep answers longer than their TTL.
    pub stubborn_fraction: f64,
    /// How many TTLs those keep them.
    pub stubborn_factor: f64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            name: String::new(),
            record_type: "A".to_owned(),
            requests_per_second: 200.0,
            resolvers: 200,
            zipf_exponent: 0.5,
            stubborn_fraction: 0.0,
            stubborn_factor: 10.0,
        }
    }
}

/// Requests nobody could send, because DNS gave no usable answer, are counted here.
pub(crate) const UNRESOLVED: &str = "(unresolved)";
/// A resolver asks again after a failed answer no sooner than this.
const NEGATIVE_TTL_SECONDS: f64 = 1.0;
/// Time is walked through in steps of at most this, so that short TTLs mean what they say.
const STEP_SECONDS: f64 = 0.25;

#[derive(Debug)]
pub(crate) struct TrafficState {
    pub(crate) traffic: Traffic,
    resolvers: Vec<Resolver>,
    rng: StdRng,
}

#[derive(Debug)]
struct Resolver {
    share: f64,
    keeps: f64,
    /// Requests due but not yet whole.
    owed: f64,
    answer: Vec<String>,
    expires_at: UnixSeconds,
}

impl TrafficState {
    pub(crate) fn new(mut traffic: Traffic, seed: u64) -> Self {
        traffic.name = names::canonical(&traffic.name).unwrap_or(traffic.name);
        let mut rng = StdRng::seed_from_u64(seed);
        let weight = |index: usize| 1.0 / (index as f64 + 1.0).powf(traffic.zipf_exponent);
        let total: f64 = (0..traffic.resolvers).map(weight).sum();
        let resolvers = (0..traffic.resolvers)
            .map(|index| Resolver {
                share: weight(index) / total,
                keeps: if rng.random_bool(traffic.stubborn_fraction.clamp(0.0, 1.0)) {
                    traffic.stubborn_factor
                } else {
                    1.0
                },
                owed: rng.random::<f64>(),
                answer: Vec::new(),
                expires_at: 0.0,
            })
            .collect();
        Self { traffic, resolvers, rng }
    }
}

impl State {
    /// Lets traffic flow up to `now`, and publishes what the endpoints saw.
    pub(crate) fn advance(&mut self, now: UnixSeconds) {
        while self.advanced_to < now {
            let next = (self.advanced_to + STEP_SECONDS).min(now);
            let seconds = next - self.advanced_to;
            let mut traffic = std::mem::take(&mut self.traffic);
            for stream in &mut traffic {
                self.flow(stream, next, seconds);
            }
            self.traffic = traffic;
            self.advanced_to = next;
            self.endpoints.publish(next, &mut self.metrics);
        }
    }

    fn flow(&mut self, stream: &mut TrafficState, now: UnixSeconds, seconds: f64) {
        let TrafficState { traffic, resolvers, rng } = stream;
        for resolver in resolvers {
            resolver.owed += traffic.requests_per_second * resolver.share * seconds;
            let requests = resolver.owed.floor();
            if requests < 1.0 {
                continue;
            }
            resolver.owed -= requests;
            let keeps = self.pinned && !resolver.answer.is_empty();
            if now >= resolver.expires_at && !keeps {
                let answer = Authority::of(self).resolve(&traffic.name, &traffic.record_type);
                let ttl = answer.ttl().map_or(NEGATIVE_TTL_SECONDS, |ttl| f64::from(ttl) * resolver.keeps);
                resolver.answer = answer.final_values();
                resolver.expires_at = now + ttl;
            }
            for _ in 0..requests as u64 {
                let picked = match resolver.answer.len() {
                    0 => None,
                    count => resolver.answer.get(rng.random_range(0..count)),
                };
                self.request(picked.map(String::as_str), now, rng);
            }
        }
    }

    fn request(&mut self, value: Option<&str>, now: UnixSeconds, rng: &mut StdRng) {
        let second = now.floor() as i64;
        let Some(value) = value else { return self.endpoints.count(UNRESOLVED, second, 1, 1) };
        let Some(endpoint) = self.endpoints.at(value) else {
            return self.endpoints.count(value, second, 1, 1);
        };
        let failed = match endpoint.state {
            EndpointState::Serving => rng.random_bool(endpoint.error_rate.clamp(0.0, 1.0)),
            EndpointState::Down | EndpointState::Refusing => true,
        };
        let name = endpoint.name.clone();
        self.endpoints.count(&name, second, 1, u64::from(failed));
    }
}

#[cfg(test)]
#[path = "traffic_tests.rs"]
mod tests;
