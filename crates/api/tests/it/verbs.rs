//! One verb for one shift.

use std::{fmt::Write as _, time::Duration};

use axum::{body::Body, http::StatusCode};
use crossfade_api::types::Done;
use crossfade_core::shift::Command;

use crate::world::{Answer, STATES, World, request};

#[tokio::test]
async fn every_verb_in_every_state() {
    let mut table = format!("{:10}", "");
    for verb in Command::ALL.map(Command::verb) {
        write!(table, " {verb:9}").unwrap();
    }
    for state in STATES {
        write!(table, "\n{state:10}").unwrap();
        for verb in Command::ALL.map(Command::verb) {
            let world = World::new();
            world.shift("www", state).await;
            let answer = world.post(&format!("/api/v1/shifts/www/{verb}"), "").await;
            let outcome = match answer.status {
                StatusCode::ACCEPTED => "ok".to_owned(),
                _ => answer.code(),
            };
            write!(table, " {outcome:9}").unwrap();
            if answer.code() == "not_now" {
                let possible = answer.json()["possible"].as_array().unwrap().clone();
                assert!(!possible.contains(&verb.into()), "{verb} is refused and said to be possible");
            }
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[tokio::test]
async fn a_verb_answers_with_its_events_and_the_shift() {
    let world = World::new();
    world.shift("www", "moved").await;
    let answer =
        world.post("/api/v1/shifts/www/pause", r#"{"reason": " errors in Lyon \n", "freeze": true}"#).await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE"));
    let read: Done = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), answer.json());
}

#[tokio::test]
async fn a_refused_verb_says_what_is_possible() {
    let world = World::new();
    world.shift("www", "cancelled").await;
    insta::assert_snapshot!(world.post("/api/v1/shifts/www/start", "").await.shown());
}

#[tokio::test]
async fn an_advance_does_not_go_past_a_hold() {
    let world = World::new();
    world.shift("www", "paused").await;
    insta::assert_snapshot!(world.post("/api/v1/shifts/www/advance", "{}").await.shown());
}

#[tokio::test]
async fn a_revert_asks_the_store_twice_and_nobody_else() {
    let world = World::new();
    world.shift("www", "moved").await;
    let reads = world.zones.reads();
    let _ = tokio::time::timeout(Duration::ZERO, world.poke.poked()).await;
    let answer = world.post("/api/v1/shifts/www/revert", "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(world.store.calls(), ["load", "commit"]);
    assert_eq!(world.zones.reads(), reads);
    tokio::time::timeout(Duration::from_secs(1), world.poke.poked()).await.expect("the engine was poked");
    let kinds: Vec<_> =
        answer.json()["events"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(kinds, ["revert_requested", "intended"]);
}

#[tokio::test]
async fn a_verb_starts_over_when_somebody_else_was_faster() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.conflict(3);
    assert_eq!(world.post("/api/v1/shifts/www/pause", "").await.status, StatusCode::ACCEPTED);
    world.store.conflict(100);
    insta::assert_snapshot!(world.post("/api/v1/shifts/www/revert", "").await.shown());
}

#[tokio::test]
async fn if_match_is_honoured_but_not_for_pause_and_revert() {
    let world = World::new();
    world.shift("www", "moved").await;
    let send = async |verb: &str, tag: &str| {
        let request = request("POST", &format!("/api/v1/shifts/www/{verb}")).header("if-match", tag);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let stale = send("advance", "\"3\"").await;
    insta::assert_snapshot!(stale.shown());
    assert_eq!(send("advance", "\"no-version\"").await.code(), "version_conflict");
    assert_eq!(send("advance", "\"7\"").await.status, StatusCode::ACCEPTED);
    assert_eq!(send("pause", "\"3\"").await.status, StatusCode::ACCEPTED);
    assert_eq!(send("resume", "*").await.status, StatusCode::ACCEPTED);
    assert_eq!(send("revert", "\"3\"").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_revert_that_cannot_be_recorded_shows_the_way_around() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.take_down(&["commit"]);
    let answer = world.post("/api/v1/shifts/www/revert", "").await;
    insta::assert_snapshot!(answer.shown().replace(&world.zone.0, "ZONE-OF-THE-SHIFT"));
    world.store.take_down(&["load"]);
    let answer = world.post("/api/v1/shifts/www/revert", "").await;
    assert!(
        answer.json()["hint"].as_str().unwrap().contains("crossfade revert --direct --zone ZONE --name NAME")
    );
    let answer = world.post("/api/v1/shifts/www/pause", "").await;
    assert!(!answer.json()["hint"].as_str().unwrap().contains("--direct"));
}

#[tokio::test]
async fn a_revert_that_the_database_refuses_to_record_shows_the_way_around() {
    let world = World::new();
    world.shift("www", "moved").await;
    world.store.refuse(&["commit"]);
    let hint = |answer: Answer| answer.json()["hint"].as_str().unwrap().to_owned();
    let answer = world.post("/api/v1/shifts/www/revert", "").await;
    assert_eq!(answer.code(), "internal");
    let way = format!("crossfade revert --direct --zone {} --name www.example.com", world.zone.0);
    assert!(hint(answer).contains(&way));
    assert!(!hint(world.post("/api/v1/shifts/www/pause", "").await).contains("--direct"));
}

#[tokio::test]
async fn only_pause_can_freeze_and_reasons_are_bounded() {
    let world = World::new();
    world.shift("www", "moved").await;
    for (verb, body) in [
        ("revert", r#"{"freeze": true}"#.to_owned()),
        ("pause", r#"{"because": "typo"}"#.to_owned()),
        ("pause", r#"{"reason": "tab\u0007"}"#.to_owned()),
        ("pause", format!(r#"{{"reason": "{}"}}"#, "x".repeat(1_001))),
    ] {
        let answer = world.post(&format!("/api/v1/shifts/www/{verb}"), &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "malformed_body"),
            "{body}"
        );
    }
}
