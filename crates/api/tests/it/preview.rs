//! What a plan would do.

use axum::http::StatusCode;
use crossfade_core::{
    gate::{AlarmQuery, AlarmState, request_queries},
    plan::Source,
};
use jiff::SignedDuration;

use crate::world::{World, now, plan};

#[tokio::test]
async fn a_plan_is_held_against_the_zone() {
    let world = World::new();
    let answer = world.post_plan("/api/v1/preview", &plan("www")).await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    let wrong = plan("www").replace("zone: example.com", "zone: example.org");
    assert_eq!(world.post_plan("/api/v1/preview", &wrong).await.code(), "plan_invalid");
}

/// What would keep the gates from ever passing is said before anything moves.
#[tokio::test]
async fn metrics_without_data_and_alarms_that_are_not_there_are_told() {
    let world = World::new();
    let named = |load_balancer: &str| {
        let source = format!(r#"{{"preset":"alb","load_balancer":"{load_balancer}"}}"#);
        request_queries(&serde_json::from_str::<Source>(&source).unwrap()).remove(0)
    };
    let hour_ago = now() - SignedDuration::from_hours(1);
    world.metrics.put(&named("app/cloud/1"), hour_ago, 1.0);
    let red = AlarmQuery { region: None, name: "site".to_owned() };
    world.metrics.set_alarm(&red, AlarmState::Alarm, hour_ago);
    let gates = "\ngates:\n  \
        - { name: right, error_rate: { to: { preset: alb, load_balancer: app/cloud/1 } } }\n  \
        - { name: wrong, error_rate: { to: { preset: alb, load_balancer: app/clod/1 } } }\n  \
        - { name: none, latency: { to: { preset: classic-elb, load_balancer: cloud } }, max_latency: 1s }\n  \
        - { name: alarms, alarms: { names: [site, sight] } }\n";
    let text = plan("www");
    let text = format!("{}{gates}", text.split("\ngates:").next().unwrap());
    let answer = world.post_plan("/api/v1/preview", &text).await;
    let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    insta::assert_json_snapshot!(body["warnings"]);
    world.metrics.outage(Some("denied"));
    let answer = world.post_plan("/api/v1/preview", &text).await;
    assert!(answer.text.contains("gate right: the metrics of the `to` side could not be read: denied"));
}

/// At the traffic that is there, and by the plan's own calendar.
#[tokio::test]
async fn what_the_gates_will_see_and_when_it_is_open_is_told() {
    let world = World::new();
    let sides = "{ preset: alb, load_balancer: app/cloud/1 }\n      from: { preset: alb, load_balancer: app/legacy/1 }";
    let text = plan("www").replace("{ preset: alb, load_balancer: app/cloud/50dc6c495c0c9188 }", sides)
        + "schedule:\n  timezone: Europe/Paris\n  windows: [{ days: [mon, tue], from: \"09:00\", to: \"16:30\" }]\n";
    let preview = async || world.post_plan("/api/v1/preview", &text).await.json();
    // A new `to` side has no data, and a `from` side without any tells nothing of the traffic.
    let before = preview().await;
    assert_eq!(before["sensitivity"], serde_json::json!([]));
    let source: Source = serde_json::from_str(r#"{"preset":"alb","load_balancer":"app/legacy/1"}"#).unwrap();
    let requests = request_queries(&source).remove(0);
    world.metrics.put_each(&requests, now() - SignedDuration::from_hours(3), now(), 8_000.0);
    let told = preview().await;
    let seen: Vec<&str> = told["sensitivity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|seen| seen["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].starts_with("at 10 % and 800 requests a minute it sees "), "{seen:?}");
    let openings = told["openings"].as_array().unwrap();
    assert_eq!(openings.len(), 3);
    assert!(openings[0]["sentence"].as_str().unwrap().contains("Europe/Paris"), "{openings:?}");
    world.metrics.outage(Some("denied"));
    assert_eq!(preview().await["sensitivity"], serde_json::json!([]));
}

#[tokio::test]
async fn shifts_that_would_wait_for_each_other_are_refused() {
    let world = World::new();
    let after = |name: &str, other: &str| format!("{}schedule: {{ after: [{other}] }}\n", plan(name));
    let shifts = "/api/v1/shifts";
    for (name, other) in [("www", "shop"), ("shop", "api")] {
        assert_eq!(world.post_plan(shifts, &after(name, other)).await.status, StatusCode::CREATED);
    }
    let closing = after("api", "www");
    for path in ["/api/v1/preview", "/api/v1/shifts?dry_run=true", shifts] {
        let refused = world.post_plan(path, &closing).await;
        assert_eq!(refused.code(), "dependency_circle", "{path}");
        assert_eq!(
            refused.json()["detail"],
            "The plan would wait for itself: api comes after www comes after shop comes after api."
        );
    }
    // A revision may close a circle as well.
    assert_eq!(world.post_plan(shifts, &plan("api")).await.status, StatusCode::CREATED);
    for path in ["/api/v1/shifts/api/plan?dry_run=true", "/api/v1/shifts/api/plan"] {
        assert_eq!(world.plan("PUT", path, &closing).await.code(), "dependency_circle", "{path}");
    }
    // Whoever has given up waits for nobody.
    world.post("/api/v1/shifts/shop/cancel", "").await;
    assert_eq!(world.plan("PUT", "/api/v1/shifts/api/plan", &closing).await.status, StatusCode::ACCEPTED);
}
