//! `Routed` passes the suite of every source of metrics: a real Prometheus for the metrics, and beside it a fake for the
//! alarms, which Prometheus has none of.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use crossfade_core::gate::{AlarmQuery, AlarmState, MetricQuery, Provider, Statistic};
use crossfade_ports::{
    Clock as _, Metrics, SystemClock,
    conformance::metrics::{AlarmKind, Fault, MetricsWorld, Nature},
    fake::metrics::MemoryMetrics,
};
use crossfade_prometheus::{Config, Routed, Server};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};

use crate::server::{Prometheus, start};

struct World {
    prometheus: Prometheus,
    client: Client,
    others: MemoryMetrics,
    routed: Routed,
    base: Timestamp,
    /// Written with the next flush: by series, each time in milliseconds with its value.
    pending: Mutex<BTreeMap<Labels, Vec<(i64, f64)>>>,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// In the order of their names, as remote write wants them.
type Labels = BTreeMap<&'static str, String>;

impl World {
    async fn start() -> Option<World> {
        let prometheus = start(None).await?;
        let client = Client::new();
        let fault = Arc::new(Mutex::new(None));
        let url = gateway(&prometheus, &client, fault.clone()).await;
        let others = MemoryMetrics::new();
        let server = Server::new(&Config { url, ..Config::default() }).unwrap();
        let routed = Routed::new(Arc::new(others.clone()), Some(server));
        let hours = SystemClock.now().as_second() / 3_600;
        let base = Timestamp::from_second((hours - 5) * 3_600).unwrap();
        Some(World { prometheus, client, others, routed, base, pending: Mutex::default(), fault })
    }
}

#[async_trait]
impl MetricsWorld for World {
    fn metrics(&self) -> &dyn Metrics {
        &self.routed
    }

    /// Samples of a gauge, of which an expression makes one number a period.
    fn nature(&self) -> Nature {
        Nature { lists_dimensions: false, ranks_percentiles: false }
    }

    fn asked(&self, metric: &MetricQuery) -> MetricQuery {
        let mut labels = labels(metric);
        let name = labels.remove("__name__").unwrap();
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let samples = format!("{name}{{{}}}[$period]", labels.join(","));
        let expression = match metric.statistic {
            Statistic::Sum => format!("sum_over_time({samples})"),
            Statistic::Average => format!("avg_over_time({samples})"),
            Statistic::SampleCount => format!("count_over_time({samples})"),
            Statistic::Percentile(_) => format!("quantile_over_time($quantile, {samples})"),
        };
        MetricQuery {
            namespace: String::new(),
            metric: expression,
            dimensions: BTreeMap::new(),
            provider: Provider::Prometheus,
            ..metric.clone()
        }
    }

    fn base(&self) -> Timestamp {
        self.base
    }

    /// A sample tells what happened before it: what belongs to an instant is seen a moment later.
    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64) {
        let mut pending = self.pending.lock().unwrap();
        pending.entry(labels(metric)).or_default().push((at.as_millisecond() + 1, value));
    }

    async fn flush(&self) {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap());
        if pending.is_empty() {
            return;
        }
        let sent = self
            .client
            .post(format!("{}api/v1/write", self.prometheus.url))
            .header("content-encoding", "snappy")
            .header("content-type", "application/x-protobuf")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(snappy(&write_request(&pending)));
        let answer = sent.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    async fn set_alarm(&self, name: &str, _: AlarmKind, state: AlarmState) {
        let query = AlarmQuery { region: None, name: name.to_owned() };
        self.others.set_alarm(&query, state, self.base);
    }

    async fn fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
        self.others.outage(Some(&format!("{fault:?}")));
    }
}

fn labels(metric: &MetricQuery) -> Labels {
    let dimensions: Vec<String> =
        metric.dimensions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    BTreeMap::from([
        ("__name__", metric.metric.clone()),
        ("dimensions", dimensions.join(", ")),
        ("namespace", metric.namespace.clone()),
    ])
}

#[derive(Clone)]
struct Gateway {
    behind: String,
    client: Client,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// Stands in front of the server, as in most installations, and has the faults that a server alone does not show.
async fn gateway(prometheus: &Prometheus, client: &Client, fault: Arc<Mutex<Option<Fault>>>) -> String {
    let behind = format!("{}api/v1/query_range", prometheus.url);
    let state = Gateway { behind, client: client.clone(), fault };
    let router = Router::new().route("/api/v1/query_range", post(pass_on)).with_state(state);
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn pass_on(State(gateway): State<Gateway>, form: Bytes) -> (StatusCode, String) {
    let fault = *gateway.fault.lock().unwrap();
    let refused = |status: StatusCode| (status, status.to_string());
    match fault {
        Some(Fault::Outage) => return refused(StatusCode::BAD_GATEWAY),
        Some(Fault::Throttled) => return refused(StatusCode::TOO_MANY_REQUESTS),
        Some(Fault::Forbidden) => return refused(StatusCode::FORBIDDEN),
        Some(Fault::PartialData) | None => {}
    }
    let form_type = "application/x-www-form-urlencoded";
    let sent = gateway.client.post(&gateway.behind).header("content-type", form_type).body(form);
    let answer = sent.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    if fault.is_some() {
        answer["warnings"] = json!(["one of the stores is away"]);
    }
    (status, answer.to_string())
}

/// <https://prometheus.io/docs/concepts/remote_write_spec/>
fn write_request(series: &BTreeMap<Labels, Vec<(i64, f64)>>) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, samples) in series {
        let mut one = Vec::new();
        for (name, value) in labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut one, 1, &label);
        }
        let mut samples = samples.clone();
        samples.sort_by_key(|(at, _)| *at);
        for (at, value) in samples {
            // A double, and a whole number.
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, at.try_into().unwrap());
            field(&mut one, 2, &sample);
        }
        field(&mut request, 1, &one);
    }
    request
}

/// A field of a protocol buffer that has a length.
fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        into.push(number as u8 | 128);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Nothing is made shorter: all of it is one literal. <https://github.com/google/snappy/blob/main/format_description.txt>
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, bytes.len() as u64);
    out.push(63 << 2);
    out.extend_from_slice(&(bytes.len() as u32 - 1).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

crossfade_ports::metrics_suite!(World::start());
