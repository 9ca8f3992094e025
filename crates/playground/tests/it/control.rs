//! The control API, as another process uses it.

use crossfade_playground::FaultKind;
use serde_json::{Value, json};

use crate::support::{get, immediate, send};

const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn the_world_can_be_turned_over_http() {
    let playground = immediate().await;
    let world = playground.world();
    let post = async |path: &str, body: Value| {
        let path = format!("/_playground/{path}");
        let answer =
            send(&playground, "POST", &path, JSON, body.to_string().as_bytes()).await.expect("an answer");
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap_or_default()
    };
    let zone = post("zones", json!({ "name": "example.org" })).await["id"].as_str().unwrap().to_owned();
    for (id, weight, address) in [("legacy", 100, "192.0.2.1"), ("cloud", 0, "192.0.2.2")] {
        let record = json!({ "name": "www.example.org", "type": "A", "ttl": 5, "set_identifier": id, "weight": weight, "values": [address] });
        post(&format!("zones/{zone}/records"), record).await;
        let metrics = json!({ "shape": "custom", "namespace": "N", "dimensions": { "Endpoint": id } });
        post("endpoints", json!({ "name": id, "addresses": [address], "metrics": metrics })).await;
    }
    let cloud = json!({ "name": "www.example.org", "type": "A", "set_identifier": "cloud", "weight": 7 });
    post(&format!("zones/{zone}/foreign-weight"), cloud).await;
    assert_eq!(world.weights(&zone, "www.example.org", "A")["cloud"], 7);

    post("endpoints/cloud", json!({ "error_rate": 0.5, "state": "refusing", "latency": 0.2 })).await;
    let turned = world.endpoints().into_iter().find(|endpoint| endpoint.name == "cloud").unwrap();
    assert_eq!((turned.error_rate, turned.latency.as_millis()), (0.5, 200));

    post("traffic", json!({ "name": "www.example.org", "requests_per_second": 5_000 })).await;
    post(
        "faults",
        json!({ "kind": "timeout_after_apply", "hold": 2.5, "operation": "GetChange", "times": 3 }),
    )
    .await;
    assert!(
        matches!(world.armed()[0].kind, FaultKind::TimeoutAfterApply { hold } if hold.as_millis() == 2_500)
    );
    post("metrics", json!({ "namespace": "N", "metric": "M", "value": 1 })).await;
    post("alarms", json!({ "name": "latency", "state": "ALARM" })).await;
    let seen = world.wait_for(|world| {
        let observed = world.observed(std::time::Duration::from_secs(30));
        observed.get("legacy").filter(|legacy| legacy.requests > 0).copied()
    });
    assert!(seen.await.requests > 0);

    let state: Value = serde_json::from_str(&get(&playground, "/_playground/state").await.body).unwrap();
    assert_eq!(state["dns"], json!(playground.dns_addr().to_string()));
    assert_eq!(state["zones"][0]["name"], json!("example.org."));
    assert_eq!(state["faults"][0]["kind"], json!("timeout_after_apply"));
    assert!(state["observed"]["legacy"]["requests"].as_u64().unwrap() > 0);
    let journal: Value = serde_json::from_str(&get(&playground, "/_playground/journal").await.body).unwrap();
    assert_eq!(journal, json!({ "items": [] }));

    let unknown =
        send(&playground, "POST", "/_playground/endpoints/none", JSON, b"{}").await.expect("an answer");
    assert_eq!(unknown.status, 404);
    let gone = send(&playground, "DELETE", "/_playground/faults", "", b"").await.expect("an answer");
    assert_eq!((gone.status, world.armed().len()), (204, 0));
    let example = post("example", json!({})).await;
    assert_eq!(example["record_name"], json!("www.example.com"));
}
