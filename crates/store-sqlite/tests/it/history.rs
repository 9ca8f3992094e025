//! The history's defences, tried with the means of somebody who has a shell on the file.

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, shift},
    store::Head,
};
use sqlx::{Connection, SqliteConnection};

use crate::{store, url};

/// Of a shift `www` with two events.
const ATTEMPTS: &[(&str, &str)] = &[
    ("an update", "UPDATE events SET actor = 'nobody'"),
    ("an update that ignores", "UPDATE OR IGNORE events SET actor = 'nobody'"),
    ("an update that replaces", "UPDATE OR REPLACE events SET seq = 1 WHERE seq = 2"),
    ("a delete", "DELETE FROM events"),
    ("a delete of the newest", "DELETE FROM events WHERE seq = 2"),
    ("a repeat", "INSERT INTO events SELECT * FROM events WHERE seq = 2"),
    (
        "a replace",
        "INSERT OR REPLACE INTO events SELECT shift, seq, at, kind, 'x', reason, data, hash FROM events",
    ),
    (
        "a replace by rowid",
        "INSERT OR REPLACE INTO events (rowid, shift, seq, at, kind, actor, data, hash)
        VALUES (1, 'www', 3, '', '', '', '', '')",
    ),
    (
        "an upsert",
        "INSERT INTO events SELECT * FROM events WHERE true
        ON CONFLICT DO UPDATE SET actor = 'nobody'",
    ),
    ("a gap", "INSERT INTO events VALUES ('www', 4, '', '', '', NULL, '', '')"),
    ("a gap that ignores", "INSERT OR IGNORE INTO events VALUES ('www', 4, '', '', '', NULL, '', '')"),
    ("an event before the first", "INSERT INTO events VALUES ('www', 0, '', '', '', NULL, '', '')"),
    ("the end of a shift", "DELETE FROM shifts"),
    ("another name", "UPDATE shifts SET name = 'other'"),
    ("another shift in its place", "INSERT OR REPLACE INTO shifts SELECT * FROM shifts"),
];

/// Of the triggers, so that no attempt passes for refused because it is badly written.
const REASONS: &[&str] = &[
    "the history is append-only",
    "the history has no gaps",
    "a shift with a history",
    "no column named rowid",
];

#[tokio::test]
async fn no_statement_changes_the_history() {
    let (store, folder) = store().await;
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
    let history = store.events("www", 0, 100).await.unwrap();

    // As a shell has them: without foreign keys, and with triggers that do not wake each other.
    let mut shell = SqliteConnection::connect(&url(&folder)).await.unwrap();
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = OFF")
        .execute(&mut shell)
        .await
        .unwrap();
    for (what, attempt) in ATTEMPTS {
        let refused = sqlx::raw_sql(*attempt).execute(&mut shell).await;
        let why = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(REASONS.iter().any(|reason| why.contains(reason)), "{what}: {why:?}");
        assert_eq!(store.events("www", 0, 100).await.unwrap(), history, "after {what}");
        assert_eq!(store.load("www").await.unwrap().unwrap().shift, started, "after {what}");
    }
}

#[tokio::test]
async fn an_old_snapshot_is_built_anew() {
    let (store, folder) = store().await;
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let mut shell = SqliteConnection::connect(&url(&folder)).await.unwrap();
    let mut run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut shell).await.map(drop).unwrap();

    run(r#"UPDATE shifts SET snapshot = '{"name":"www"}', report = '{"gates":7}'"#).await;
    let stored = store.load("www").await.unwrap().unwrap();
    assert_eq!((stored.shift, stored.report), (born, None));

    run("UPDATE shifts SET version = 7").await;
    let refused = store.load("www").await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "shifts", row, .. }) if row == "www"));

    // Whoever drops the triggers is told by the hashes.
    run(
        "UPDATE shifts SET version = 1; DROP TRIGGER events_are_not_updated; UPDATE events SET actor = 'eve'",
    )
    .await;
    let refused = store.load("www").await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "events", row, .. }) if row == "www/1"));

    run("UPDATE events SET kind = 'unheard_of'").await;
    let refused = store.events("www", 0, 10).await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "events", row, .. }) if row == "www/1"));
}
