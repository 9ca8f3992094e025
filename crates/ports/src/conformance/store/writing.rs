//! Creating and committing, alone and against others.

use crossfade_core::{
    event::{Event, Happened},
    shift::{Command, Shift},
};

use super::{
    all, committed, created, history, loaded, moved,
    sample::{actor, commanded, happened, instant, key, of, plan, released, shift},
};
use crate::store::{Head, Store, StoreError, Stored};

pub async fn created_is_loaded(store: &dyn Store) {
    let (born, events) = created(store, shift("www")).await;
    assert_eq!(loaded(store, "www").await, Stored { shift: born, report: None });
    assert_eq!(history(store, "www").await, events);
}

pub async fn a_name_is_taken_once(store: &dyn Store) {
    created(store, shift("www")).await;
    let (again, events) = of(plan("www", "another", &[]), &["other"]);
    let refused = store.create(&again, &events, None).await;
    assert!(matches!(refused, Err(StoreError::Exists(name)) if name == "www"));
    assert_eq!(loaded(store, "www").await.shift.plan.description, "");
}

pub async fn a_record_group_has_one_owner(store: &dyn Store) {
    created(store, of(plan("one", "", &[]), &["a", "b"])).await;
    let (two, events) = of(plan("two", "", &[]), &["c", "b"]);
    match store.create(&two, &events, None).await {
        Err(StoreError::Claimed { group, owner }) => {
            assert_eq!((group.as_str(), owner.as_str()), ("Z1/b.example.com/A", "one"));
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_refused_shift_claims_nothing(store: &dyn Store) {
    created(store, of(plan("one", "", &[]), &["b"])).await;
    let (two, events) = of(plan("two", "", &[]), &["a", "b", "c"]);
    store.create(&two, &events, Some(&key("k", "f", 0))).await.unwrap_err();
    assert_eq!(store.load("two").await.unwrap(), None);
    assert_eq!(store.recall(&key("k", "f", 0)).await.unwrap(), None);
    created(store, of(plan("three", "", &[]), &["a", "c"])).await;
}

pub async fn cancelling_frees_the_records(store: &dyn Store) {
    let (born, _) = created(store, of(plan("one", "", &[]), &["a"])).await;
    committed(store, &born, commanded(&born, Command::Cancel, 1)).await;
    created(store, of(plan("two", "", &[]), &["a"])).await;
}

pub async fn releasing_frees_the_records(store: &dyn Store) {
    let (born, _) = created(store, of(plan("one", "", &[]), &["a"])).await;
    let moved = moved(store, &born).await;
    let cancelled = committed(store, &moved, commanded(&moved, Command::Cancel, 100)).await;
    // The fence still stands in the zone.
    let (two, events) = of(plan("two", "", &[]), &["a"]);
    let refused = store.create(&two, &events, None).await;
    assert!(matches!(refused, Err(StoreError::Claimed { owner, .. }) if owner == "one"));
    committed(store, &cancelled, released(&cancelled, 101)).await;
    created(store, (two, events)).await;
}

pub async fn a_commit_moves_on(store: &dyn Store) {
    let (born, mut events) = created(store, shift("www")).await;
    let (started, more) = commanded(&born, Command::Start, 1);
    store.commit(&Head::of(&born), &started, &more, None, None).await.unwrap();
    events.extend(more);
    let kept = loaded(store, "www").await.shift;
    assert_eq!(kept.version, 2);
    assert_eq!(kept, started);
    assert_eq!(history(store, "www").await, events);
}

pub async fn a_stale_commit_is_refused(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let started = committed(store, &born, commanded(&born, Command::Start, 1)).await;
    let (paused, events) = commanded(&born, Command::Pause { freeze: false }, 2);
    match store.commit(&Head::of(&born), &paused, &events, None, None).await {
        Err(StoreError::Conflict { shift, expected }) => assert_eq!((shift.as_str(), expected), ("www", 1)),
        other => panic!("{other:?}"),
    }
    // From the future is no better than from the past.
    let uncommitted = commanded(&started, Command::Pause { freeze: false }, 3).0;
    let (ahead, events) = commanded(&uncommitted, Command::Resume, 4);
    let refused = store.commit(&Head::of(&uncommitted), &ahead, &events, None, None).await;
    assert!(matches!(refused, Err(StoreError::Conflict { expected: 3, .. })));
    assert_eq!(loaded(store, "www").await.shift, started);
}

/// As after a database has lost a commit, and took another in its place.
pub async fn a_commit_on_another_history_is_refused(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let lost = commanded(&born, Command::Start, 1).0;
    let kept = committed(store, &born, commanded(&born, Command::Pause { freeze: false }, 1)).await;
    assert_eq!(lost.version, kept.version);
    let (next, events) = commanded(&lost, Command::Pause { freeze: true }, 2);
    let used = key("k", "f", 2);
    match store.commit(&Head::of(&lost), &next, &events, Some(&used), None).await {
        Err(StoreError::Conflict { shift, expected }) => assert_eq!((shift.as_str(), expected), ("www", 2)),
        other => panic!("{other:?}"),
    }
    // Whatever it claims to follow, the hashes tell what it does follow.
    let refused = store.commit(&Head::of(&kept), &next, &events, Some(&used), None).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    assert_eq!(loaded(store, "www").await.shift, kept);
    assert_eq!(history(store, "www").await.len(), 2);
    assert_eq!(store.recall(&used).await.unwrap(), None);
    committed(store, &kept, commanded(&kept, Command::Resume, 3)).await;
}

pub async fn a_commit_without_events_is_refused(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    assert!(matches!(
        store.commit(&Head::of(&born), &born, &[], None, None).await,
        Err(StoreError::Refused(_))
    ));
    let (started, _) = commanded(&born, Command::Start, 1);
    let (_, others) = commanded(&born, Command::Cancel, 2);
    assert!(matches!(
        store.commit(&Head::of(&born), &started, &others, None, None).await,
        Err(StoreError::Refused(_))
    ));
}

pub async fn a_history_has_no_gaps(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let approved = |_| Happened::Approved { step: 0 };
    let (after, mut events) = happened(&born, (0..3).map(approved).collect(), 1);
    events.remove(1);
    let refused = store.commit(&Head::of(&born), &after, &events, None, None).await;
    assert!(matches!(refused, Err(StoreError::Refused(why)) if why.contains("no gaps")));
    assert_eq!(loaded(store, "www").await.shift, born);
    assert_eq!(history(store, "www").await.len(), 1);

    let (other, _) = shift("other");
    let (other, later) = commanded(&other, Command::Start, 1);
    assert!(matches!(store.create(&other, &later, None).await, Err(StoreError::Refused(_))));
    assert_eq!(store.load("other").await.unwrap(), None);
}

pub async fn of_racing_commits_one_wins(store: &dyn Store) {
    let (mut present, _) = created(store, shift("www")).await;
    for round in 0..5 {
        let racers: [(Shift, Vec<Event>); 4] = std::array::from_fn(|racer| {
            let happened = vec![Happened::Approved { step: racer }];
            present.after(happened, &actor(), None, instant(round)).unwrap()
        });
        let ([a, b, c, d], before) = (&racers, Head::of(&present));
        let (a, b, c, d) = tokio::join!(
            store.commit(&before, &a.0, &a.1, None, None),
            store.commit(&before, &b.0, &b.1, None, None),
            store.commit(&before, &c.0, &c.1, None, None),
            store.commit(&before, &d.0, &d.1, None, None),
        );
        present = one_winner(&racers, [a, b, c, d], |error| matches!(error, StoreError::Conflict { .. }));
        assert_eq!(loaded(store, "www").await.shift, present);
    }
    assert_eq!(history(store, "www").await.len(), 6);
}

pub async fn of_racing_claims_one_wins(store: &dyn Store) {
    for round in 0..5 {
        let (one, two) = (format!("r{round}-one"), format!("r{round}-two"));
        let racer = |racer: usize| {
            // Not in the same order, which must not make them wait for each other.
            let groups = if racer.is_multiple_of(2) { [&one, &two] } else { [&two, &one] };
            of(plan(&format!("r{round}-{racer}"), "", &[]), &groups.map(String::as_str))
        };
        let racers: [(Shift, Vec<Event>); 4] = std::array::from_fn(racer);
        let [a, b, c, d] = &racers;
        let (a, b, c, d) = tokio::join!(
            store.create(&a.0, &a.1, None),
            store.create(&b.0, &b.1, None),
            store.create(&c.0, &c.1, None),
            store.create(&d.0, &d.1, None),
        );
        one_winner(&racers, [a, b, c, d], |error| matches!(error, StoreError::Claimed { .. }));
    }
    assert_eq!(store.list(&all()).await.unwrap().len(), 5);
}

fn one_winner(
    racers: &[(Shift, Vec<Event>)],
    outcomes: [Result<(), StoreError>; 4],
    expected: impl Fn(&StoreError) -> bool,
) -> Shift {
    let won: Vec<&Shift> =
        racers.iter().zip(&outcomes).filter(|(_, won)| won.is_ok()).map(|(r, _)| &r.0).collect();
    for lost in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(expected(lost), "{lost:?}");
    }
    assert_eq!(won.len(), 1);
    won[0].clone()
}
