//! Several replicas on one server: a commit and a change of hands at the same time, and who hears of what.

use std::{sync::Arc, time::Duration};

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, shift},
    store::Head,
};
use crossfade_store_postgres::{PostgresStore, testing::Server, watch};
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::store;

/// Shorter than a statement may wait for a lock, longer than a busy machine takes to begin one.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_lease_is_not_taken_over_in_the_middle_of_a_commit() {
    let Some((store, url)) = store().await else { return };
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    let mut shell = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT FROM shifts FOR UPDATE").execute(&mut shell).await.unwrap();
    let a = store.acquire("default", "a", SHORT, 0).await.unwrap().unwrap();

    // The commit has found its lease to be held, and waits for the shift's row.
    let committing = tokio::spawn({
        let (store, started, a) = (store.clone(), started.clone(), a.clone());
        async move { store.commit(&Head::of(&born), &started, &events, None, Some(&a)).await }
    });
    waiting(&url, 1).await;
    // Meanwhile the lease runs out. Whoever wants it has to wait until the commit is done.
    timeout(PATIENCE, async {
        while !store.leases().await.unwrap().is_empty() {
            sleep(MOMENT).await;
        }
    })
    .await
    .unwrap();
    let acquiring = tokio::spawn({
        let store = store.clone();
        async move { store.acquire("default", "b", LONG, 0).await }
    });
    waiting(&url, 2).await;
    assert!(!committing.is_finished() && !acquiring.is_finished());
    sqlx::raw_sql("COMMIT").execute(&mut shell).await.unwrap();
    committing.await.unwrap().unwrap();
    let b = acquiring.await.unwrap().unwrap().unwrap();
    assert_eq!(b.epoch, a.epoch + 1);
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, started);
}

#[tokio::test]
async fn others_hear_of_commands_and_released_leases() {
    let Some((here, url)) = store().await else { return };
    let heard = listening(&url);
    let (born, events) = shift("www");
    // Until it listens, there is nothing to hear; each of these is heard by itself.
    until_heard(&heard, async || {
        let lease = here.acquire("x", "a", LONG, 0).await.unwrap().unwrap();
        here.release(&lease).await.unwrap();
    })
    .await;
    here.create(&born, &events, None).await.unwrap();
    timeout(PATIENCE, heard.notified()).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    here.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
    timeout(PATIENCE, heard.notified()).await.unwrap();
}

#[tokio::test]
async fn a_watch_outlives_its_connection() {
    let Some(server) = Server::start() else { return };
    let url = server.database().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let heard = listening(&url);
    let release = async || {
        if let Ok(Some(lease)) = store.acquire("x", "a", LONG, 0).await {
            store.release(&lease).await.ok();
        }
    };
    until_heard(&heard, release).await;
    server.stop();
    server.restart();
    // What it says when it comes back is not of anybody's doing.
    timeout(Duration::from_secs(10), heard.notified()).await.ok();
    until_heard(&heard, release).await;
}

pub(crate) fn listening(url: &str) -> Arc<Notify> {
    let heard = Arc::new(Notify::new());
    tokio::spawn({
        let (url, heard) = (url.to_owned(), heard.clone());
        async move {
            let changed = |outcome: Result<(), StoreError>| {
                if outcome.is_ok() {
                    heard.notify_one();
                }
            };
            watch(&url, changed).await;
        }
    });
    heard
}

/// Does something again and again until it is heard of.
pub(crate) async fn until_heard(heard: &Notify, act: impl AsyncFn()) {
    let heard_of = async {
        loop {
            act().await;
            if timeout(MOMENT * 10, heard.notified()).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, heard_of).await.unwrap();
    // One more may have been on its way.
    timeout(MOMENT * 10, heard.notified()).await.ok();
}

/// Until so many sessions wait for a lock.
async fn waiting(url: &str, sessions: i64) {
    let mut shell = PgConnection::connect(url).await.unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    timeout(PATIENCE, async {
        while sqlx::query_scalar::<_, i64>(count).fetch_one(&mut shell).await.unwrap() < sessions {
            sleep(MOMENT).await;
        }
    })
    .await
    .unwrap();
}
