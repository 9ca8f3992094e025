//! `MemoryMetrics` passes the suite.

use async_trait::async_trait;
use crossfade_core::gate::MetricQuery;
use crossfade_ports::{
    Metrics,
    conformance::metrics::{Fault, MetricsWorld},
    fake::metrics::MemoryMetrics,
};
use jiff::Timestamp;

#[derive(Default)]
struct World(MemoryMetrics);

impl World {
    async fn new() -> World {
        World::default()
    }
}

#[async_trait]
impl MetricsWorld for World {
    fn metrics(&self) -> &dyn Metrics {
        &self.0
    }

    fn base(&self) -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64) {
        self.0.put(metric, at, value);
    }

    async fn fault(&self, fault: Fault) {
        self.0.outage(Some(&format!("{fault:?}")));
    }
}

crossfade_ports::metrics_suite!(World::new());
