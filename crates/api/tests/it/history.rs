//! What happened, page by page.

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
