//! Idempotency keys.

use crossfade_core::shift::Command;

use super::{
    created, history, loaded,
    sample::{commanded, key, of, plan, shift},
};
use crate::store::{Head, Remembered, Store, StoreError};

pub async fn a_key_is_recalled(store: &dyn Store) {
    let (born, events) = shift("www");
    store.create(&born, &events, Some(&key("k1", "f1", 0))).await.unwrap();
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, Some(&key("k2", "f2", 1)), None).await.unwrap();
    for (key, seq) in [(key("k1", "f1", 5), 1), (key("k2", "f2", 5), 2)] {
        let remembered = Remembered { shift: "www".to_owned(), seq };
        assert_eq!(store.recall(&key).await.unwrap(), Some(remembered));
    }
    assert_eq!(store.recall(&key("k3", "f1", 5)).await.unwrap(), None);
}

pub async fn a_key_of_another_request_is_refused(store: &dyn Store) {
    let (born, events) = shift("www");
    store.create(&born, &events, Some(&key("k", "f", 0))).await.unwrap();
    let other = key("k", "another", 1);
    assert!(matches!(store.recall(&other).await, Err(StoreError::KeyReused)));
    let (started, events) = commanded(&born, Command::Start, 1);
    assert!(matches!(
        store.commit(&Head::of(&born), &started, &events, Some(&other), None).await,
        Err(StoreError::KeyReused)
    ));
    let (api, events) = shift("api");
    assert!(matches!(store.create(&api, &events, Some(&other)).await, Err(StoreError::KeyReused)));
    assert_eq!(store.load("api").await.unwrap(), None);
}

pub async fn a_key_used_by_the_same_request_is_a_conflict(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, Some(&key("k", "f", 1)), None).await.unwrap();
    let (paused, events) = commanded(&started, Command::Pause { freeze: false }, 2);
    let refused =
        store.commit(&Head::of(&started), &paused, &events, Some(&key("k", "f", 2)), None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }) && refused.is_retryable());
    assert_eq!(loaded(store, "www").await.shift, started);
}

pub async fn a_key_is_told_before_the_name(store: &dyn Store) {
    let (born, events) = shift("www");
    let same = key("k", "f", 0);
    store.create(&born, &events, Some(&same)).await.unwrap();
    assert!(matches!(store.create(&born, &events, Some(&same)).await, Err(StoreError::Conflict { .. })));
    let other = key("k", "another", 0);
    assert!(matches!(store.create(&born, &events, Some(&other)).await, Err(StoreError::KeyReused)));
}

pub async fn a_key_is_forgotten_after_a_day(store: &dyn Store) {
    const DAY: i64 = 24 * 60 * 60;
    let (born, events) = shift("www");
    store.create(&born, &events, Some(&key("k", "f", 0))).await.unwrap();
    assert!(store.recall(&key("k", "f", DAY - 1)).await.unwrap().is_some());
    let late = key("k", "another", DAY + 1);
    assert_eq!(store.recall(&late).await.unwrap(), None);
    let (started, events) = commanded(&born, Command::Start, DAY + 1);
    store.commit(&Head::of(&born), &started, &events, Some(&late), None).await.unwrap();
    assert_eq!(store.recall(&late).await.unwrap(), Some(Remembered { shift: "www".to_owned(), seq: 2 }));

    let later = key("k", "a third", 2 * DAY + 2);
    let (api, events) = shift("api");
    store.create(&api, &events, Some(&later)).await.unwrap();
    assert_eq!(store.recall(&later).await.unwrap(), Some(Remembered { shift: "api".to_owned(), seq: 1 }));
}

pub async fn a_refused_commit_leaves_nothing(store: &dyn Store) {
    let (born, _) = created(store, of(plan("www", "", &[]), &["a"])).await;
    let (other, events) = shift("other");
    store.create(&other, &events, Some(&key("k", "f", 0))).await.unwrap();
    // It would free the claim, too.
    let (cancelled, events) = commanded(&born, Command::Cancel, 1);
    store
        .commit(&Head::of(&born), &cancelled, &events, Some(&key("k", "another", 1)), None)
        .await
        .unwrap_err();
    assert_eq!(loaded(store, "www").await.shift, born);
    assert_eq!(history(store, "www").await.len(), 1);
    let (thief, events) = of(plan("thief", "", &[]), &["a"]);
    assert!(matches!(store.create(&thief, &events, None).await, Err(StoreError::Claimed { .. })));
    store
        .commit(&Head::of(&born), &cancelled, &commanded(&born, Command::Cancel, 1).1, None, None)
        .await
        .unwrap();
}

pub async fn of_racing_requests_with_one_key_one_wins(store: &dyn Store) {
    let (born, events) = shift("www");
    let same = key("k", "f", 0);
    let (one, two) =
        tokio::join!(store.create(&born, &events, Some(&same)), store.create(&born, &events, Some(&same)));
    let refused = [one, two].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert!(matches!(refused[..], [StoreError::Conflict { .. }]), "{refused:?}");
    assert_eq!(store.recall(&same).await.unwrap(), Some(Remembered { shift: "www".to_owned(), seq: 1 }));
}
