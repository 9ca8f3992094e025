//! The store of a run: one shift with its history, one lease, and a database that can fail.

use std::sync::Arc;

use crossfade_core::{event::Event, shift::Shift};

/// The same as the engine's.
pub(crate) const TTL_MS: i64 = 15_000;

pub(crate) struct Store {
    pub(crate) shift: Arc<Shift>,
    pub(crate) history: Vec<Event>,
    pub(crate) lease: Option<Lease>,
    newest_epoch: u64,
    pub(crate) down_until: i64,
    /// The states of the last seconds, for a failover to fall back on.
    past: Vec<(i64, Arc<Shift>, Option<Lease>, u64)>,
    /// Since when a person holds the shift.
    pub(crate) paused_at: Option<i64>,
    /// Two histories that part from each other have the same numbers: the hashes tell them apart.
    pub(crate) compares_versions_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) owner: usize,
    pub(crate) epoch: u64,
    pub(crate) expires_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Conflict,
    LeaseLost,
    Down,
}

impl Store {
    pub(crate) fn new(shift: Shift, history: Vec<Event>) -> Store {
        Store {
            shift: Arc::new(shift),
            history,
            lease: None,
            newest_epoch: 0,
            down_until: 0,
            past: Vec::new(),
            paused_at: None,
            compares_versions_only: false,
        }
    }

    pub(crate) fn is_down(&self, now: i64) -> bool {
        now < self.down_until
    }

    /// Another shift in the place of one that has given its records up.
    pub(crate) fn create(&mut self, now: i64, shift: Shift, history: Vec<Event>) {
        self.shift = Arc::new(shift);
        self.history = history;
        self.past.clear();
        self.remember(now);
    }

    /// In the place of `base`. `lease` is named by daemons, not by people.
    pub(crate) fn commit(
        &mut self,
        now: i64,
        base: &Shift,
        shift: &Arc<Shift>,
        events: &[Event],
        lease: Option<(usize, u64)>,
    ) -> Result<(), Refusal> {
        if self.is_down(now) {
            return Err(Refusal::Down);
        }
        if let Some((owner, epoch)) = lease {
            let held =
                self.lease.filter(|held| held.owner == owner && held.epoch == epoch && held.expires_at > now);
            held.ok_or(Refusal::LeaseLost)?;
        }
        if self.shift.name != shift.name || base.version != self.shift.version {
            return Err(Refusal::Conflict);
        }
        if !self.compares_versions_only && base.head != self.shift.head {
            return Err(Refusal::Conflict);
        }
        self.shift = shift.clone();
        self.history.extend_from_slice(events);
        self.remember(now);
        Ok(())
    }

    pub(crate) fn renew(&mut self, now: i64, owner: usize, epoch: u64) -> Result<(), Refusal> {
        if self.is_down(now) {
            return Err(Refusal::Down);
        }
        match &mut self.lease {
            Some(held) if held.owner == owner && held.epoch == epoch && held.expires_at > now => {
                held.expires_at = now + TTL_MS;
                Ok(())
            }
            Some(_) | None => Err(Refusal::LeaseLost),
        }
    }

    /// A new epoch, above what was seen in fences.
    pub(crate) fn acquire(&mut self, now: i64, owner: usize, at_least: u64) -> Result<u64, Refusal> {
        if self.is_down(now) {
            return Err(Refusal::Down);
        }
        if self.lease.is_some_and(|held| held.expires_at > now) {
            return Err(Refusal::LeaseLost);
        }
        self.newest_epoch = self.newest_epoch.max(at_least) + 1;
        let epoch = self.newest_epoch;
        self.lease = Some(Lease { owner, epoch, expires_at: now + TTL_MS });
        self.remember(now);
        Ok(epoch)
    }

    pub(crate) fn release(&mut self, owner: usize, epoch: u64) {
        self.lease = self.lease.filter(|held| held.owner != owner || held.epoch != epoch);
    }

    /// Back to how it was this long ago. The number of events lost.
    pub(crate) fn fall_back(&mut self, to: i64) -> usize {
        let Some(place) =
            self.past.iter().rposition(|(at, shift, ..)| *at <= to && shift.name == self.shift.name)
        else {
            return 0;
        };
        let Some((_, shift, lease, newest_epoch)) = self.past.get(place).cloned() else { return 0 };
        self.past.truncate(place + 1);
        let kept = usize::try_from(shift.version).unwrap_or(usize::MAX);
        let lost = self.history.len().saturating_sub(kept);
        self.history.truncate(kept);
        self.shift = shift;
        // It has been renewed since it was remembered, but for the last second.
        let renewed = self.lease.filter(|held| lease.is_some_and(|then| then.epoch == held.epoch));
        self.lease = renewed.or(lease);
        self.newest_epoch = newest_epoch;
        lost
    }

    fn remember(&mut self, now: i64) {
        let held = self.shift.holds.contains_key(&crossfade_core::shift::Cause::Operator);
        self.paused_at = if held { self.paused_at.or(Some(now)) } else { None };
        if self.past.len() > 64 {
            self.past.drain(..32);
        }
        self.past.push((now, self.shift.clone(), self.lease, self.newest_epoch));
    }
}
