//! The store in memory passes the suite, and its switches do what they say.

use crossfade_core::shift::Command;
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{commanded, key, shift},
    fake::store::MemoryStore,
    store::Head,
    store_suite,
};

async fn setup() -> Option<(MemoryStore, ())> {
    Some((MemoryStore::new(), ()))
}

store_suite!(setup());

#[tokio::test]
async fn what_is_unavailable_keeps_what_it_has() {
    let store = MemoryStore::new();
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    store.set_unavailable(true);
    let (started, events) = commanded(&born, Command::Start, 1);
    let refused = store.commit(&Head::of(&born), &started, &events, None, None).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })));
    assert!(store.load("www").await.is_err());
    store.set_unavailable(false);
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_a_write_that_was_done() {
    let store = MemoryStore::new();
    let (born, events) = shift("www");
    store.lose_answers(1);
    let lost = store.create(&born, &events, None).await;
    assert!(matches!(lost, Err(StoreError::Unavailable { .. })));
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, born);
    assert_eq!(store.claims().await.unwrap().len(), 1);
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
}

#[tokio::test]
async fn the_clock_of_leases_can_be_moved() {
    let (store, ttl) = (MemoryStore::new(), std::time::Duration::from_secs(15));
    let lease = store.acquire("default", "a", ttl, 0).await.unwrap().unwrap();
    store.advance(ttl / 2);
    assert!(store.renew(&lease, ttl).await.unwrap());
    store.advance(ttl * 2);
    assert!(!store.renew(&lease, ttl).await.unwrap());
    assert!(store.acquire("default", "b", ttl, 0).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_written_since_a_backup_is_lost_with_it() {
    let (store, ttl) = (MemoryStore::new(), std::time::Duration::from_secs(15));
    let (born, events) = shift("www");
    store.create(&born, &events, None).await.unwrap();
    let backup = store.backup();
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, Some(&key("k", "f", 1)), None).await.unwrap();
    store.acquire("default", "a", ttl, 0).await.unwrap().unwrap();
    store.restore(&backup);
    assert_eq!(store.load("www").await.unwrap().unwrap().shift, born);
    assert_eq!(store.recall(&key("k", "f", 2)).await.unwrap(), None);
    assert_eq!(store.leases().await.unwrap(), []);
}
