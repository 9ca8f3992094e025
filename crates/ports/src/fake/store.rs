//! A store in memory, with the semantics of the real ones, and switches for their faults.

mod lease;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{GroupKey, event::Event, report::Report, shift::Shift};

use self::lease::Desk;
use crate::store::{
    Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Store,
    StoreError, Stored, Tenure, refuse_unfounded,
    row::{KeyRow, number, written},
};

#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

/// A store as it was, for [`MemoryStore::restore`].
#[derive(Clone, Debug)]
pub struct Backup(Tables);

#[derive(Clone, Debug, Default)]
struct Tables {
    desk: Desk,
    shifts: BTreeMap<String, Kept>,
    claims: BTreeMap<GroupKey, String>,
    keys: BTreeMap<String, (IdempotencyKey, Remembered)>,
    unavailable: bool,
    lost_answers: u32,
}

#[derive(Clone, Debug)]
struct Kept {
    stored: Stored,
    events: Vec<Event>,
}

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// From now on nothing answers, until it is switched back. What was kept is kept.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.lock().unavailable = unavailable;
    }

    /// The next so many writes of shifts are done, and then answered as if they had not been.
    pub fn lose_answers(&self, writes: u32) {
        self.lock().lost_answers = writes;
    }

    /// Moves the clock by which leases run; between such moves it is tokio's.
    pub fn advance(&self, by: Duration) {
        self.lock().desk.advance(by);
    }

    pub fn backup(&self) -> Backup {
        Backup(self.lock().clone())
    }

    /// Forgets everything that was written since, as a failover to a standby that was behind: leases and idempotency
    /// keys, too.
    pub fn restore(&self, backup: &Backup) {
        let mut tables = self.lock();
        let (unavailable, lost_answers) = (tables.unavailable, tables.lost_answers);
        *tables = Tables { unavailable, lost_answers, ..backup.0.clone() };
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.lock();
        if tables.unavailable { Err(unavailable("switched off by the test")) } else { Ok(tables) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn installation(&self) -> Result<String, StoreError> {
        self.reach().map(|_| "11111111111111111111111111111111".to_owned())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reach().map(drop)
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        let mut tables = self.reach()?;
        refuse_unfounded(&Head::default(), shift, events)?;
        tables.refuse_used(key)?;
        if tables.shifts.contains_key(&shift.name) {
            return Err(StoreError::Exists(shift.name.clone()));
        }
        for group in shift.groups.iter().collect::<BTreeSet<_>>() {
            if let Some(owner) = tables.claims.get(group) {
                return Err(StoreError::Claimed { group: group.to_string(), owner: owner.clone() });
            }
        }
        refuse_gaps(0, events)?;
        tables.claims.extend(shift.groups.iter().map(|group| (group.clone(), shift.name.clone())));
        let stored = Stored { shift: shift.clone(), report: None };
        tables.shifts.insert(shift.name.clone(), Kept { stored, events: events.to_vec() });
        tables.finish(shift, key)
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        let mut tables = self.reach()?;
        refuse_unfounded(before, shift, events)?;
        tables.refuse_used(key)?;
        tables.desk.refuse_lost(lease)?;
        let kept =
            tables.shifts.get_mut(&shift.name).ok_or_else(|| StoreError::NotFound(shift.name.clone()))?;
        if Head::of(&kept.stored.shift) != *before {
            return Err(StoreError::Conflict { shift: shift.name.clone(), expected: before.version });
        }
        refuse_gaps(before.version, events)?;
        kept.stored.shift = shift.clone();
        kept.events.extend_from_slice(events);
        if !shift.holds_records() {
            tables.claims.retain(|_, owner| *owner != shift.name);
        }
        tables.finish(shift, key)
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        self.reach()?.find(key).map(|used| used.recall(key)).transpose()
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        let mut tables = self.reach()?;
        for (name, report) in reports {
            if let Some(kept) = tables.shifts.get_mut(name) {
                kept.stored.report = Some(report.clone());
            }
        }
        Ok(())
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        Ok(self.reach()?.shifts.get(name).map(|kept| kept.stored.clone()))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        let tables = self.reach()?;
        let shown = tables.shifts.iter().filter(|(_, kept)| shows(filter, kept)).take(filter.limit as usize);
        shown.map(|(name, kept)| Listed::new(name.clone(), Ok(kept.stored.clone()))).collect()
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        let tables = self.reach()?;
        let shifts = tables.shifts.values().map(|kept| &kept.stored.shift);
        let active = |shift: &Shift| Active {
            name: shift.name.clone(),
            account: shift.plan.account.clone(),
            head: Head::of(shift),
        };
        Ok(shifts.filter(|shift| shift.is_active()).map(active).collect())
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        let tables = self.reach()?;
        let mut claims: Vec<(&GroupKey, &String)> = tables.claims.iter().collect();
        claims.sort_by_key(|(group, shift)| (*shift, &group.zone.0, &group.name, group.record_type.as_str()));
        let claim =
            |(group, shift): (&GroupKey, &String)| Claim { group: group.to_string(), shift: shift.clone() };
        Ok(claims.into_iter().map(claim).collect())
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let tables = self.reach()?;
        let kept = tables.shifts.get(name).ok_or_else(|| StoreError::NotFound(name.to_owned()))?;
        let later = kept.events.iter().filter(|event| event.seq > after);
        Ok(later.take(limit as usize).cloned().collect())
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        let tables = self.reach()?;
        let kept = tables.shifts.get(name).ok_or_else(|| StoreError::NotFound(name.to_owned()))?;
        let later = kept.events.iter().filter(|event| number(event.seq) >= from).take(limit as usize);
        let rows = later.map(|event| written(name, event)).collect::<Result<_, _>>()?;
        Ok(Chain { head: Some(Head::of(&kept.stored.shift)), rows })
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let tables = self.reach()?;
        let later = tables.shifts.keys().filter(|name| after.is_none_or(|after| name.as_str() > after));
        Ok(later.take(limit as usize).cloned().collect())
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(self.reach()?.desk.acquire(account, replica, ttl, at_least))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        Ok(self.reach()?.desk.renew(lease, ttl))
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.reach()?.desk.release(lease);
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        Ok(self.reach()?.desk.leases())
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        self.reach()?.desk.attend(replica, ttl);
        Ok(())
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        self.reach()?.desk.depart(replica);
        Ok(())
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        Ok(self.reach()?.desk.replicas())
    }
}

impl Tables {
    fn find(&self, key: &IdempotencyKey) -> Option<KeyRow> {
        let (used, remembered) = self.keys.get(&key.key)?;
        (used.at >= key.forgotten_before()).then(|| KeyRow {
            fingerprint: used.fingerprint.clone(),
            shift: remembered.shift.clone(),
            seq: number(remembered.seq),
        })
    }

    fn refuse_used(&self, key: Option<&IdempotencyKey>) -> Result<(), StoreError> {
        match key.and_then(|key| Some((key, self.find(key)?))) {
            Some((key, used)) => Err(used.refusal(key)),
            None => Ok(()),
        }
    }

    fn finish(&mut self, shift: &Shift, key: Option<&IdempotencyKey>) -> Result<(), StoreError> {
        if let Some(key) = key {
            self.keys.retain(|_, (used, _)| used.at >= key.forgotten_before());
            let remembered = Remembered { shift: shift.name.clone(), seq: shift.version };
            self.keys.insert(key.key.clone(), (key.clone(), remembered));
        }
        if self.lost_answers > 0 {
            self.lost_answers -= 1;
            return Err(unavailable("the answer was lost by the test"));
        }
        Ok(())
    }
}

fn refuse_gaps(version: u64, events: &[Event]) -> Result<(), StoreError> {
    match (version + 1..).zip(events).find(|(seq, event)| event.seq != *seq) {
        Some((seq, event)) => {
            Err(StoreError::Refused(format!("the history has no gaps: event {} is not {seq}", event.seq)))
        }
        None => Ok(()),
    }
}

fn shows(filter: &Filter, Kept { stored: Stored { shift, .. }, events }: &Kept) -> bool {
    let newest = events.last().map_or(shift.created_at, |event| event.at).to_string();
    filter.phase.as_deref().is_none_or(|phase| phase == shift.phase.as_str())
        && filter.label.as_ref().is_none_or(|(label, value)| shift.plan.labels.get(label) == Some(value))
        && filter.since.is_none_or(|since| newest >= since.to_string())
        && filter.after.as_ref().is_none_or(|after| shift.name > *after)
}

fn unavailable(what: &str) -> StoreError {
    StoreError::Unavailable { what: what.to_owned(), source: None }
}
