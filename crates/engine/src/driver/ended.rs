//! Shifts that are over: what the side that the traffic has left still gets, looked at now and then.
//!
//! Nothing is decided, committed or written to a zone here, so it needs no lease. A lease only says which of several
//! replicas does it. What is seen goes into the shift's report, which is a cache.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crossfade_core::{
    gate,
    report::Report,
    shift::{Phase, Shift},
};
use crossfade_ports::{
    StoreError,
    store::{Filter, Listed, Stored},
};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Chore, Driver};
use crate::{
    evidence::{Evidence, Wanted, want_tail},
    round::Context,
};

/// A tail falls by the hour, and metrics are paid for by the read.
const EVERY: Duration = Duration::from_secs(300);

/// Whoever has not switched the side off by then has forgotten it.
const FOLLOWED: SignedDuration = SignedDuration::from_hours(7 * 24);

const PAGE: u32 = 100;

#[derive(Default)]
pub(super) struct Ended {
    names: BTreeSet<String>,
    /// Whether the store may have more of them.
    incomplete: bool,
    looking: bool,
    /// The next look; at once where there is none.
    at: Option<Instant>,
    evidence: Arc<Evidence>,
}

/// What a look came to.
pub(super) struct Looked {
    /// The shifts to be looked at again. `None` when the store could not say.
    names: Option<BTreeSet<String>>,
    reports: Vec<(String, Report)>,
}

impl Ended {
    /// The next look, unless there is nothing to look at; `now` at the latest where it is due at once.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let any = self.incomplete || !self.names.is_empty();
        (any && !self.looking).then(|| self.at.unwrap_or(now))
    }

    /// One more has ended.
    pub(super) fn add(&mut self, name: String) {
        self.names.insert(name);
        self.at = None;
    }

    /// Accounts have come or gone: the store knows what else has ended.
    pub(super) fn find(&mut self) {
        self.incomplete = true;
        self.at = None;
    }

    pub(super) fn failed(&mut self) {
        self.looking = false;
    }
}

impl Driver {
    pub(super) fn look_at_tails(&mut self) {
        let now = Instant::now();
        if self.ended.due(now).is_none_or(|due| due > now) {
            return;
        }
        let (context, evidence) = (self.context.clone(), self.ended.evidence.clone());
        let accounts: BTreeSet<String> = self.held.borrow().keys().cloned().collect();
        let names = self.ended.names.clone();
        let all = std::mem::replace(&mut self.ended.incomplete, false);
        self.ended.looking = true;
        self.ended.at = Some(now + EVERY);
        self.chores.spawn(async move {
            let looked = look(&context, &evidence, &accounts, names, all).await.unwrap_or_else(|error| {
                context.store_failed(&error);
                Looked { names: None, reports: Vec::new() }
            });
            Chore::TailsSeen(looked)
        });
    }

    pub(super) fn tails_seen(&mut self, Looked { names, reports }: Looked) {
        self.ended.looking = false;
        match names {
            // Those that have ended meanwhile are due at once.
            Some(names) if self.ended.at.is_some() => self.ended.names = names,
            Some(names) => self.ended.names.extend(names),
            None => self.ended.incomplete = true,
        }
        for (name, report) in reports {
            // One that has begun again has a newer report.
            if !self.places.contains_key(&name) {
                // So has one whose last report is not saved yet.
                let tail = report.tail.clone();
                self.reports.entry(name).and_modify(|newer| newer.tail = tail).or_insert(report);
            }
        }
    }
}

async fn look(
    context: &Context,
    evidence: &Evidence,
    accounts: &BTreeSet<String>,
    names: BTreeSet<String>,
    all: bool,
) -> Result<Looked, StoreError> {
    let now = context.clock.now();
    let is_ours = |shift: &Shift| accounts.contains(&shift.plan.account) && is_followed(shift, now);
    let (mut found, mut followed) = (Vec::new(), BTreeSet::new());
    let ended = if all { listed(context, now).await? } else { named(context, names).await? };
    for Listed { name, found: read } in ended {
        match read {
            Ok(stored) if is_ours(&stored.shift) => found.push(stored),
            Ok(_) => {}
            Err(error) => {
                // It may be one of those to be followed: it is tried again, and the others are looked at.
                tracing::warn!(shift.name = name, error = %error, "a shift that is over cannot be read");
                followed.insert(name);
            }
        }
    }
    let mut wanted = Wanted::default();
    for Stored { shift, .. } in &found {
        want_tail(&mut wanted, shift, now);
    }
    let accounts = context.accounts.names().into_iter();
    join_all(accounts.map(|account| evidence.read(account, wanted.of(account), &context.accounts, now)))
        .await;
    let mut reports = Vec::new();
    for Stored { shift, report } in found {
        let tail = gate::tail(&shift, &evidence.of_tail(&shift), now);
        let before = report.unwrap_or_default();
        if before.tail != tail {
            reports.push((shift.name.clone(), Report { tail, ..before }));
        }
        followed.insert(shift.name);
    }
    Ok(Looked { names: Some(followed), reports })
}

/// Whether there is a side that its traffic has left, not too long ago.
fn is_followed(shift: &Shift, now: Timestamp) -> bool {
    let ended = match shift.phase {
        Phase::Completed { at, .. } | Phase::Reverted { at, .. } => at,
        Phase::Scheduled | Phase::Running { .. } | Phase::Reverting { .. } | Phase::Cancelled { .. } => {
            return false;
        }
    };
    now.duration_since(ended) < FOLLOWED && gate::losing(shift).is_some()
}

/// Shifts that are over, and that something has happened to since they could have been followed. Nothing is ever deleted,
/// so all the others become more and more.
async fn listed(context: &Context, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::new();
    let since = now.checked_sub(FOLLOWED).ok();
    for phase in ["completed", "reverted"] {
        let mut filter = Filter { phase: Some(phase.to_owned()), since, limit: PAGE, ..Filter::default() };
        loop {
            let page = context.store.list(&filter).await?;
            let full = page.len() as u32 == PAGE;
            filter.after = page.last().map(|listed| listed.name.clone());
            all.extend(page);
            if !full {
                break;
            }
        }
    }
    Ok(all)
}

async fn named(context: &Context, names: BTreeSet<String>) -> Result<Vec<Listed>, StoreError> {
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        if let Some(found) = context.store.load(&name).await.transpose() {
            all.push(Listed::new(name, found)?);
        }
    }
    Ok(all)
}
