//! `CloudWatch` passes the suite.

use std::time::Duration;

use async_trait::async_trait;
use crossfade_core::gate::{AlarmState, MetricQuery};
use crossfade_playground::{Fault as Armed, FaultKind, Options, Playground};
use crossfade_ports::{
    Account, Metrics,
    conformance::metrics::{AlarmKind, Fault, MetricsWorld, Nature},
};
use jiff::Timestamp;

struct World {
    playground: Playground,
    account: Account,
}

impl World {
    async fn start() -> Option<World> {
        let retention = Duration::from_secs(24 * 3_600);
        let (playground, account) =
            crate::start(Options { metric_retention: retention, ..Options::default() }).await;
        Some(World { playground, account })
    }
}

#[async_trait]
impl MetricsWorld for World {
    fn metrics(&self) -> &dyn Metrics {
        self.account.metrics.as_ref()
    }

    fn nature(&self) -> Nature {
        Nature::CLOUDWATCH
    }

    fn base(&self) -> Timestamp {
        let hours = self.playground.world().now_unix().div_euclid(3_600.0);
        Timestamp::from_second((hours as i64 - 5) * 3_600).unwrap()
    }

    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64) {
        let dimensions: Vec<(&str, &str)> =
            metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let world = self.playground.world();
        world.put_metric(&metric.namespace, &metric.metric, &dimensions, at.as_second() as f64, value);
    }

    async fn set_alarm(&self, name: &str, kind: AlarmKind, state: AlarmState) {
        let state = match state {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        };
        let world = self.playground.world();
        match kind {
            AlarmKind::Metric => world.set_alarm(name, state),
            AlarmKind::Composite => world.set_composite_alarm(name, state),
        }
    }

    async fn fault(&self, fault: Fault) {
        self.playground.world().arm(Armed::always(match fault {
            Fault::Outage => FaultKind::Outage,
            Fault::Throttled => FaultKind::Throttle,
            Fault::PartialData => FaultKind::PartialData,
            Fault::Forbidden => FaultKind::Forbidden,
        }));
    }
}

crossfade_ports::metrics_suite!(World::start());
