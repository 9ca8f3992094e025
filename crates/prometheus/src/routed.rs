//! Two sources of metrics as one: every query goes to whom it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use crossfade_core::gate::{AlarmQuery, AlarmReading, MetricQuery, Point, Provider, Statistic};
use crossfade_ports::{Dimensions, Metrics, Series};
use futures::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};

use crate::Server;

/// Where an expression of latency wants its quantile, from 0 to 1.
const QUANTILE: &str = "$quantile";

/// Queries on their way. Prometheus works on twenty at once, of everybody's.
/// <https://prometheus.io/docs/prometheus/latest/command-line/prometheus/>
const AT_ONCE: usize = 8;

/// Whoever else has metrics, with a Prometheus beside it where there is one.
pub struct Routed {
    others: Arc<dyn Metrics>,
    server: Option<Server>,
}

impl Routed {
    pub fn new(others: Arc<dyn Metrics>, server: Option<Server>) -> Routed {
        Routed { others, server }
    }

    async fn ask(&self, query: &MetricQuery, from: Timestamp, to: Timestamp) -> Result<Vec<Point>, String> {
        let Some(server) = &self.server else {
            return Err("no Prometheus is configured: `prometheus.url` says where it is".to_owned());
        };
        let text = match query.statistic {
            Statistic::Percentile(percentile) => {
                query.metric.replace(QUANTILE, &percentile.ratio().to_string())
            }
            Statistic::Sum | Statistic::Average | Statistic::SampleCount => query.metric.clone(),
        };
        let period = SignedDuration::from_secs(i64::from(query.period_seconds));
        server.range(&text, period, from, to).await
    }
}

#[async_trait]
impl Metrics for Routed {
    async fn read(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<MetricQuery, Series> {
        let (ours, others): (Vec<MetricQuery>, Vec<MetricQuery>) =
            queries.iter().cloned().partition(|query| query.provider == Provider::Prometheus);
        let asked = stream::iter(ours).map(|query| async move {
            let series = match self.ask(&query, from, to).await {
                Ok(points) => Series { points, incomplete: None },
                Err(why) => Series { points: Vec::new(), incomplete: Some(why) },
            };
            (query, series)
        });
        let asked = asked.buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let read = async {
            if others.is_empty() { BTreeMap::new() } else { self.others.read(&others, from, to).await }
        };
        let (asked, mut read) = futures::join!(asked, read);
        read.extend(asked);
        read
    }

    async fn known(&self, query: &MetricQuery) -> Result<BTreeSet<Dimensions>, String> {
        match query.provider {
            Provider::CloudWatch => self.others.known(query).await,
            Provider::Prometheus => {
                Err("an expression has no dimensions: try it in Prometheus itself".to_owned())
            }
        }
    }

    async fn alarms(&self, queries: &[AlarmQuery]) -> BTreeMap<AlarmQuery, AlarmReading> {
        self.others.alarms(queries).await
    }
}
