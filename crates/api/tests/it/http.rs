//! What is common to all paths.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};

use crate::world::{World, request};

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let world = World::new();
    insta::assert_snapshot!("path", world.get("/api/v2/shifts").await.shown());
    insta::assert_snapshot!("shift", world.get("/api/v1/shifts/none").await.shown());
    insta::assert_snapshot!("method", world.post("/api/v1/shifts/www/history", "").await.shown());
    insta::assert_snapshot!("verb", world.post("/api/v1/shifts/www/stop", "").await.shown());
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where() {
    let world = World::new();
    world.shift("www", "moved").await;
    insta::assert_snapshot!(world.post("/api/v1/shifts/www/pause", "{\"reason\":\n  oops}").await.shown());
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let world = World::new();
    world.shift("www", "moved").await;
    let request = request("POST", "/api/v1/shifts/www/revert").header("content-type", "text/plain");
    let answer = world.send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
    );
}

#[tokio::test]
async fn a_body_is_bounded() {
    let world = World::new();
    insta::assert_snapshot!(world.post_plan("/api/v1/shifts", &"#".repeat(256 * 1024 + 1)).await.shown());
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_not_sniffed() {
    let world = World::new();
    for path in ["/healthz", "/api/v1/shifts/none", "/nowhere"] {
        let answer = world.get(path).await;
        assert_eq!(answer.headers["x-request-id"].len(), 36, "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(answer.headers.contains_key("cache-control"), "{path}");
    }
    let request = request("GET", "/healthz").header("x-request-id", "mine").body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.headers["x-request-id"], "mine");
}

#[tokio::test]
async fn a_problem_refers_to_its_page() {
    let world = World::new();
    let about = world.get("/api/v1/shifts/none").await.json()["type"].as_str().unwrap().to_owned();
    let page = world.get(&about).await;
    assert_eq!(page.headers["content-type"], "text/markdown; charset=utf-8");
    assert!(page.text.starts_with("# `no_such_shift`"));
    assert_eq!(world.get("/errors/nothing").await.code(), "no_such_path");
}

#[tokio::test]
async fn the_page_of_another_site_cannot_change_anything() {
    let world = World::new();
    world.shift("www", "moved").await;
    let send = async |header: &str, value: &str| {
        let request = request("POST", "/api/v1/shifts/www/pause").header(header, value);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    insta::assert_snapshot!(send("sec-fetch-site", "cross-site").await.shown());
    assert_eq!(send("origin", "https://evil.example").await.code(), "cross_origin");
    assert_eq!(send("origin", "null").await.code(), "cross_origin");
    assert_eq!(send("origin", "http://localhost:8080").await.status, StatusCode::ACCEPTED);
    assert_eq!(send("sec-fetch-site", "same-origin").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn on_loopback_only_loopback_names_are_answered() {
    let ask = |host: &str| {
        Request::builder().uri("/api/v1/shifts").header("host", host).body(Body::empty()).unwrap()
    };
    let local = World::new();
    insta::assert_snapshot!(local.send(ask("rebound.example:8080")).await.shown());
    assert_eq!(local.send(ask("127.0.0.1:8080")).await.status, StatusCode::OK);
    let served = World::with(|app| app.loopback = false);
    assert_eq!(served.send(ask("crossfade.example.com")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_actor_is_a_name() {
    let world = World::new();
    world.shift("www", "moved").await;
    let send = async |actor: Option<&[u8]>| {
        let mut request = Request::builder().method("POST").uri("/api/v1/shifts/www/pause");
        if let Some(actor) = actor {
            request = request.header("x-crossfade-actor", actor);
        }
        world.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(send(None).await.json()["events"][0]["actor"], "anonymous");
    assert_eq!(send(Some("Zoë".as_bytes())).await.json()["events"][0]["actor"], "Zoë");
    let long = "x".repeat(129);
    for actor in [b"".as_slice(), b"crossfade", b"\xff", b"a\tb", long.as_bytes()] {
        assert_eq!(send(Some(actor)).await.code(), "malformed_request", "{actor:?}");
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_told_nothing_of() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.break_calls(&["list"]);
    insta::assert_snapshot!(world.get("/api/v1/shifts").await.shown());
    assert_eq!(world.get("/api/v1/shifts/www").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_stops_traffic_is_taken_when_there_is_no_room_for_more() {
    let world = Arc::new(World::new());
    world.shift("www", "moved").await;
    world.store.silence(&["list"]);
    let stuck = async |world: Arc<World>| world.get("/api/v1/shifts").await.status;
    let stuck: Vec<_> = (0..64).map(|_| tokio::spawn(stuck(world.clone()))).collect();
    while world.store.count("list") < stuck.len() {
        tokio::task::yield_now().await;
    }
    insta::assert_snapshot!(world.get("/api/v1/shifts/www").await.shown());
    assert_eq!(world.post("/api/v1/shifts/www/resume", "").await.code(), "overloaded");
    assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(world.post("/api/v1/shifts/www/pause", "").await.status, StatusCode::ACCEPTED);
    assert_eq!(world.post("/api/v1/shifts/www/revert", "").await.status, StatusCode::ACCEPTED);
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_in_time() {
    let world = World::new();
    world.store.silence(&["list", "load"]);
    insta::assert_snapshot!(world.get("/api/v1/shifts").await.shown());
    let revert = world.post("/api/v1/shifts/www/revert", "").await;
    assert_eq!(revert.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(revert.json()["hint"].as_str().unwrap().contains("crossfade revert --direct"));
}

#[tokio::test]
async fn a_nul_is_refused_before_the_store_sees_it() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.calls();
    let mut refused = Vec::new();
    for path in
        ["?label=env%3D%00", "?label=e%00%3Dprod", "?cursor=a%00", "?phase=%00", "/w%00w", "/w%00w/history"]
    {
        refused.push((world.get(&format!("/api/v1/shifts{path}")).await, "malformed_request"));
    }
    refused.push((world.post("/api/v1/shifts/w%00w/revert", "").await, "malformed_request"));
    for (path, body) in [
        ("shifts/www/pause", r#"{"reason": "a\u0000b"}"#),
        ("pause", r#"{"selector": {}, "reason": "a\u0000b"}"#),
        ("pause", r#"{"selector": {"env": "a\u0000b"}}"#),
        ("revert", r#"{"selector": {"a\u0000b": "prod"}}"#),
    ] {
        refused.push((world.post(&format!("/api/v1/{path}"), body).await, "malformed_body"));
    }
    for (answer, code) in refused {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, code),
            "{}",
            answer.text
        );
        assert!(answer.json()["hint"].is_string(), "{}", answer.text);
    }
    let plan = format!("{}\ndescription: \"a\\0b\"\n", crate::world::plan("www"));
    let answer = world.post_plan("/api/v1/shifts", &plan).await;
    assert_eq!(answer.code(), "plan_invalid");
    assert_eq!(answer.json()["errors"][0]["message"], "the text has a NUL character");
    assert!(world.store.calls().is_empty());
}
