//! A router over a zone, a store and a clock that stands still.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use crossfade_api::{App, router};
use crossfade_core::{
    Share, ZoneId,
    event::{Actor, Happened},
    shift::Purpose,
};
use crossfade_ports::{
    Account, Accounts, Clock, Poke, Store, Vitals,
    fake::{metrics::MemoryMetrics, zones::MemoryZones},
    store::Head,
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::Value;
use tower::ServiceExt;

use crate::store::Unsteady;

pub(crate) const OWNER: &str = "installation-1";

pub(crate) struct World {
    pub(crate) store: Unsteady,
    pub(crate) zones: MemoryZones,
    pub(crate) metrics: MemoryMetrics,
    pub(crate) zone: ZoneId,
    pub(crate) poke: Poke,
    pub(crate) vitals: Vitals,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

/// Where a shift can stand, as far as verbs care.
pub(crate) const STATES: [&str; 8] =
    ["scheduled", "running", "moved", "paused", "completed", "reverting", "reverted", "cancelled"];

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut App)) -> World {
        let (store, zones) = (Unsteady::default(), MemoryZones::new());
        let zone = zones.create_zone("example.com");
        for name in ["www.example.com", "shop.example.com", "api.example.com"] {
            zones.create_group(&zone, name, &[("legacy", 100), ("cloud", 0)]);
        }
        let metrics = MemoryMetrics::new();
        let account = Account { zones: Arc::new(zones.clone()), metrics: Arc::new(metrics.clone()) };
        let (poke, vitals) = (Poke::default(), Vitals::default());
        let mut app = App {
            store: Arc::new(store.clone()),
            accounts: Accounts(BTreeMap::from([("default".to_owned(), account)])),
            clock: Arc::new(StoppedClock),
            poke: poke.clone(),
            vitals: vitals.clone(),
            owner: OWNER.to_owned(),
            prometheus: None,
            version: "1.2.3",
            loopback: true,
        };
        change(&mut app);
        World { store, zones, metrics, zone, poke, vitals, router: router(app) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// A change with a JSON body, or none for an empty text.
    pub(crate) async fn post(&self, path: &str, json: &str) -> Answer {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.body(Body::from(json.to_owned())).unwrap()).await
    }

    pub(crate) async fn post_keyed(&self, path: &str, json: &str, key: &str) -> Answer {
        let request = request("POST", path).header("content-type", "application/json");
        self.send(request.header("idempotency-key", key).body(Body::from(json.to_owned())).unwrap()).await
    }

    pub(crate) async fn post_plan(&self, path: &str, yaml: &str) -> Answer {
        self.plan("POST", path, yaml).await
    }

    pub(crate) async fn plan(&self, method: &str, path: &str, yaml: &str) -> Answer {
        let request = request(method, path).header("content-type", "application/yaml");
        self.send(request.body(Body::from(yaml.to_owned())).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A shift of this name over the records of the same name, in one of [`STATES`].
    pub(crate) async fn shift(&self, name: &str, state: &str) {
        let created = self.post_plan("/api/v1/shifts", &plan(name)).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        match state {
            "scheduled" => {}
            "running" => self.happen(name, vec![Happened::Started {}]).await,
            "moved" => self.moved(name).await,
            "paused" => {
                self.moved(name).await;
                self.happen(name, vec![Happened::Paused { freeze: false }]).await;
            }
            "completed" => {
                self.moved(name).await;
                self.happen(name, vec![Happened::Completed {}]).await;
            }
            "reverting" => {
                self.moved(name).await;
                self.happen(name, vec![Happened::RevertRequested {}]).await;
            }
            "reverted" => {
                self.moved(name).await;
                self.happen(name, vec![Happened::RevertRequested {}, Happened::Reverted {}]).await;
            }
            "cancelled" => self.happen(name, vec![Happened::Cancelled {}]).await,
            other => panic!("no state {other}"),
        }
        self.store.calls();
    }

    /// What the engine would have committed.
    pub(crate) async fn happen(&self, name: &str, happened: Vec<Happened>) {
        let shift = self.store.load(name).await.unwrap().unwrap().shift;
        let (after, events) = shift.after(happened, &Actor::daemon(), None, now()).unwrap();
        self.store.commit(&Head::of(&shift), &after, &events, None, None).await.unwrap();
    }

    /// At its first step, with all of that confirmed.
    async fn moved(&self, name: &str) {
        let shift = self.store.load(name).await.unwrap().unwrap().shift;
        let share = Share::from_percent(10.0).unwrap();
        let weights = shift.weights_for(share);
        let before = shift.own_sets(&self.zone, &self.zones.sets(&self.zone));
        let after = before.iter().map(|set| {
            let weight = weights.values().find_map(|weights| weights.get(set.set_identifier()?)).unwrap();
            set.with_weight(*weight).unwrap()
        });
        let after = BTreeMap::from([(self.zone.clone(), after.collect())]);
        let (zone, generation) = (self.zone.clone(), 1);
        self.happen(
            name,
            vec![
                Happened::Started {},
                Happened::BaselineTaken { sets: BTreeMap::from([(zone.clone(), before)]) },
                Happened::Intended {
                    generation,
                    purpose: Purpose::Step { index: 0 },
                    share,
                    weights,
                    gates: Vec::new(),
                },
                Happened::Accepted { generation, zone: zone.clone(), change: None },
                Happened::InSync { generation, zone },
                Happened::Confirmed { generation, settled_at: now(), sets: after },
            ],
        )
        .await;
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and body, as they would be read.
    pub(crate) fn shown(&self) -> String {
        let mut shown = self.status.to_string();
        for name in ["location", "etag", "allow", "retry-after", "content-type"] {
            if let Some(value) = self.headers.get(name) {
                write!(shown, "\n{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        let body = match serde_json::from_str::<Value>(&self.text) {
            Ok(mut json) => {
                redact(&mut json);
                serde_json::to_string_pretty(&json).unwrap()
            }
            Err(_) => self.text.clone(),
        };
        write!(shown, "\n\n{body}").unwrap();
        shown
    }
}

/// Leaves out what is the core's and would make every test one of it: plans, gates' numbers, hashes.
fn redact(json: &mut Value) {
    match json {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), &value) {
                    ("plan" | "hash", _) => *value = format!("[{key}]").into(),
                    ("gates", Value::Array(gates)) if !gates.is_empty() => *value = "[gates]".into(),
                    _ => redact(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8080")
        .header("x-crossfade-actor", "alice")
}

/// Moves `<name>.example.com`.
pub(crate) fn plan(name: &str) -> String {
    format!(
        r#"name: {name}
owner: team-web
runbook: https://wiki.example.com/runbooks/{name}
labels: {{ env: prod, product: {name} }}
records:
  - {{ zone: example.com, name: {name}.example.com, types: [A] }}
from: {{ legacy: 1 }}
to: {{ cloud: 1 }}
ramp: {{ steps: [10, 50, 100], hold: 30m }}
gates:
  - name: errors
    error_rate:
      to: {{ preset: alb, load_balancer: app/cloud/50dc6c495c0c9188 }}
"#
    )
}
