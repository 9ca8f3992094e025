//! Pause and revert for many.

use axum::http::StatusCode;
use crossfade_api::types::Fleet;
use serde_json::json;

use crate::world::{World, plan};

async fn fleet() -> World {
    let world = World::new();
    for (name, state) in [("www", "moved"), ("shop", "scheduled"), ("api", "cancelled")] {
        world.shift(name, state).await;
    }
    world
}

fn outcomes(answer: &crate::world::Answer) -> Vec<(String, String)> {
    let items = answer.json()["items"].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    items.iter().map(|item| (text(&item["name"]), text(&item["outcome"]))).collect()
}

#[tokio::test]
async fn all_shifts_are_paused_when_that_is_said() {
    let world = fleet().await;
    let answer = world.post("/api/v1/pause", r#"{"selector": {}, "reason": "incident 7"}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(outcomes(&answer), [("shop".into(), "done".into()), ("www".into(), "done".into())]);
    let events = &answer.json()["items"][0]["events"];
    assert_eq!((&events[0]["kind"], &events[0]["reason"]), (&json!("paused"), &json!("incident 7")));
}

#[tokio::test]
async fn labels_select() {
    let world = fleet().await;
    let selector = r#"{"selector": {"env": "prod", "product": "www"}}"#;
    assert_eq!(outcomes(&world.post("/api/v1/pause", selector).await), [("www".into(), "done".into())]);
    let nobody = r#"{"selector": {"env": "staging"}}"#;
    assert_eq!(outcomes(&world.post("/api/v1/pause", nobody).await), []);
}

#[tokio::test]
async fn a_revert_says_what_happened_to_each() {
    let world = fleet().await;
    let answer = world.post("/api/v1/revert", r#"{"selector": {}}"#).await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    let read: Fleet = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), answer.json());
}

#[tokio::test]
async fn what_should_have_been_done_and_was_not_shows_in_the_status() {
    let world = fleet().await;
    world.store.take_down(&["commit"]);
    let answer = world.post("/api/v1/revert", r#"{"selector": {"product": "www"}}"#).await;
    assert_eq!(
        (answer.status, outcomes(&answer)),
        (StatusCode::MULTI_STATUS, vec![("www".into(), "failed".into())])
    );
    assert_eq!(answer.json()["items"][0]["problem"]["code"], "store_unavailable");
    world.store.take_down(&["claims"]);
    assert_eq!(world.post("/api/v1/revert", r#"{"selector": {}}"#).await.code(), "store_unavailable");
}

#[tokio::test]
async fn a_shift_that_cannot_be_read_stops_nobody_from_stopping_the_others() {
    let world = fleet().await;
    // One that is over for good, and one that may have whatever labels.
    world.store.spoil(&["api", "shop"]);
    let answer = world.post("/api/v1/revert", r#"{"selector": {"product": "www"}}"#).await;
    assert_eq!(
        (answer.status, outcomes(&answer)),
        (StatusCode::MULTI_STATUS, vec![("shop".into(), "failed".into()), ("www".into(), "done".into())])
    );
    let failed = &answer.json()["items"][0];
    assert_eq!((&failed["problem"]["code"], &failed["headline"]), (&json!("internal"), &json!(null)));
    // Nobody is led to take back what may not have been meant.
    let hint = failed["problem"]["hint"].as_str().unwrap();
    assert!(hint.contains("crossfade status shop") && !hint.contains("--direct"), "{hint}");
    // Nor from using records that nobody holds any more.
    let next = plan("api").replacen("name: api", "name: next", 1);
    assert_eq!(world.post_plan("/api/v1/shifts", &next).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn nobody_stops_everything_by_an_empty_body() {
    let world = fleet().await;
    insta::assert_snapshot!(world.post("/api/v1/pause", "{}").await.shown());
    for (path, body) in [
        ("pause", ""),
        ("revert", r#"{"selector": null}"#),
        ("revert", r#"{"selector": {}, "freeze": true}"#),
    ] {
        let answer = world.post(&format!("/api/v1/{path}"), body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "malformed_body"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_repeat_does_only_what_is_left() {
    let world = fleet().await;
    let body = r#"{"selector": {}}"#;
    let first = world.post_keyed("/api/v1/pause", body, "k-1").await;
    let again = world.post_keyed("/api/v1/pause", body, "k-1").await;
    assert_eq!(first.json(), again.json());
    let other = world.post_keyed("/api/v1/pause", r#"{"selector": {"product": "www"}}"#, "k-1").await;
    assert_eq!(other.json()["items"][0]["problem"]["code"], "idempotency_key_reused");
}
