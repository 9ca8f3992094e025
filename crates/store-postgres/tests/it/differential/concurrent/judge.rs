//! What holds in whatever order the requests of two sessions were carried out.
//!
//! Of two requests only one thing is known about their order: one that had ended before another began came first. So a
//! thing is *certainly* somebody's from the end of the request that got it to the beginning of the one that gives it up.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_core::{GroupKey, event::Hash, shift::fold};
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{labelled, of, plan},
    store::{IdempotencyKey, Lease, Remembered},
};

use super::{super::race, GROUPS, NAMES, Told, What, Write, named};

pub(super) async fn judge(store: &dyn Store, told: Vec<Told>) {
    histories(store, &told).await;
    leases(store, &told).await;
    keys(store, &told).await;
    claims(store, &told).await;
    for one in &told {
        refusals(one, &told);
    }
}

/// Every write that was answered is there once, nothing else is, and what came first is first.
async fn histories(store: &dyn Store, told: &[Told]) {
    for name in NAMES {
        let mut writes: Vec<(&Told, &Write)> =
            told.iter().filter_map(|one| Some((one, one.done(name)?))).collect();
        let Some(stored) = store.load(name).await.unwrap() else {
            assert!(writes.is_empty(), "{name} was written, and is not there");
            continue;
        };
        let history = store.events(name, 0, u32::MAX).await.unwrap();
        race::chain_holds(name, &history);
        assert_eq!(stored.shift, fold(&history).unwrap());

        writes.sort_by_key(|(_, write)| write.events[0].0);
        let written: Vec<(u64, Hash)> = writes.iter().flat_map(|(_, write)| write.events.clone()).collect();
        let kept: Vec<(u64, Hash)> = history.iter().map(|event| (event.seq, event.hash.clone())).collect();
        assert_eq!(written, kept, "{name}");

        // No write is before one that was answered before it began, and none under an older lease.
        let mut newest = BTreeMap::new();
        for (place, (one, _)) in writes.iter().enumerate() {
            assert!(writes[place..].iter().all(|(later, _)| later.ended > one.began), "{name}");
            if let What::Commit { lease: Some(lease), .. } = &one.what {
                let newest = newest.entry(&lease.account).or_insert(0);
                assert!(*newest <= lease.epoch, "{name} was written under a lease that was over: {lease:?}");
                *newest = lease.epoch;
            }
        }
    }
}

/// At most one holder of an account at a time; each with a number of its own.
async fn leases(store: &dyn Store, told: &[Told]) {
    let given: Vec<(&Lease, u64, u64)> = told.iter().filter_map(|one| one.held(told)).collect();
    for (lease, from, until) in &given {
        for (other, since, to) in &given {
            if lease.account == other.account && lease.owner != other.owner {
                assert!(from >= to || since >= until, "held at once: {lease:?} and {other:?}");
            }
        }
        // While somebody has it, nothing is done under another one.
        for one in told.iter().filter(|one| *from < one.began && one.ended < *until) {
            let Some(under) = one.under() else { continue };
            let alike = under.account == lease.account && under != *lease;
            assert!(!alike, "{under:?} was good while {lease:?} was held");
        }
    }
    let all: Vec<&Lease> = told.iter().filter_map(Told::given).collect();
    let numbers: BTreeSet<(&str, u64)> =
        all.iter().map(|lease| (lease.account.as_str(), lease.epoch)).collect();
    assert_eq!(numbers.len(), all.len(), "an epoch was given twice: {all:?}");

    let left: Vec<Lease> = store.leases().await.unwrap().into_iter().map(|tenure| tenure.lease).collect();
    for (lease, ..) in given.iter().filter(|(.., until)| *until == u64::MAX) {
        assert!(left.contains(lease), "{lease:?} is lost: {left:?}");
    }
    let accounts: BTreeSet<&str> = left.iter().map(|lease| lease.account.as_str()).collect();
    assert_eq!(accounts.len(), left.len(), "{left:?}");
}

/// A key has done one thing, and says which, to everybody and for ever.
async fn keys(store: &dyn Store, told: &[Told]) {
    for key in (0..3).flat_map(|name| [named((name, 0)), named((name, 1))]) {
        let done = keyed(told, &key);
        let Some((first, answer)) = done.first() else {
            assert_eq!(store.recall(&key).await.unwrap(), None, "{key:?}");
            continue;
        };
        assert_eq!(done.len(), 1, "{key:?} was carried out more than once");
        says(&store.recall(&key).await, &key, answer);
        for one in told {
            let What::Recall { key: asked, recalled } = &one.what else { continue };
            if *asked == key {
                assert!(one.ended > first.began || matches!(recalled, Ok(None)), "{key:?} before its time");
                if one.began > first.ended || !matches!(recalled, Ok(None)) {
                    says(recalled, &key, answer);
                }
            }
        }
    }
}

fn says(
    recalled: &Result<Option<Remembered>, StoreError>,
    key: &IdempotencyKey,
    (request, did): &(String, Remembered),
) {
    match recalled {
        Ok(recalled) if key.fingerprint == *request => assert_eq!(recalled.as_ref(), Some(did), "{key:?}"),
        Err(StoreError::KeyReused) if key.fingerprint != *request => {}
        other => panic!("{key:?}: {other:?}"),
    }
}

/// What was done with a key, whatever the request: by whom, the request, and what it is remembered as.
fn keyed<'a>(told: &'a [Told], key: &IdempotencyKey) -> Vec<(&'a Told, (String, Remembered))> {
    let mut done = Vec::new();
    for (one, name) in told.iter().flat_map(|one| NAMES.map(|name| (one, name))) {
        let Some(Write { events, key: Some(used), .. }) = one.done(name) else { continue };
        if used.key == key.key {
            let seq = events.last().unwrap().0;
            done.push((one, (used.fingerprint.clone(), Remembered { shift: name.to_owned(), seq })));
        }
    }
    done
}

/// Records belong to one shift at a time, until it gives them up.
async fn claims(store: &dyn Store, told: &[Told]) {
    let owned: Vec<_> = told.iter().filter_map(|one| one.owned(told)).collect();
    for (name, groups, from, until) in &owned {
        for (other, theirs, since, to) in owned.iter().filter(|(other, ..)| other != name) {
            let apart = groups.is_disjoint(theirs) || from >= to || since >= until;
            assert!(apart, "{name} and {other} had the same records at once: {groups:?}, {theirs:?}");
        }
    }
    for group in GROUPS {
        let owner = owned.iter().find(|(_, groups, _, until)| {
            *until == u64::MAX && groups.contains(&labelled(group, &[]).0.groups[0])
        });
        let (late, events) = of(plan(&format!("late-{group}"), "", &[]), &[group]);
        match (store.create(&late, &events, None).await, owner) {
            (Ok(()), None) => {}
            (Err(StoreError::Claimed { owner, .. }), Some((name, ..))) if owner == *name => {}
            (answer, owner) => panic!("{group} belongs to {owner:?}: {answer:?}"),
        }
    }
}

/// Nobody is refused without a cause: a store that refuses everything would keep the rest.
fn refusals(one: &Told, told: &[Told]) {
    let (What::Create { name, write, .. } | What::Commit { name, write, .. }) = &one.what else { return };
    let Err(error) = &write.answer else { return };
    let before = |other: &&Told| other.began < one.ended;
    let used = write.key.as_ref().map_or(Vec::new(), |key| keyed(told, key));
    let used = used.iter().filter(|(other, _)| other.began < one.ended);
    let because = match error {
        StoreError::Exists(_) => told.iter().filter(before).any(|other| other.created(name).is_some()),
        StoreError::Claimed { owner, group } => told.iter().filter(before).any(|other| {
            other.created(owner).is_some_and(|groups| groups.iter().any(|other| other.to_string() == *group))
        }),
        StoreError::KeyReused => {
            used.clone().any(|(_, (request, _))| write.key.as_ref().unwrap().fingerprint != *request)
        }
        StoreError::Conflict { .. } => {
            // What a new shift met may have been another's claim, which is gone when the reason is asked for.
            let of_this = |other: &Told| match one.what {
                What::Create { .. } => NAMES.iter().any(|name| other.done(name).is_some()),
                What::Commit { .. }
                | What::Acquire { .. }
                | What::Renew { .. }
                | What::Release { .. }
                | What::Recall { .. } => other.done(name).is_some(),
            };
            let meanwhile = |other: &&Told| other.ended > one.began && of_this(other);
            used.count() > 0 || told.iter().filter(before).any(|other| meanwhile(&other))
        }
        StoreError::LeaseLost { .. } => {
            let What::Commit { lease: Some(lease), .. } = &one.what else { panic!("no lease was named") };
            let held = told.iter().filter_map(|other| other.held(told)).find(|(held, ..)| *held == lease);
            held.is_none_or(|(_, from, until)| from > one.began || until < one.ended)
        }
        StoreError::NotFound(_)
        | StoreError::InUse { .. }
        | StoreError::Inconsistent { .. }
        | StoreError::Refused(_)
        | StoreError::Unavailable { .. } => false,
    };
    assert!(because, "{name}, from {} to {}: {error:?}", one.began, one.ended);
}

impl Told {
    /// What was written to this shift, if it was.
    fn done(&self, shift: &str) -> Option<&Write> {
        match &self.what {
            What::Create { name, write, .. } | What::Commit { name, write, .. } => {
                (*name == shift && write.answer.is_ok()).then_some(write)
            }
            What::Acquire { .. } | What::Renew { .. } | What::Release { .. } | What::Recall { .. } => None,
        }
    }

    /// The records that this shift got, if this made it.
    fn created(&self, shift: &str) -> Option<&BTreeSet<GroupKey>> {
        let What::Create { name, groups, write } = &self.what else { return None };
        (*name == shift && write.answer.is_ok()).then_some(groups)
    }

    /// Whose records these certainly were, and from when until when.
    fn owned<'a>(&'a self, told: &[Told]) -> Option<(&'static str, &'a BTreeSet<GroupKey>, u64, u64)> {
        let What::Create { name, .. } = &self.what else { return None };
        let groups = self.created(name)?;
        let gives_up = |other: &&Told| {
            matches!(other.what, What::Commit { gives_up: true, .. }) && other.done(name).is_some()
        };
        let until = told.iter().filter(gives_up).map(|other| other.began).min().unwrap_or(u64::MAX);
        Some((name, groups, self.ended, until))
    }

    fn given(&self) -> Option<&Lease> {
        if let What::Acquire { given, .. } = &self.what { given.as_ref() } else { None }
    }

    /// A lease that was given here for an hour, and from when until when it certainly was held.
    fn held(&self, told: &[Told]) -> Option<(&Lease, u64, u64)> {
        let What::Acquire { account, lasts: true, given: Some(lease) } = &self.what else { return None };
        let ends = |other: &&Told| match &other.what {
            What::Release { lease: ended } | What::Renew { lease: ended, lasts: false, .. } => ended == lease,
            What::Acquire { account: again, .. } => {
                again == account && other.owner == self.owner && other.began > self.ended
            }
            What::Create { .. } | What::Commit { .. } | What::Renew { .. } | What::Recall { .. } => false,
        };
        let until = told.iter().filter(ends).map(|other| other.began).min().unwrap_or(u64::MAX);
        Some((lease, self.ended, until))
    }

    /// The lease that was good for this.
    fn under(&self) -> Option<&Lease> {
        match &self.what {
            What::Commit { lease, write, .. } if write.answer.is_ok() => lease.as_ref(),
            What::Renew { lease, renewed: true, .. } => Some(lease),
            What::Acquire { given, .. } => given.as_ref(),
            What::Create { .. }
            | What::Commit { .. }
            | What::Renew { .. }
            | What::Release { .. }
            | What::Recall { .. } => None,
        }
    }
}
