//! What is read is what was written.

use crossfade_core::{
    Share,
    chain::{Row, check},
    event::{Happened, Hash, seal},
    report::{Next, Report},
    shift::{Command, Shift, fold},
};

use super::{
    all, committed, created, history, listed, loaded, moved,
    sample::{actor, commanded, group, happened, instant, key, labelled, of, plan, shift},
};
use crate::store::{Active, Chain, Claim, Filter, Head, IdempotencyKey, Store, StoreError, Stored};

pub async fn an_installation_has_one_name(store: &dyn Store) {
    store.ping().await.unwrap();
    let id = store.installation().await.unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(store.installation().await.unwrap(), id);
}

pub async fn what_is_absent(store: &dyn Store) {
    let (absent, _) = shift("absent");
    let (started, events) = commanded(&absent, Command::Start, 1);
    assert_eq!(store.load("absent").await.unwrap(), None);
    assert!(
        matches!(store.events("absent", 0, 10).await, Err(StoreError::NotFound(name)) if name == "absent")
    );
    let refused = store.commit(&Head::of(&absent), &started, &events, Some(&key("k", "f", 0)), None).await;
    assert!(matches!(refused, Err(StoreError::NotFound(name)) if name == "absent"));
    assert_eq!(store.recall(&key("k", "f", 0)).await.unwrap(), None);
    store.put_reports(&[("absent".to_owned(), Report::default())]).await.unwrap();
    store.put_reports(&[]).await.unwrap();
    assert!(listed(store, &all()).await.is_empty());
    assert_eq!(store.active().await.unwrap(), []);
}

pub async fn lists_are_in_order_and_paged(store: &dyn Store) {
    // In an order of a dictionary, the hyphen would not count.
    let names = ["a-b", "a0", "ab", "ac", "b"];
    for name in ["ab", "b", "a0", "ac", "a-b"] {
        created(store, shift(name)).await;
    }
    assert_eq!(listed(store, &all()).await, names);
    let page =
        |after: Option<&str>| Filter { after: after.map(str::to_owned), limit: 2, ..Filter::default() };
    assert_eq!(listed(store, &page(None)).await, names[..2]);
    assert_eq!(listed(store, &page(Some("a0"))).await, names[2..4]);
    assert_eq!(listed(store, &page(Some("ac"))).await, names[4..]);
    assert_eq!(listed(store, &page(Some("aa"))).await, names[2..4]);
    assert!(listed(store, &page(Some("b"))).await.is_empty());
    assert!(listed(store, &Filter::default()).await.is_empty());
}

pub async fn lists_are_filtered(store: &dyn Store) {
    created(store, labelled("one", &[("env", "prod"), ("it's \"odd\".$", "ä'\"\\")])).await;
    let (two, _) = created(store, labelled("two", &[("env", "prod")])).await;
    created(store, labelled("three", &[("env", "test")])).await;
    committed(store, &two, commanded(&two, Command::Start, 1)).await;
    let filter = |phase: Option<&str>, label: Option<(&str, &str)>| Filter {
        phase: phase.map(str::to_owned),
        label: label.map(|(label, value)| (label.to_owned(), value.to_owned())),
        ..all()
    };
    assert_eq!(listed(store, &filter(Some("running"), None)).await, ["two"]);
    assert_eq!(listed(store, &filter(Some("scheduled"), None)).await, ["one", "three"]);
    assert_eq!(listed(store, &filter(None, Some(("env", "prod")))).await, ["one", "two"]);
    assert_eq!(listed(store, &filter(Some("scheduled"), Some(("env", "prod")))).await, ["one"]);
    assert_eq!(listed(store, &filter(None, Some(("it's \"odd\".$", "ä'\"\\")))).await, ["one"]);
    assert!(listed(store, &filter(None, Some(("env", "pro")))).await.is_empty());
    assert!(listed(store, &filter(None, Some(("absent", "prod")))).await.is_empty());
    assert!(listed(store, &filter(Some("reverted"), None)).await.is_empty());
    // Two has been started a second after all were made.
    let since =
        |phase: Option<&str>, seconds| Filter { since: Some(instant(seconds)), ..filter(phase, None) };
    assert_eq!(listed(store, &since(None, 0)).await, ["one", "three", "two"]);
    assert_eq!(listed(store, &since(None, 1)).await, ["two"]);
    assert!(listed(store, &since(Some("scheduled"), 1)).await.is_empty());
    assert!(listed(store, &since(None, 2)).await.is_empty());
}

pub async fn claims_are_known(store: &dyn Store) {
    assert_eq!(store.claims().await.unwrap(), []);
    created(store, of(plan("two", "", &[]), &["b", "a"])).await;
    let (one, _) = created(store, shift("one")).await;
    created(store, shift("a-b")).await;
    let claim = |name: &str, shift: &str| Claim { group: group(name).to_string(), shift: shift.to_owned() };
    let (others, last) = ([claim("a-b", "a-b")], [claim("a", "two"), claim("b", "two")]);
    assert_eq!(
        store.claims().await.unwrap(),
        [others.to_vec(), vec![claim("one", "one")], last.to_vec()].concat()
    );
    committed(store, &one, commanded(&one, Command::Cancel, 1)).await;
    assert_eq!(store.claims().await.unwrap(), [others.to_vec(), last.to_vec()].concat());
}

pub async fn active_shifts_are_known(store: &dyn Store) {
    let (one, _) = created(store, shift("one")).await;
    let (two, _) = created(store, shift("two")).await;
    let (three, _) = created(store, shift("three")).await;
    let one = committed(store, &one, commanded(&one, Command::Start, 1)).await;
    committed(store, &two, commanded(&two, Command::Cancel, 1)).await;
    let active = |shift: &Shift| Active {
        name: shift.name.clone(),
        account: "default".to_owned(),
        head: Head::of(shift),
    };
    assert_eq!(one.version, 2);
    assert_eq!(store.active().await.unwrap(), [active(&one), active(&three)]);
}

pub async fn reports_are_kept_beside(store: &dyn Store) {
    let (one, _) = created(store, shift("one")).await;
    created(store, shift("two")).await;
    let report = |percent: f64| Report {
        gates: Vec::new(),
        observed: Share::from_percent(percent).ok(),
        next: Some(Next { at: Some(instant(60)), what: "step 2".to_owned() }),
        ..Report::default()
    };
    let put = |name: &str, percent: f64| (name.to_owned(), report(percent));
    store.put_reports(&[put("two", 1.0), put("absent", 1.0), put("one", 12.3)]).await.unwrap();
    assert_eq!(loaded(store, "one").await.report, Some(report(12.3)));
    assert_eq!(loaded(store, "two").await.report, Some(report(1.0)));
    store.put_reports(&[put("one", 0.1)]).await.unwrap();
    let started = committed(store, &one, commanded(&one, Command::Start, 1)).await;
    assert_eq!(loaded(store, "one").await, Stored { shift: started, report: Some(report(0.1)) });
    let first = store.list(&all()).await.unwrap().remove(0).found.unwrap();
    assert_eq!(first.report, Some(report(0.1)));
}

pub async fn events_are_read_in_parts(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    committed(store, &born, happened(&born, (0..9).map(|step| Happened::Approved { step }).collect(), 1))
        .await;
    let seqs = async |after, limit| -> Vec<u64> {
        store.events("www", after, limit).await.unwrap().iter().map(|event| event.seq).collect()
    };
    assert_eq!(seqs(0, 100).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(seqs(0, 3).await, [1, 2, 3]);
    assert_eq!(seqs(3, 3).await, [4, 5, 6]);
    assert_eq!(seqs(9, 3).await, [10]);
    assert!(seqs(10, 3).await.is_empty());
    assert!(seqs(u64::MAX, 3).await.is_empty());
    assert!(seqs(0, 0).await.is_empty());
}

pub async fn the_chain_of_hashes_holds(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let moved = moved(store, &born).await;
    let mut before = Hash::default();
    for event in history(store, "www").await {
        let (kind, data) = event.what.to_parts().unwrap();
        let (at, reason) = (event.at.to_string(), event.reason.as_deref());
        let hash = seal(&before, "www", event.seq, &at, &kind, &event.actor.0, reason, &data);
        assert_eq!(event.hash, hash, "event {}", event.seq);
        before = hash;
    }
    assert_eq!(loaded(store, "www").await.shift.head, before);
    assert_eq!(moved.head, before);
    let Chain { head, rows } = store.chain("www", i64::MIN, 1000).await.unwrap();
    assert_eq!(check("www", &rows, head.as_ref()), Ok(Head::of(&moved)));
}

pub async fn chains_are_read_in_parts(store: &dyn Store) {
    let (born, events) = created(store, shift("www")).await;
    for name in ["a-b", "a0", "ab"] {
        created(store, shift(name)).await;
    }
    let steps = (0..9).map(|step| Happened::Approved { step }).collect();
    let after = committed(store, &born, happened(&born, steps, 1)).await;
    let part = async |from, limit| {
        let Chain { head, rows } = store.chain("www", from, limit).await.unwrap();
        assert_eq!(head, Some(Head::of(&after)), "from {from}");
        rows
    };
    let seqs =
        async |from, limit| -> Vec<i64> { part(from, limit).await.iter().map(|row| row.seq).collect() };
    assert_eq!(part(1, 1).await, [Row::of(&events[0]).unwrap()]);
    assert_eq!(seqs(i64::MIN, 100).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(seqs(i64::MIN, 3).await, [1, 2, 3]);
    assert_eq!(seqs(4, 3).await, [4, 5, 6]);
    assert_eq!(seqs(10, 3).await, [10]);
    assert!(seqs(11, 3).await.is_empty());
    assert!(seqs(i64::MAX, 3).await.is_empty());
    let absent = store.chain("absent", i64::MIN, 10).await;
    assert!(matches!(absent, Err(StoreError::NotFound(name)) if name == "absent"));
    // In the order of lists.
    assert_eq!(store.chains(None, 100).await.unwrap(), ["a-b", "a0", "ab", "www"]);
    assert_eq!(store.chains(None, 2).await.unwrap(), ["a-b", "a0"]);
    assert_eq!(store.chains(Some("a0"), 2).await.unwrap(), ["ab", "www"]);
    assert!(store.chains(Some("www"), 2).await.unwrap().is_empty());
}

pub async fn a_snapshot_is_the_fold(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let moved = moved(store, &born).await;
    let kept = loaded(store, "www").await.shift;
    assert_eq!(kept, moved);
    assert_eq!(kept, fold(&history(store, "www").await).unwrap());
}

pub async fn odd_text_comes_back(store: &dyn Store) {
    let odd = "Zoë's \"plan\"; DROP TABLE events; -- \\ %s $1 ?1 :a\n\t\u{1}\u{7f}\u{2028}🦀 \\u0000";
    let (born, events) = created(store, of(plan("odd", odd, &[(odd, odd)]), &["odd"])).await;
    assert_eq!(history(store, "odd").await, events);
    let mut what = actor();
    what.0 = odd.to_owned();
    let dropped = vec![Happened::AdvanceDropped { because: odd.to_owned() }];
    let (after, more) = born.after(dropped, &what, Some(odd.to_owned()), instant(1)).unwrap();
    let used = IdempotencyKey { key: odd.to_owned(), fingerprint: odd.to_owned(), at: instant(1) };
    store.commit(&Head::of(&born), &after, &more, Some(&used), None).await.unwrap();
    assert_eq!(history(store, "odd").await[1..], more);
    assert_eq!(loaded(store, "odd").await.shift, after);
    assert!(store.recall(&used).await.unwrap().is_some());
    assert_eq!(store.load(odd).await.unwrap(), None);
}

pub async fn large_events_come_back(store: &dyn Store) {
    let (born, _) = created(store, shift("www")).await;
    let large = |n: usize| Happened::AdvanceDropped { because: format!("{n} é").repeat(200_000) };
    let (after, events) = happened(&born, (0..3).map(large).collect(), 1);
    store.commit(&Head::of(&born), &after, &events, None, None).await.unwrap();
    assert_eq!(history(store, "www").await[1..], events);
}
