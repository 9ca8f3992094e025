//! Who may work on an account. Leases are waited for by asking, because only the store's clock counts.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crossfade_core::shift::Command;

use super::{
    created, history, loaded,
    sample::{commanded, key, shift},
};
use crate::store::{Head, Lease, Replica, Store, StoreError};

const LONG: Duration = Duration::from_secs(600);

/// Run out soon, but not before the next statement.
const SHORT: Duration = Duration::from_millis(300);

/// Far above [`SHORT`]: a test that fails on a busy machine tells nothing.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn a_lease_has_one_holder(store: &dyn Store) {
    assert_eq!(store.leases().await.unwrap(), []);
    let a = acquired(store, "x", "a").await;
    assert_eq!(a, Lease { account: "x".to_owned(), owner: "a".to_owned(), epoch: 1 });
    assert_eq!(store.acquire("x", "b", LONG, 0).await.unwrap(), None);
    assert_eq!(store.acquire("x", "b", LONG, 99).await.unwrap(), None);
    // Another account is another lease.
    let other = acquired(store, "y", "b").await;
    let leases = store.leases().await.unwrap();
    assert_eq!(leases.iter().map(|tenure| &tenure.lease).collect::<Vec<_>>(), [&a, &other]);
}

pub async fn a_lease_may_be_acquired_anew_by_its_holder(store: &dyn Store) {
    let first = acquired(store, "x", "a").await;
    let second = acquired(store, "x", "a").await;
    assert_eq!(second.epoch, first.epoch + 1);
    assert!(!store.renew(&first, LONG).await.unwrap());
    store.release(&first).await.unwrap();
    assert!(store.renew(&second, LONG).await.unwrap());
}

pub async fn of_racing_replicas_one_holds(store: &dyn Store) {
    let mut before = 0;
    for _ in 0..5 {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|replica| store.acquire("x", replica, LONG, 0));
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        let won: Vec<Lease> = [a, b, c, d].into_iter().filter_map(Result::unwrap).collect();
        let [lease] = won.as_slice() else { panic!("{won:?}") };
        assert!(lease.epoch > before);
        before = lease.epoch;
        store.release(lease).await.unwrap();
    }
}

pub async fn a_lease_runs_out(store: &dyn Store) {
    let a = store.acquire("x", "a", SHORT, 0).await.unwrap().unwrap();
    let b = until(async || store.acquire("x", "b", LONG, 0).await.unwrap()).await;
    assert!(b.epoch > a.epoch);
    assert!(!store.renew(&a, LONG).await.unwrap());
    store.release(&a).await.unwrap();
    assert_eq!(store.leases().await.unwrap()[0].lease, b);
    assert!(store.renew(&b, LONG).await.unwrap());
}

pub async fn what_has_run_out_is_not_renewed(store: &dyn Store) {
    let a = store.acquire("x", "a", SHORT, 0).await.unwrap().unwrap();
    until(async || store.leases().await.unwrap().is_empty().then_some(())).await;
    assert!(!store.renew(&a, LONG).await.unwrap());
    assert_eq!(store.leases().await.unwrap(), []);
}

pub async fn a_renewed_lease_lasts(store: &dyn Store) {
    let a = store.acquire("x", "a", LONG, 0).await.unwrap().unwrap();
    let before = store.leases().await.unwrap()[0].expires_at;
    assert!(store.renew(&a, LONG * 2).await.unwrap());
    let after = store.leases().await.unwrap()[0].expires_at;
    assert!(after.duration_since(before) >= jiff::SignedDuration::from_secs(599));
    for wrong in [Lease { epoch: a.epoch + 1, ..a.clone() }, Lease { owner: "b".to_owned(), ..a.clone() }] {
        assert!(!store.renew(&wrong, LONG).await.unwrap());
        store.release(&wrong).await.unwrap();
    }
    assert_eq!(store.leases().await.unwrap()[0].lease, a);
}

pub async fn a_released_lease_is_free_at_once(store: &dyn Store) {
    let a = acquired(store, "x", "a").await;
    store.release(&a).await.unwrap();
    assert_eq!(store.leases().await.unwrap(), []);
    assert!(!store.renew(&a, LONG).await.unwrap());
    let b = acquired(store, "x", "b").await;
    assert_eq!(b.epoch, a.epoch + 1);
}

pub async fn epochs_are_above_what_was_seen(store: &dyn Store) {
    let first = store.acquire("x", "a", LONG, 41).await.unwrap().unwrap();
    assert_eq!(first.epoch, 42);
    let again = store.acquire("x", "a", LONG, 7).await.unwrap().unwrap();
    assert_eq!(again.epoch, 43);
    let lifted = store.acquire("x", "a", LONG, 100).await.unwrap().unwrap();
    assert_eq!(lifted.epoch, 101);
}

pub async fn a_stale_holder_writes_nothing(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let a = acquired(store, "default", "a").await;
    let (started, events) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &events, None, Some(&a)).await.unwrap();

    store.release(&a).await.unwrap();
    let (paused, events) = commanded(&started, Command::Pause { freeze: false }, 2);
    let used = key("k", "f", 2);
    let lost = async |lease: &Lease| {
        let refused = store.commit(&Head::of(&started), &paused, &events, Some(&used), Some(lease)).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost { account }) if account == lease.account));
        assert_eq!(loaded(store, "www").await.shift, started);
        assert_eq!(history(store, "www").await.len(), 2);
        assert_eq!(store.recall(&used).await.unwrap(), None);
    };
    lost(&a).await;
    let b = acquired(store, "default", "b").await;
    lost(&a).await;
    lost(&Lease { epoch: a.epoch, ..b.clone() }).await;
    lost(&Lease { account: "other".to_owned(), ..b.clone() }).await;
    // That the lease is lost is said before that somebody else was faster.
    let (stale, later) = commanded(&born, Command::Cancel, 3);
    let refused = store.commit(&Head::of(&born), &stale, &later, None, Some(&a)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost { .. })));
    let refused = store.commit(&Head::of(&born), &stale, &later, None, Some(&b)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));

    store.commit(&Head::of(&started), &paused, &events, None, Some(&b)).await.unwrap();
    // People's commands need no lease.
    let (resumed, events) = commanded(&paused, Command::Resume, 4);
    store.commit(&Head::of(&paused), &resumed, &events, None, None).await.unwrap();
}

pub async fn who_has_run_out_writes_nothing(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let a = store.acquire("default", "a", SHORT, 0).await.unwrap().unwrap();
    until(async || store.leases().await.unwrap().is_empty().then_some(())).await;
    let (started, events) = commanded(&born, Command::Start, 1);
    let refused = store.commit(&Head::of(&born), &started, &events, None, Some(&a)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost { .. })));
    assert_eq!(loaded(store, "www").await.shift, born);
}

pub async fn replicas_come_and_go(store: &dyn Store) {
    let replica = |id: &str, accounts: &[&str]| Replica {
        id: id.to_owned(),
        accounts: accounts.iter().map(|account| (*account).to_owned()).collect::<BTreeSet<_>>(),
    };
    let (a, b) = (replica("a", &["x", "y"]), replica("b", &["it's \"odd\""]));
    store.attend(&b, LONG).await.unwrap();
    store.attend(&a, LONG).await.unwrap();
    assert_eq!(store.replicas().await.unwrap(), [a.clone(), b.clone()]);
    let fewer = replica("a", &[]);
    store.attend(&fewer, SHORT).await.unwrap();
    until(async || (store.replicas().await.unwrap() == [b.clone()]).then_some(())).await;
    store.attend(&a, LONG).await.unwrap();
    store.depart("b").await.unwrap();
    store.depart("never").await.unwrap();
    assert_eq!(store.replicas().await.unwrap(), [a]);
}

async fn acquired(store: &dyn Store, account: &str, replica: &str) -> Lease {
    store.acquire(account, replica, LONG, 0).await.unwrap().unwrap()
}

async fn until<T>(found: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it never ran out");
        tokio::time::sleep(SHORT / 10).await;
    }
}
