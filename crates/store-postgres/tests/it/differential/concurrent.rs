//! Two sessions of random requests at the same time, in every store. What comes of them depends on who is first; what is
//! judged here holds whoever that was.

mod judge;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossfade_core::{
    GroupKey,
    event::{Event, Happened, Hash},
};
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{actor, instant, key, of, plan},
    fake::store::MemoryStore,
    store::{Head, IdempotencyKey, Lease, Remembered},
};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use crossfade_store_sqlite::SqliteStore;
use proptest::{collection::vec, option, prelude::*, test_runner::TestCaseError};
use tokio::{runtime::Runtime, sync::Barrier, task::JoinSet};

use super::{
    operation::{ACCOUNTS, GROUPS, NAMES, REPLICAS},
    seeded::{Seeded, cases},
};

/// Long enough never to run out during a test.
const LASTING: Duration = Duration::from_secs(60 * 60);

/// What a session does next; names, groups and the rest by their places in their lists.
#[derive(Clone, Debug)]
enum Step {
    Create {
        name: usize,
        groups: Vec<usize>,
        key: Option<(usize, usize)>,
    },
    Commit {
        name: usize,
        change: Change,
        key: Option<(usize, usize)>,
        leased: Option<usize>,
    },
    Acquire {
        account: usize,
        lasts: bool,
    },
    /// Of the last lease of the account that this session was given.
    Renew {
        account: usize,
        lasts: bool,
    },
    Release {
        account: usize,
    },
    Recall {
        key: (usize, usize),
    },
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Approved,
    Paused,
    /// Gives the records up.
    Cancelled,
}

/// A request and its answer. Moments are counted by all sessions together.
struct Told {
    owner: &'static str,
    began: u64,
    ended: u64,
    what: What,
}

enum What {
    Create { name: &'static str, groups: BTreeSet<GroupKey>, write: Write },
    Commit { name: &'static str, gives_up: bool, lease: Option<Lease>, write: Write },
    Acquire { account: &'static str, lasts: bool, given: Option<Lease> },
    Renew { lease: Lease, lasts: bool, renewed: bool },
    Release { lease: Lease },
    Recall { key: IdempotencyKey, recalled: Result<Option<Remembered>, StoreError> },
}

struct Write {
    events: Vec<(u64, Hash)>,
    key: Option<IdempotencyKey>,
    answer: Result<(), StoreError>,
}

#[test]
fn in_memory_whoever_is_first() {
    race(|| async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        ([store.clone(), store], None)
    });
}

#[test]
fn in_sqlite_whoever_is_first() {
    race(|| async {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().join("crossfade.db").display().to_string();
        let one = SqliteStore::open(&location).await.unwrap();
        one.migrate().await.unwrap();
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(one), Arc::new(SqliteStore::open(&location).await.unwrap())];
        (stores, Some(folder))
    });
}

#[test]
fn in_postgres_whoever_is_first() {
    cases();
    let Some(server) = Server::shared() else { return };
    race(|| async {
        let url = server.database().await;
        let connect = async || Arc::new(PostgresStore::connect(&url).await.unwrap());
        let stores: [Arc<dyn Store>; 2] = [connect().await, connect().await];
        (stores, None)
    });
}

/// Through two handles of a new store for every case, as two daemons would.
fn race<F>(new: impl Fn() -> F)
where
    F: Future<Output = ([Arc<dyn Store>; 2], Option<tempfile::TempDir>)>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let sessions = [vec(step(), 5..40), vec(step(), 5..40)];
    Seeded::new().without_shrinking().run(&sessions, |sessions| {
        one_case(&runtime, &new, sessions);
        Ok::<(), TestCaseError>(())
    });
}

fn one_case<F>(runtime: &Runtime, new: &impl Fn() -> F, sessions: [Vec<Step>; 2])
where
    F: Future<Output = ([Arc<dyn Store>; 2], Option<tempfile::TempDir>)>,
{
    runtime.block_on(async {
        let (stores, _folder) = new().await;
        let (moments, both) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(2)));
        let mut running = JoinSet::new();
        for (place, steps) in sessions.into_iter().enumerate() {
            let session = Session {
                store: stores[place].clone(),
                owner: REPLICAS[place],
                moments: moments.clone(),
                leases: Vec::new(),
                told: Vec::new(),
            };
            let both = both.clone();
            running.spawn(async move {
                both.wait().await;
                session.all(steps).await
            });
        }
        let told = running.join_all().await.into_iter().flatten().collect();
        judge::judge(&*stores[0], told).await;
    });
}

struct Session {
    store: Arc<dyn Store>,
    owner: &'static str,
    moments: Arc<AtomicU64>,
    leases: Vec<Lease>,
    told: Vec<Told>,
}

impl Session {
    async fn all(mut self, steps: Vec<Step>) -> Vec<Told> {
        for step in steps {
            tokio::task::yield_now().await;
            let began = self.moment();
            if let Some(what) = self.one(step).await {
                let (owner, ended) = (self.owner, self.moment());
                self.told.push(Told { owner, began, ended, what });
            }
        }
        self.told
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// `None` where there is nothing that could be asked for.
    async fn one(&mut self, step: Step) -> Option<What> {
        match step {
            Step::Create { name, groups, key } => {
                let groups: Vec<&str> = groups.iter().map(|group| GROUPS[*group]).collect();
                // By different people, so that no two histories are alike.
                let (shift, events) = of(plan(NAMES[name], self.owner, &[]), &groups);
                let key = key.map(named);
                let answer = self.store.create(&shift, &events, key.as_ref()).await;
                let groups = shift.groups.iter().cloned().collect();
                Some(What::Create { name: NAMES[name], groups, write: write(&events, key, answer) })
            }
            Step::Commit { name, change, key, leased } => {
                let lease = match leased {
                    Some(account) => Some(self.lease(account)?),
                    None => None,
                };
                let present = self.store.load(NAMES[name]).await.unwrap()?.shift;
                let reason = Some(format!("{} {}", self.owner, self.told.len()));
                let change = vec![happened(change)];
                let (next, events) = present.after(change, &actor(), reason, instant(1)).unwrap();
                let key = key.map(named);
                let head = Head::of(&present);
                let answer = self.store.commit(&head, &next, &events, key.as_ref(), lease.as_ref()).await;
                let gives_up = !next.holds_records();
                Some(What::Commit { name: NAMES[name], gives_up, lease, write: write(&events, key, answer) })
            }
            Step::Acquire { account, lasts } => {
                let account = ACCOUNTS[account];
                let given = self.store.acquire(account, self.owner, ttl(lasts), 0).await.unwrap();
                self.leases.extend(given.clone());
                Some(What::Acquire { account, lasts, given })
            }
            Step::Renew { account, lasts } => {
                let lease = self.lease(account)?;
                let renewed = self.store.renew(&lease, ttl(lasts)).await.unwrap();
                Some(What::Renew { lease, lasts, renewed })
            }
            Step::Release { account } => {
                let lease = self.lease(account)?;
                self.store.release(&lease).await.unwrap();
                Some(What::Release { lease })
            }
            Step::Recall { key } => {
                let key = named(key);
                let recalled = self.store.recall(&key).await;
                Some(What::Recall { key, recalled })
            }
        }
    }

    fn lease(&self, account: usize) -> Option<Lease> {
        self.leases.iter().rev().find(|lease| lease.account == ACCOUNTS[account]).cloned()
    }
}

fn write(events: &[Event], key: Option<IdempotencyKey>, answer: Result<(), StoreError>) -> Write {
    let events = events.iter().map(|event| (event.seq, event.hash.clone())).collect();
    Write { events, key, answer }
}

fn happened(change: Change) -> Happened {
    match change {
        Change::Approved => Happened::Approved { step: 1 },
        Change::Paused => Happened::Paused { freeze: false },
        Change::Cancelled => Happened::Cancelled {},
    }
}

fn named((name, request): (usize, usize)) -> IdempotencyKey {
    key(&format!("k{name}"), &format!("f{request}"), 0)
}

fn ttl(lasts: bool) -> Duration {
    if lasts { LASTING } else { Duration::ZERO }
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let account = || 0..ACCOUNTS.len();
    let key = || (0..3_usize, 0..2_usize);
    let lasts = || prop::bool::weighted(0.8);
    let change =
        prop_oneof![4 => Just(Change::Approved), 2 => Just(Change::Paused), 1 => Just(Change::Cancelled)];
    prop_oneof![
        4 => (name(), vec(0..GROUPS.len(), 0..3), option::weighted(0.2, key()))
            .prop_map(|(name, groups, key)| Step::Create { name, groups, key }),
        12 => (name(), change, option::weighted(0.2, key()), option::weighted(0.4, account()))
            .prop_map(|(name, change, key, leased)| Step::Commit { name, change, key, leased }),
        4 => (account(), lasts()).prop_map(|(account, lasts)| Step::Acquire { account, lasts }),
        1 => (account(), lasts()).prop_map(|(account, lasts)| Step::Renew { account, lasts }),
        2 => account().prop_map(|account| Step::Release { account }),
        2 => key().prop_map(|key| Step::Recall { key }),
    ]
}
