//! The file: made, found again, refused.

use std::pin::pin;

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, shift},
    store::Head,
};
use crossfade_store_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

use crate::{store, url};

#[tokio::test]
async fn what_was_kept_is_there_after_reopening() {
    let (store, folder) = store().await;
    let (born, events) = shift("www");
    let installation = store.installation().await.unwrap();
    store.create(&born, &events, None).await.unwrap();
    // As after a crash: nothing is closed.
    let again = SqliteStore::open(&url(&folder)).await.unwrap();
    assert_eq!(again.load("www").await.unwrap().unwrap().shift, born);
    store.close().await;
    again.close().await;

    // A path is as good as a URL.
    let path = folder.path().join("crossfade.db").display().to_string();
    let again = SqliteStore::open(&path).await.unwrap();
    again.migrate().await.unwrap();
    again.ping().await.unwrap();
    assert_eq!(again.load("www").await.unwrap().unwrap().shift, born);
    assert_eq!(again.events("www", 0, 10).await.unwrap(), events);
    assert_eq!(again.installation().await.unwrap(), installation);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let refused = SqliteStore::open(&missing.join("crossfade.db").display().to_string()).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    assert!(error.to_string().contains(&format!("there is no folder {}", missing.display())), "{error}");
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crossfade.db"), "minutes of the last meeting\n".repeat(100)).unwrap();
    let refused = SqliteStore::open(&url(&folder)).await;
    assert!(matches!(refused, Err(StoreError::Refused(why)) if why.contains("not a database")));
}

#[tokio::test]
async fn a_schema_that_is_older_or_newer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&url(&folder)).await.unwrap();
    let refused = |error: Result<(), StoreError>, says: &str| {
        let error = error.unwrap_err();
        assert!(matches!(error, StoreError::Inconsistent { table: "_sqlx_migrations", .. }));
        assert!(error.to_string().contains(says), "{error}");
    };
    assert_eq!(store.pending_migrations().await.unwrap(), ["0001 shifts"]);
    refused(store.ping().await, "crossfade migrate");
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    store.ping().await.unwrap();

    let mut shell = SqliteConnection::connect(&url(&folder)).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'later', true, x'00', 0)";
    sqlx::raw_sql(newer).execute(&mut shell).await.unwrap();
    refused(store.ping().await, "newer");
    refused(store.migrate().await, "newer");
    sqlx::raw_sql(
        "DELETE FROM _sqlx_migrations WHERE version = 9999; UPDATE _sqlx_migrations SET checksum = x'00'",
    )
    .execute(&mut shell)
    .await
    .unwrap();
    refused(store.ping().await, "another text");
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    let (store, folder) = store().await;
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let mut shell = SqliteConnection::connect(&url(&folder)).await.unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut shell).await.unwrap();
    assert_eq!(mode, "wal");

    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut shell).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    let before = Head::of(&born);
    let mut committing = pin!(store.commit(&before, &started, &events, None, None));
    // Each reading is a round trip to another thread; the commit's own needs one to meet the lock.
    for _ in 0..200 {
        tokio::select! {
            biased;
            committed = &mut committing => panic!("it did not wait: {committed:?}"),
            read = store.load("www") => assert_eq!(read.unwrap().unwrap().shift, born),
        }
    }
    sqlx::raw_sql("COMMIT").execute(&mut shell).await.unwrap();
    committing.await.unwrap();
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, started);
}

#[tokio::test]
async fn a_file_that_stays_locked_is_unavailable() {
    let (store, folder) = store().await;
    let (born, events) = shift("www");
    let mut shell = SqliteConnection::connect(&url(&folder)).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut shell).await.unwrap();
    let refused = store.create(&born, &events, None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }) && refused.is_retryable(), "{refused:?}");
}

#[tokio::test]
async fn a_file_has_one_daemon() {
    let (store, folder) = store().await;
    let reserved = store.reserve("process 7 on here, since nine").unwrap();
    // Anybody may look, and migrate.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("crossfade.db"), &link).unwrap();
    let second = SqliteStore::open(&link.display().to_string()).await.unwrap();
    second.migrate().await.unwrap();
    second.ping().await.unwrap();
    let refused = second.reserve("process 8 on here, since ten").unwrap_err();
    assert!(!refused.is_retryable());
    assert_eq!(refused.to_string(), "the database is in use by process 7 on here, since nine");
    drop(reserved);
    let _reserved = second.reserve("process 8 on here, since ten").unwrap();
    let refused = store.reserve("process 9 on here, since eleven").unwrap_err();
    assert_eq!(refused.to_string(), "the database is in use by process 8 on here, since ten");
    let memory = SqliteStore::in_memory().await.unwrap();
    let _both = (memory.reserve("one").unwrap(), memory.reserve("two").unwrap());
}
