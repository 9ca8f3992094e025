//! From operations to requests, the same for every store, and from answers to what can be compared.

use std::{collections::BTreeMap, time::Duration};

use crossfade_core::{
    Share,
    batch::GroupWeights,
    event::{Event, Happened},
    plan::Plan,
    report::{Next, Report},
    shift::{Purpose, Shift},
};
use crossfade_ports::{
    Store, StoreError,
    conformance::store::sample::{actor, instant, key, labelled, of, plan},
    store::{Filter, Head, IdempotencyKey, Lease, Replica},
};

use super::operation::{ACCOUNTS, Base, Change, GROUPS, Key, LABELS, NAMES, Operation, REPLICAS, TEXTS};

/// Long enough never to run out during a test.
const LASTING: Duration = Duration::from_secs(60 * 60);

/// What whoever sends the requests knows.
#[derive(Default)]
pub(super) struct Session {
    seconds: i64,
    /// Every state that was committed.
    lives: BTreeMap<&'static str, Vec<Shift>>,
    leases: Vec<Lease>,
}

pub(super) enum Request {
    Create(Box<Shift>, Vec<Event>, Option<IdempotencyKey>),
    Commit(Head, Box<Shift>, Vec<Event>, Option<IdempotencyKey>, Option<Lease>),
    Recall(IdempotencyKey),
    PutReports(Vec<(String, Report)>),
    Load(&'static str),
    List(Filter),
    Claims,
    Active,
    Events(&'static str, u64, u32),
    Acquire(&'static str, &'static str, Duration, u64),
    Renew(Lease, Duration),
    Release(Lease),
    Leases,
    Attend(Replica, Duration),
    Depart(&'static str),
    Replicas,
    Nothing,
}

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Done,
    Lease(Option<Lease>),
    /// Whatever else there is to be said, written out.
    Told(String),
    Refused(String),
}

impl Session {
    pub(super) fn request(&mut self, operation: &Operation) -> Request {
        self.seconds += 1;
        match operation {
            Operation::Create { name, groups, labels, key } => {
                let groups: Vec<&str> = groups.iter().map(|group| GROUPS[*group]).collect();
                let (shift, events) = of(plan(NAMES[*name], "", LABELS[*labels]), &groups);
                Request::Create(Box::new(shift), events, self.key(*key))
            }
            Operation::Commit { name, base, changes, key, lease } => {
                let (before, (shift, events)) = self.commit(NAMES[*name], *base, changes);
                let lease = lease.map(|lease| self.lease(lease));
                Request::Commit(before, Box::new(shift), events, self.key(*key), lease)
            }
            Operation::Recall { key: Key { key, request } } => {
                Request::Recall(named(*key, *request, self.seconds))
            }
            Operation::PutReports { names, percent } => {
                let report = |name: &usize| (NAMES[*name].to_owned(), report(*percent, self.seconds));
                Request::PutReports(names.iter().map(report).collect())
            }
            Operation::Load { name } => Request::Load(NAMES[*name]),
            Operation::List { phase, label, since, after, limit } => Request::List(Filter {
                phase: phase.map(str::to_owned),
                label: label.map(|(label, value)| (label.to_owned(), value.to_owned())),
                since: since.map(|hours| instant(self.seconds - hours * 60 * 60)),
                after: after.map(|name| NAMES[name].to_owned()),
                limit: *limit,
            }),
            Operation::Claims => Request::Claims,
            Operation::Active => Request::Active,
            Operation::Events { name, after, limit } => Request::Events(NAMES[*name], *after, *limit),
            Operation::Acquire { account, replica, lasts, at_least } => {
                Request::Acquire(ACCOUNTS[*account], REPLICAS[*replica], ttl(*lasts), *at_least)
            }
            Operation::Renew { lease, lasts } => Request::Renew(self.lease(*lease), ttl(*lasts)),
            Operation::Release { lease } => Request::Release(self.lease(*lease)),
            Operation::Leases => Request::Leases,
            Operation::Attend { replica, accounts, lasts } => {
                let accounts = accounts.iter().map(|account| ACCOUNTS[*account].to_owned()).collect();
                Request::Attend(Replica { id: REPLICAS[*replica].to_owned(), accounts }, ttl(*lasts))
            }
            Operation::Depart { replica } => Request::Depart(REPLICAS[*replica]),
            Operation::Replicas => Request::Replicas,
            Operation::Later { hours } => {
                self.seconds += hours * 60 * 60;
                Request::Nothing
            }
        }
    }

    /// Remembers what came of a request.
    pub(super) fn note(&mut self, request: Request, answer: &Answer) {
        match (request, answer) {
            (Request::Create(shift, ..) | Request::Commit(_, shift, ..), Answer::Done) => {
                if let Some(name) = NAMES.into_iter().find(|name| *name == shift.name) {
                    self.lives.entry(name).or_default().push(*shift);
                }
            }
            (_, Answer::Lease(Some(lease))) => self.leases.push(lease.clone()),
            _ => {}
        }
    }

    fn commit(&self, name: &str, base: Base, changes: &[Change]) -> (Head, (Shift, Vec<Event>)) {
        let unborn = labelled(name, &[]).0;
        let life = self.lives.get(name).map_or(&[][..], Vec::as_slice);
        let ago = if let Base::Past(ago) = base { ago } else { 0 };
        let mut before =
            life.iter().rev().nth(ago.min(life.len().saturating_sub(1))).unwrap_or(&unborn).clone();
        let at = instant(self.seconds);
        let after = |shift: &Shift, happened| shift.after(happened, &actor(), None, at).unwrap();
        if let Base::Future = base {
            before = after(&before, vec![Happened::Approved { step: 7 }]).0;
        }
        if let Base::Lost = base {
            // In the place of the newest commit, another with as many events.
            let older = life.iter().rev().nth(1).unwrap_or(&unborn);
            let lost = before.version.saturating_sub(older.version);
            before = after(older, (0..lost).map(|_| Happened::Approved { step: 8 }).collect()).0;
        }
        let happened = changes.iter().map(|change| happened(*change, &before)).collect();
        let (shift, mut events) = after(&before, happened);
        if let Base::Torn = base {
            events.truncate(events.len().saturating_sub(1));
        }
        (Head::of(&before), (shift, events))
    }

    fn key(&self, key: Option<Key>) -> Option<IdempotencyKey> {
        key.map(|Key { key, request }| named(key, request, self.seconds))
    }

    /// One of those that were ever given, the newest first; or one that never was.
    fn lease(&self, index: usize) -> Lease {
        let never = || Lease { account: ACCOUNTS[0].to_owned(), owner: REPLICAS[0].to_owned(), epoch: 1000 };
        self.leases.iter().rev().nth(index).cloned().unwrap_or_else(never)
    }
}

impl Request {
    pub(super) async fn of(&self, store: &dyn Store) -> Answer {
        let outcome = match self {
            Request::Create(shift, events, key) => {
                store.create(shift, events, key.as_ref()).await.map(|()| Answer::Done)
            }
            Request::Commit(before, shift, events, key, lease) => {
                store.commit(before, shift, events, key.as_ref(), lease.as_ref()).await.map(|()| Answer::Done)
            }
            Request::Recall(key) => store.recall(key).await.map(told),
            Request::PutReports(reports) => store.put_reports(reports).await.map(told),
            Request::Load(name) => store.load(name).await.map(told),
            Request::List(filter) => store.list(filter).await.map(told),
            Request::Claims => store.claims().await.map(told),
            Request::Active => store.active().await.map(told),
            Request::Events(name, after, limit) => store.events(name, *after, *limit).await.map(told),
            Request::Acquire(account, replica, ttl, at_least) => {
                store.acquire(account, replica, *ttl, *at_least).await.map(Answer::Lease)
            }
            Request::Renew(lease, ttl) => store.renew(lease, *ttl).await.map(told),
            Request::Release(lease) => store.release(lease).await.map(told),
            Request::Leases => {
                // Until when they last is the business of each store's clock.
                let held = store.leases().await;
                held.map(|held| told(held.into_iter().map(|tenure| tenure.lease).collect::<Vec<_>>()))
            }
            Request::Attend(replica, ttl) => store.attend(replica, *ttl).await.map(told),
            Request::Depart(replica) => store.depart(replica).await.map(told),
            Request::Replicas => store.replicas().await.map(told),
            Request::Nothing => Ok(Answer::Done),
        };
        outcome.unwrap_or_else(|error| Answer::Refused(refusal(&error)))
    }
}

fn happened(change: Change, shift: &Shift) -> Happened {
    match change {
        Change::Started => Happened::Started {},
        Change::Paused => Happened::Paused { freeze: false },
        Change::Approved => Happened::Approved { step: 1 },
        Change::Dropped { because } => Happened::AdvanceDropped { because: TEXTS[because].to_owned() },
        Change::Revised { labels, account } => {
            let plan = Plan {
                account: ACCOUNTS[account].to_owned(),
                ..plan(&shift.name, TEXTS[labels], LABELS[labels])
            };
            Happened::Revised { plan: Box::new(plan) }
        }
        Change::Intended => Happened::Intended {
            generation: shift.generation + 1,
            purpose: Purpose::Release,
            share: Share::ZERO,
            weights: GroupWeights::new(),
            gates: Vec::new(),
        },
        Change::Cancelled => Happened::Cancelled {},
        Change::Released => Happened::Released {},
    }
}

fn named(name: usize, request: usize, seconds: i64) -> IdempotencyKey {
    key(&format!("k{name}"), &format!("f{request}"), seconds)
}

fn report(percent: u32, seconds: i64) -> Report {
    let next = Next { at: Some(instant(seconds)), what: TEXTS[2].to_owned() };
    Report { observed: Share::from_percent(f64::from(percent)).ok(), next: Some(next), ..Report::default() }
}

fn ttl(lasts: bool) -> Duration {
    if lasts { LASTING } else { Duration::ZERO }
}

fn told(answer: impl std::fmt::Debug) -> Answer {
    Answer::Told(format!("{answer:?}"))
}

fn refusal(error: &StoreError) -> String {
    if let StoreError::Refused(_) = error { "Refused".to_owned() } else { format!("{error:?}") }
}
