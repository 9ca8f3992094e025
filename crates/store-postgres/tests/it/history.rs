//! The history's defences, tried with the means of a superuser who does not drop them.

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, shift},
    store::Head,
};
use sqlx::{Connection, PgConnection};

use crate::store;

/// Of a shift `www` with two events.
const ATTEMPTS: &[(&str, &str)] = &[
    ("an update", "UPDATE events SET actor = 'nobody'"),
    ("a delete", "DELETE FROM events"),
    ("a delete of the newest", "DELETE FROM events WHERE seq = 2"),
    ("a truncate", "TRUNCATE events"),
    ("a truncate that cascades", "TRUNCATE shifts CASCADE"),
    ("a repeat", "INSERT INTO events SELECT * FROM events WHERE seq = 2"),
    (
        "an upsert",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (shift, seq) DO UPDATE SET actor = 'nobody'",
    ),
    (
        "a merge",
        "MERGE INTO events AS e USING events AS s ON e.seq = s.seq WHEN MATCHED THEN UPDATE SET actor = 'x'",
    ),
    ("a gap", "INSERT INTO events VALUES ('www', 4, '', '', '', NULL, '', '')"),
    ("an event before the first", "INSERT INTO events VALUES ('www', 0, '', '', '', NULL, '', '')"),
    ("an event of no number", "INSERT INTO events VALUES ('www', NULL, '', '', '', NULL, '', '')"),
    ("the end of a shift", "DELETE FROM shifts"),
    ("another name", "UPDATE shifts SET name = 'other'"),
    (
        "a table of the same name before it",
        "CREATE TEMPORARY TABLE events (shift text, seq bigint);
        INSERT INTO pg_temp.events VALUES ('www', 6);
        INSERT INTO public.events VALUES ('www', 7, '', '', '', NULL, '', '')",
    ),
];

/// Of the triggers, so that no attempt passes for refused because it is badly written.
const REASONS: &[&str] = &["the history is append-only", "the history has no gaps", "has a history"];

#[tokio::test]
async fn no_statement_changes_the_history() {
    let Some((store, url)) = store().await else { return };
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
    let history = store.events("www", 0, 100).await.unwrap();

    for role in ["origin", "replica"] {
        for (what, attempt) in ATTEMPTS {
            let mut shell = PgConnection::connect(&url).await.unwrap();
            // A replica's session skips foreign keys and every trigger that is not told to be there always.
            let set = sqlx::query("SELECT set_config('session_replication_role', $1, false)").bind(role);
            set.execute(&mut shell).await.unwrap();
            let refused = sqlx::raw_sql(*attempt).execute(&mut shell).await;
            let why = refused.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(REASONS.iter().any(|reason| why.contains(reason)), "{what} as {role}: {why:?}");
            assert_eq!(store.events("www", 0, 100).await.unwrap(), history, "after {what}");
            assert_eq!(store.load("www").await.unwrap().unwrap().shift, started, "after {what}");
        }
    }
}

#[tokio::test]
async fn a_role_that_may_only_add_is_enough() {
    let Some((store, url)) = store().await else { return };
    let mut owner = PgConnection::connect(&url).await.unwrap();
    // As `migrations/README.md` has it.
    let grants = "CREATE ROLE crossfade_daemon LOGIN;
        GRANT SELECT, INSERT ON events TO crossfade_daemon;
        GRANT SELECT, INSERT, UPDATE ON shifts TO crossfade_daemon;
        GRANT SELECT, INSERT, DELETE ON claims, idempotency TO crossfade_daemon;
        GRANT SELECT ON installation TO crossfade_daemon;
        GRANT SELECT, INSERT, UPDATE ON leases TO crossfade_daemon;
        GRANT SELECT, INSERT, UPDATE, DELETE ON replicas TO crossfade_daemon;
        GRANT SELECT ON _sqlx_migrations TO crossfade_daemon;";
    sqlx::raw_sql(grants).execute(&mut owner).await.unwrap();
    store.close().await;

    let daemon_url = url.replace("postgres@", "crossfade_daemon@");
    let store = crossfade_store_postgres::PostgresStore::connect(&daemon_url).await.unwrap();
    store.ping().await.unwrap();
    store.installation().await.unwrap();
    let (born, events) = shift("www");
    let key = crossfade_ports::conformance::store::sample::key("k", "f", 0);
    store.create(&born, &events, Some(&key)).await.unwrap();
    let (cancelled, events) = commanded(&born, Command::Cancel, 1);
    store.commit(&Head::of(&born), &cancelled, &events, None, None).await.unwrap();
    store.put_reports(&[("www".to_owned(), Default::default())]).await.unwrap();
    let mut daemon = PgConnection::connect(&daemon_url).await.unwrap();
    for forbidden in
        ["TRUNCATE events CASCADE", "ALTER TABLE events DISABLE TRIGGER ALL", "DELETE FROM events"]
    {
        assert!(sqlx::raw_sql(forbidden).execute(&mut daemon).await.is_err(), "{forbidden}");
    }
}

#[tokio::test]
async fn an_old_snapshot_is_built_anew() {
    let Some((store, url)) = store().await else { return };
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let mut shell = PgConnection::connect(&url).await.unwrap();
    let mut run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut shell).await.map(drop).unwrap();

    run(r#"UPDATE shifts SET snapshot = '{"name":"www"}', report = '{"gates":7}'"#).await;
    let stored = store.load("www").await.unwrap().unwrap();
    assert_eq!((stored.shift, stored.report), (born, None));

    run("UPDATE shifts SET version = 7").await;
    let refused = store.load("www").await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "shifts", row, .. }) if row == "www"));

    // Whoever disables the triggers is told by the hashes.
    run("UPDATE shifts SET version = 1; ALTER TABLE events DISABLE TRIGGER ALL; UPDATE events SET actor = 'eve'").await;
    let refused = store.load("www").await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "events", row, .. }) if row == "www/1"));

    run("UPDATE events SET kind = 'unheard_of'").await;
    let refused = store.events("www", 0, 10).await;
    assert!(matches!(refused, Err(StoreError::Inconsistent { table: "events", row, .. }) if row == "www/1"));
}
