//! `MemoryMetrics` passes the suite.

use async_trait::async_trait;
use crossfade_core::gate::{AlarmQuery, AlarmState, MetricQuery};
use crossfade_ports::{
    Metrics,
    conformance::metrics::{AlarmKind, Fault, MetricsWorld, Nature},
    fake::metrics::MemoryMetrics,
};
use jiff::Timestamp;

#[derive(Default)]
struct World(MemoryMetrics);

impl World {
    async fn new() -> Option<World> {
        Some(World::default())
    }
}

#[async_trait]
impl MetricsWorld for World {
    fn metrics(&self) -> &dyn Metrics {
        &self.0
    }

    fn nature(&self) -> Nature {
        Nature::CLOUDWATCH
    }

    fn base(&self) -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64) {
        self.0.put(metric, at, value);
    }

    async fn set_alarm(&self, name: &str, _: AlarmKind, state: AlarmState) {
        let query = AlarmQuery { region: None, name: name.to_owned() };
        self.0.set_alarm(&query, state, self.base());
    }

    async fn fault(&self, fault: Fault) {
        self.0.outage(Some(&format!("{fault:?}")));
    }
}

crossfade_ports::metrics_suite!(World::new());
