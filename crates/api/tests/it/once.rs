//! Idempotency keys.

use axum::{body::Body, http::StatusCode};
use crossfade_ports::Store;

use crate::world::{World, plan, request};

#[tokio::test]
async fn a_repeated_verb_is_answered_alike_and_done_once() {
    let world = World::new();
    world.shift("www", "moved").await;
    let path = "/api/v1/shifts/www/revert";
    let first = world.post_keyed(path, r#"{"reason": "errors"}"#, "k-1").await;
    let again = world.post_keyed(path, r#"{"reason": "errors"}"#, "\"k-1\"").await;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(first.json()["events"], again.json()["events"]);
    assert_eq!(first.json()["events"].as_array().unwrap().len(), 2);
    assert_eq!(world.store.load("www").await.unwrap().unwrap().shift.version, 9);
}

#[tokio::test]
async fn a_lost_answer_is_given_to_the_repeat() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.lose_answers(1);
    let path = "/api/v1/shifts/www/revert";
    assert_eq!(world.post_keyed(path, "", "k-1").await.code(), "store_unavailable");
    let again = world.post_keyed(path, "", "k-1").await;
    assert_eq!((again.status, &again.json()["shift"]["version"]), (StatusCode::ACCEPTED, &9.into()));
    assert_eq!(again.json()["events"][0]["kind"], "revert_requested");
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.post_keyed("/api/v1/shifts/www/pause", r#"{"reason": "a"}"#, "k-1").await;
    let other = world.post_keyed("/api/v1/shifts/www/pause", r#"{"reason": "b"}"#, "k-1").await;
    insta::assert_snapshot!(other.shown());
    let elsewhere = world.post_keyed("/api/v1/shifts/www/resume", r#"{"reason": "a"}"#, "k-1").await;
    assert_eq!(elsewhere.code(), "idempotency_key_reused");
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let world = World::new();
    world.shift("www", "scheduled").await;
    assert_eq!(world.post_keyed("/api/v1/shifts/www/resume", "", "k-1").await.code(), "not_now");
    world.post("/api/v1/shifts/www/pause", "").await;
    assert_eq!(world.post_keyed("/api/v1/shifts/www/resume", "", "k-1").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_repeated_creation_is_answered_alike() {
    let world = World::new();
    let create = async |name: &str| {
        let request = request("POST", "/api/v1/shifts").header("content-type", "application/yaml");
        world.send(request.header("idempotency-key", "k-1").body(Body::from(plan(name))).unwrap()).await
    };
    let (first, again) = (create("www").await, create("www").await);
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.json(), again.json());
    assert_eq!(create("shop").await.code(), "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_without_substance_is_refused() {
    let world = World::new();
    world.shift("www", "moved").await;
    for key in ["", "\"\"", "two words", &"k".repeat(129)] {
        assert_eq!(
            world.post_keyed("/api/v1/shifts/www/pause", "", key).await.code(),
            "malformed_request",
            "{key}"
        );
    }
}
