//! The server: migrated by several at once, lost, busy, found again.

use std::time::{Duration, Instant};

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, shift},
    store::{Head, Replica},
};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use futures::future::join_all;
use sqlx::{Connection, PgConnection};

use crate::store;

#[tokio::test]
async fn a_lost_server_is_unavailable_until_it_is_back() {
    let Some(server) = Server::start() else { return };
    let url = server.database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);

    server.stop();
    let asked = Instant::now();
    let refused = store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }) && refused.is_retryable(), "{refused:?}");
    let (loaded, pinged, connected) =
        tokio::join!(store.load("www"), store.ping(), PostgresStore::connect(&url));
    assert!(matches!(loaded, Err(StoreError::Unavailable { .. })));
    assert!(matches!(pinged, Err(StoreError::Unavailable { .. })));
    assert!(matches!(connected, Err(StoreError::Unavailable { .. })));
    // An engine that waits for longer is an engine that stands still.
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());

    server.restart();
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, started);
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let Some((store, url)) = store().await else { return };
    store.ping().await.unwrap();
    let mut shell = PgConnection::connect(&url).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::raw_sql(end).execute(&mut shell).await.unwrap();
    // The one that notices may fail; the next may not.
    store.load("www").await.ok();
    store.load("www").await.unwrap();
}

/// As after a failover, where they were made before the name of the server led to the new primary.
#[tokio::test]
async fn connections_that_take_no_writes_are_replaced() {
    let Some((_, url)) = store().await else { return };
    let mut shell = PgConnection::connect(&url).await.unwrap();
    let database: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&mut shell).await.unwrap();
    let alter = async |shell: &mut PgConnection, how: &str| {
        let statement = format!(r#"ALTER DATABASE "{database}" {how}"#);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(shell).await.unwrap();
    };
    alter(&mut shell, "SET default_transaction_read_only = on").await;
    let store = PostgresStore::connect(&url).await.unwrap();
    const ALL: usize = 10;
    for loaded in join_all((0..ALL).map(|_| store.load("www"))).await {
        loaded.unwrap();
    }
    alter(&mut shell, "RESET default_transaction_read_only").await;
    let replica = Replica { id: "a".to_owned(), accounts: [].into() };
    let attend = async || store.attend(&replica, Duration::from_secs(60)).await;
    assert!(matches!(attend().await, Err(StoreError::Unavailable { .. })));
    for _ in 1..ALL {
        // Each is found out by itself.
        attend().await.ok();
    }
    attend().await.unwrap();
}

#[tokio::test]
async fn a_row_that_stays_locked_is_unavailable() {
    let Some((store, url)) = store().await else { return };
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let mut shell = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM shifts FOR UPDATE").execute(&mut shell).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    let refused = store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    // Readers have not noticed anything, and nothing was done.
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, born);
    sqlx::raw_sql("COMMIT").execute(&mut shell).await.unwrap();
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
}

#[tokio::test]
async fn several_may_migrate_at_once() {
    let Some(server) = Server::shared() else { return };
    let url = server.empty_database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), ["0001 shifts"]);
    let older = store.ping().await.unwrap_err();
    assert!(matches!(older, StoreError::Inconsistent { table: "_sqlx_migrations", .. }));
    assert!(older.to_string().contains("crossfade migrate"), "{older}");
    let (one, two, three) = tokio::join!(store.migrate(), store.migrate(), store.migrate());
    one.and(two).and(three).unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    store.ping().await.unwrap();

    let mut shell = PgConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'later', true, '', 0)";
    sqlx::raw_sql(newer).execute(&mut shell).await.unwrap();
    let newer = store.ping().await.unwrap_err();
    assert!(
        matches!(newer, StoreError::Inconsistent { .. }) && newer.to_string().contains("newer"),
        "{newer}"
    );
    assert!(store.migrate().await.is_err());
}

#[tokio::test]
async fn what_cannot_be_connected_to_says_why() {
    let Some(server) = Server::shared() else { return };
    let absent = PostgresStore::connect(&server.url("absent")).await.unwrap_err();
    assert!(matches!(absent, StoreError::Unavailable { .. }));
    assert!(absent.to_string().contains(r#"database "absent" does not exist"#), "{absent}");
    let odd = PostgresStore::connect("not a url").await.unwrap_err();
    assert!(matches!(odd, StoreError::Unavailable { .. }), "{odd:?}");
}

#[tokio::test]
async fn a_silent_server_is_unavailable() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("postgres://nobody@{}/nothing", silent.local_addr().unwrap());
    let asked = Instant::now();
    let refused = PostgresStore::connect(&url).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
}
