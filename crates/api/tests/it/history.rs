//! What happened, page by page: as events, and as it is kept.

use crate::world::World;

#[tokio::test]
async fn events_are_paged_by_their_sequence_numbers() {
    let world = World::new();
    world.shift("www", "running").await;
    world.post("/api/v1/shifts/www/pause", r#"{"reason": "lunch"}"#).await;
    let page = world.get("/api/v1/shifts/www/history?limit=2").await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &"2".into()));
    insta::assert_snapshot!(world.get("/api/v1/shifts/www/history?after=2").await.shown());
    assert_eq!(world.get("/api/v1/shifts/www/history?after=99").await.json()["items"], serde_json::json!([]));
    assert_eq!(world.get("/api/v1/shifts/none/history").await.code(), "no_such_shift");
    assert_eq!(world.get("/api/v1/shifts/www/history?after=-1").await.code(), "malformed_request");
}

#[tokio::test]
async fn a_chain_is_shown_as_it_is_kept() {
    let world = World::new();
    world.shift("www", "running").await;
    world.shift("api", "scheduled").await;
    world.post("/api/v1/shifts/www/pause", r#"{"reason": "lunch"}"#).await;
    let page = world.get("/api/v1/chains/www?limit=2").await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &"3".into()));
    let last = world.get("/api/v1/chains/www?from=3").await;
    insta::assert_snapshot!(last.shown());
    let event = &world.get("/api/v1/shifts/www/history?after=2").await.json()["items"][0];
    let row = &last.json()["items"][0];
    assert_eq!((&row["hash"], row["data"].as_str().unwrap()), (&event["hash"], &*event["data"].to_string()));
    assert_eq!(last.json()["head"]["hash"], event["hash"]);
    assert_eq!(world.get("/api/v1/chains/www?from=4").await.json()["items"], serde_json::json!([]));
    assert_eq!(world.get("/api/v1/chains/none").await.code(), "no_such_shift");
    assert_eq!(world.get("/api/v1/chains/www?after=1").await.code(), "malformed_request");

    let names = world.get("/api/v1/chains").await.json();
    assert_eq!(names, serde_json::json!({ "items": ["api", "www"], "next": null }));
    let names = world.get("/api/v1/chains?limit=1").await.json();
    assert_eq!(names, serde_json::json!({ "items": ["api"], "next": "api" }));
    let names = world.get("/api/v1/chains?cursor=api").await.json();
    assert_eq!(names, serde_json::json!({ "items": ["www"], "next": null }));
}
