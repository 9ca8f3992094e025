//! Endpoints, traffic, metrics and faults.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;

use super::World;
use crate::cloudwatch::{AlarmKind, Dimensions, Measurement, MetricKey};
use crate::endpoint::{Endpoint, EndpointState, Observed};
use crate::faults::Fault;
use crate::traffic::{Traffic, TrafficState};

impl World {
    /// Adds an endpoint, or replaces the one with its name.
    pub fn add_endpoint(&self, endpoint: Endpoint) {
        self.lock().endpoints.by_name.insert(endpoint.name.clone(), endpoint);
        self.notify();
    }

    /// Every endpoint as it is now.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.lock().endpoints.by_name.values().cloned().collect()
    }

    /// The share of the endpoint's requests that fail from now on, 0 to 1.
    ///
    /// # Panics
    /// When there is no such endpoint.
    pub fn set_error_rate(&self, endpoint: &str, rate: f64) {
        self.turn(endpoint, |endpoint| endpoint.error_rate = rate);
    }

    /// The endpoint's typical response time from now on.
    ///
    /// # Panics
    /// When there is no such endpoint.
    pub fn set_latency(&self, endpoint: &str, latency: Duration) {
        self.turn(endpoint, |endpoint| endpoint.latency = latency);
    }

    /// Takes the endpoint down (it fails every request and publishes nothing) or brings it back.
    ///
    /// # Panics
    /// When there is no such endpoint.
    pub fn set_down(&self, endpoint: &str, down: bool) {
        self.set_endpoint_state(endpoint, if down { EndpointState::Down } else { EndpointState::Serving });
    }

    /// Whether and how the endpoint serves from now on.
    ///
    /// # Panics
    /// When there is no such endpoint.
    pub fn set_endpoint_state(&self, endpoint: &str, state: EndpointState) {
        self.turn(endpoint, |endpoint| endpoint.state = state);
    }

    /// Whether aliases with EvaluateTargetHealth see the endpoint as healthy.
    ///
    /// # Panics
    /// When there is no such endpoint.
    pub fn set_healthy(&self, endpoint: &str, healthy: bool) {
        self.turn(endpoint, |endpoint| endpoint.healthy = healthy);
    }

    /// Registers a health check, healthy or not, or changes it.
    pub fn set_health_check(&self, id: &str, healthy: bool) {
        self.lock().health_checks.insert(id.to_owned(), healthy);
        self.notify();
    }

    /// Starts a stream of requests beside those that flow already.
    pub fn start_traffic(&self, traffic: Traffic) {
        let mut state = self.lock();
        let now = state.clock.unix();
        state.advance(now);
        let seed = state.rng.random();
        state.traffic.push(TrafficState::new(traffic, seed));
    }

    /// Stops every stream of requests.
    pub fn stop_traffic(&self) {
        let mut state = self.lock();
        let now = state.clock.unix();
        state.advance(now);
        state.traffic.clear();
    }

    /// Lets every resolver keep the answer that it has, whatever its TTL, or forget it as it should.
    pub fn pin_resolvers(&self, pinned: bool) {
        let mut state = self.lock();
        let now = state.clock.unix();
        state.advance(now);
        state.pinned = pinned;
    }

    /// The streams that flow.
    pub fn traffic(&self) -> Vec<Traffic> {
        self.lock().traffic.iter().map(|stream| stream.traffic.clone()).collect()
    }

    /// What each endpoint got in the last `window`; values no endpoint has are listed by themselves.
    pub fn observed(&self, window: Duration) -> BTreeMap<String, Observed> {
        let state = self.lock();
        state.endpoints.observed_since(state.clock.unix() - window.as_secs_f64())
    }

    /// Lets traffic flow up to now. The playground does this by itself on every tick.
    pub fn advance(&self) {
        let mut state = self.lock();
        let now = state.clock.unix();
        state.advance(now);
    }

    /// Stores one value of a metric, readable once the publication delay has passed.
    pub fn put_metric(
        &self,
        namespace: &str,
        metric: &str,
        dimensions: &[(&str, &str)],
        at_epoch_seconds: f64,
        value: f64,
    ) {
        let dimensions: Dimensions =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let key = MetricKey { namespace: namespace.to_owned(), name: metric.to_owned(), dimensions };
        self.lock().metrics.put(key, at_epoch_seconds, Measurement::one(value));
    }

    /// How late data put from now on can be read: of one metric, or of the whole namespace.
    pub fn set_metric_delay(&self, namespace: &str, metric: Option<&str>, delay: Duration) {
        self.lock().metrics.set_delay(namespace, metric, delay);
    }

    /// Sets an alarm's state (`OK`, `ALARM`, `INSUFFICIENT_DATA`), creating one on a metric where there is none.
    pub fn set_alarm(&self, name: &str, state: &str) {
        self.turn_alarm(name, AlarmKind::Metric, state);
    }

    /// The same, creating a composite one where there is none.
    pub fn set_composite_alarm(&self, name: &str, state: &str) {
        self.turn_alarm(name, AlarmKind::Composite, state);
    }

    fn turn_alarm(&self, name: &str, kind: AlarmKind, state: &str) {
        let mut world = self.lock();
        let now = world.clock.unix();
        world.alarms.set(name, kind, state, "set in the playground", now);
    }

    /// Arms a fault behind those already armed.
    pub fn arm(&self, fault: Fault) {
        self.lock().faults.arm(fault);
    }

    /// Takes back every armed fault.
    pub fn disarm_all(&self) {
        self.lock().faults.disarm_all();
    }

    /// The faults that still wait for calls.
    pub fn armed(&self) -> Vec<Fault> {
        self.lock().faults.armed().to_vec()
    }

    /// An unknown endpoint is loud: turning nothing would let a test pass for the wrong reason.
    fn turn(&self, endpoint: &str, turn: impl FnOnce(&mut Endpoint)) {
        let mut state = self.lock();
        let now = state.clock.unix();
        state.advance(now);
        let Some(found) = state.endpoints.by_name.get_mut(endpoint) else {
            drop(state);
            panic!("there is no endpoint {endpoint}");
        };
        turn(found);
        drop(state);
        self.notify();
    }
}
