//! Concurrent writers of one shift, in every store.

use std::sync::Arc;

use crossfade_core::{
    event::{Event, Happened, Hash, seal},
    shift::fold,
};
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{actor, instant, shift},
    fake::store::MemoryStore,
    store::Head,
};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use crossfade_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const WRITERS: usize = 8;
const COMMITS_EACH: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_one_writer_wins() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    race([store.clone(), store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite_one_writer_wins() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("crossfade.db").display().to_string();
    let one = SqliteStore::open(&location).await.unwrap();
    one.migrate().await.unwrap();
    race([Arc::new(one), Arc::new(SqliteStore::open(&location).await.unwrap())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_postgres_one_writer_wins() {
    let Some(server) = Server::shared() else { return };
    let url = server.database().await;
    let connect = async || Arc::new(PostgresStore::connect(&url).await.unwrap());
    race([connect().await, connect().await]).await;
}

/// Through two handles of one store, as two daemons would.
async fn race(stores: [Arc<dyn Store>; 2]) {
    let (born, events) = shift("www");
    stores[0].create(&born, &events, None).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(stores[writer % 2].clone(), writer));
    }
    let mut won: Vec<(u64, Hash)> = writers.join_all().await.concat();
    won.sort_by_key(|(version, _)| *version);

    let history = stores[1].events("www", 0, u32::MAX).await.unwrap();
    let kept: Vec<(u64, Hash)> = history[1..].iter().map(|event| (event.seq, event.hash.clone())).collect();
    // Nobody was told of a success that is not there, and nothing is there that nobody was told of.
    assert_eq!(won, kept);
    chain_holds("www", &history);
    let kept = stores[0].load("www").await.unwrap().unwrap().shift;
    assert_eq!(kept, fold(&history).unwrap());
    assert_eq!(kept.version, (WRITERS * COMMITS_EACH) as u64 + 1);
}

/// From the first event on, none is missing, and each is sealed with the one before it.
pub(super) fn chain_holds(shift: &str, history: &[Event]) {
    let mut before = Hash::default();
    for (seq, event) in (1..).zip(history) {
        assert_eq!(event.seq, seq);
        let (kind, data) = event.what.to_parts().unwrap();
        let (at, reason) = (event.at.to_string(), event.reason.as_deref());
        before = seal(&before, shift, event.seq, &at, &kind, &event.actor.0, reason, &data);
        assert_eq!(event.hash, before);
    }
}

/// The versions that this writer brought the shift to.
async fn write(store: Arc<dyn Store>, writer: usize) -> Vec<(u64, Hash)> {
    let mut won = Vec::new();
    while won.len() < COMMITS_EACH {
        let present = store.load("www").await.unwrap().unwrap().shift;
        let happened = vec![Happened::Approved { step: writer }];
        let (next, events) = present.after(happened, &actor(), None, instant(1)).unwrap();
        match store.commit(&Head::of(&present), &next, &events, None, None).await {
            Ok(()) => won.push((next.version, next.head)),
            Err(StoreError::Conflict { shift, expected }) => {
                assert_eq!((shift.as_str(), expected), ("www", present.version));
            }
            Err(error) => panic!("{error}"),
        }
    }
    won
}
