//! A daemon of a run: what it remembers, and its round.
//!
//! This mirrors the engine, line for line where order matters: [`Sim::begin_round`] and [`Sim::pass`] are
//! `round::Context::round` (reload when stale, read back when due, decide, commit before effects, one effect after the
//! other), [`Sim::commit`] and [`Sim::committed`] are `Context::commit` with its unsaved way down and its reload on a
//! conflict, [`Sim::next_effect`] is `act::Context::act` with `guard::permits` and the budget, [`Sim::answered_submit`]
//! is `act::Context::submit`, which forgets the zones, and [`Sim::rest`] is `save_what_is_left` and `plan_read_back`.
//! Where the engine waits for an answer, a daemon here is busy until the answer's event comes. Which shifts are watched, go
//! down, or are urgent, and in which order zones are read, is the engine's own code. The engine reads one zone back in a
//! round, and in turn with other shifts; here are few of either, and a daemon reads all back that are due.

use std::{collections::VecDeque, sync::Arc};

use crossfade_core::{
    batch::Action,
    decide::{Decision, Effect, Memory, Observation, Rules, decide_again},
    event::{Actor, Event, Happened},
    fence::Fence,
    gate::{Fetched, Timing},
    shift::Shift,
};
use jiff::{SignedDuration, Timestamp};

use super::{Call, Due, Sim, Then, stamp, tally::Said, watch::Grounds};
use crate::{
    act::is_urgent,
    evidence::KeptProbes,
    round::{is_going_down, is_watched, oldest_first},
};

pub(crate) const SOON: i64 = 1_000;
const READ_BACK_EVERY: i64 = 60_000;
const PASSES_MAX: u32 = 300;
const REQUESTS_PER_SECOND: f64 = 5.0;

#[derive(Default)]
pub(crate) struct Replica {
    pub(crate) up: bool,
    /// Rises with every start: answers to an earlier life find nobody.
    pub(crate) life: u64,
    /// How wrong its clock is.
    pub(crate) wrong: Wrong,
    pub(crate) frozen_until: i64,
    pub(crate) holding: Option<Holding>,
    pub(crate) slot: Option<Slot>,
    pub(crate) busy: bool,
    /// When it looks again by itself.
    pub(crate) alarm: Option<i64>,
    /// What was read of metrics.
    pub(crate) evidence: Evidence,
    pub(crate) metrics_read_at: i64,
    pub(crate) reads_metrics: bool,
    pub(crate) keeps_lease: bool,
    /// Of the renewal that counts.
    pub(crate) turn: u64,
    /// Somebody else has the lease and keeps it.
    pub(crate) waits: bool,
    /// A fence was seen with this epoch.
    pub(crate) seen_epoch: u64,
    pub(crate) tokens: f64,
    pub(crate) tokens_at: i64,
    /// When it lately asked Route 53 for something that was no revert.
    pub(crate) asked_at: VecDeque<i64>,
}

/// What a clock shows that it should not: so much, and from a time on so much more in each second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) by: i64,
    pub(crate) since: i64,
    /// Parts of a million.
    pub(crate) drift: i64,
}

impl Wrong {
    pub(crate) fn at(self, now: i64) -> i64 {
        self.by + (now - self.since) * self.drift / 1_000_000
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) epoch: u64,
    pub(crate) trusted_until: i64,
    pub(crate) over: bool,
    /// The next renewal, while nobody needs to look at it.
    pub(crate) quiet_from: Option<i64>,
}

/// Both sides' metrics, from a time on.
#[derive(Default)]
pub(crate) struct Evidence {
    pub(crate) from: i64,
    /// When an answer was last complete.
    pub(crate) complete_at: Option<i64>,
    pub(crate) to: Fetched,
    pub(crate) legacy: Fetched,
    /// Where a plan asks for them.
    pub(crate) timings: Option<Timings>,
    pub(crate) probes: KeptProbes,
}

/// Both sides' median latencies, from a time on.
pub(crate) struct Timings {
    pub(crate) from: i64,
    pub(crate) to: Vec<Timing>,
    pub(crate) legacy: Vec<Timing>,
}

pub(crate) struct Slot {
    pub(crate) shift: Arc<Shift>,
    /// The newest state that the store is known to have had.
    pub(crate) base: Arc<Shift>,
    pub(crate) seen: Observation,
    pub(crate) unsaved: Vec<Event>,
    pub(crate) stale: bool,
    /// The store has something newer than what a round is working on.
    pub(crate) again: bool,
    pub(crate) effects: VecDeque<Effect>,
    memory: Memory,
    passes: u32,
    /// What the gates said last, in the order of the plan's.
    said: Vec<Said>,
}

impl Slot {
    pub(crate) fn new(shift: Arc<Shift>) -> Slot {
        Slot {
            base: shift.clone(),
            shift,
            seen: Observation::default(),
            unsaved: Vec::new(),
            stale: false,
            again: false,
            effects: VecDeque::new(),
            memory: Memory::default(),
            passes: 0,
            said: Vec::new(),
        }
    }

    fn act_all(&mut self, mut effects: Vec<Effect>) {
        oldest_first(&mut effects, &self.seen);
        self.effects = effects.into();
    }

    fn oldest_read(&self) -> Option<Timestamp> {
        let mut oldest = Timestamp::MAX;
        for zone in self.shift.zone_ids() {
            oldest = oldest.min(self.seen.zones.get(zone)?.at);
        }
        Some(oldest)
    }
}

impl Replica {
    pub(crate) fn clock(&self, now: i64) -> Timestamp {
        stamp(now + self.wrong.at(now))
    }

    pub(crate) fn is_trusted(&self, now: i64) -> bool {
        self.holding.is_some_and(|holding| !holding.over && now < holding.trusted_until)
    }

    /// Takes a request from the budget, or says how long it stays spent.
    fn take(&mut self, now: i64) -> Result<(), i64> {
        let refilled = self.tokens + (now - self.tokens_at) as f64 / 1_000.0 * REQUESTS_PER_SECOND;
        self.tokens = refilled.min(2.0 * REQUESTS_PER_SECOND);
        self.tokens_at = now;
        if self.tokens < 1.0 {
            return Err(200);
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Counts a request that is made of Route 53, whether the budget was asked or not. Reverts are not counted.
    pub(crate) fn asks(&mut self, now: i64) {
        if self.slot.as_ref().is_some_and(|slot| is_urgent(&slot.shift)) {
            return;
        }
        self.asked_at.push_back(now);
        while self.asked_at.front().is_some_and(|at| *at <= now - 10_000) {
            self.asked_at.pop_front();
        }
    }
}

impl Sim {
    pub(crate) fn begin_round(&mut self, r: usize) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        let clock = replica.clock(now);
        replica.alarm = None;
        let over = replica.holding.is_none_or(|holding| holding.over);
        let Some(slot) = &mut replica.slot else { return };
        if replica.busy || over {
            return;
        }
        slot.passes = 0;
        if slot.stale && slot.unsaved.is_empty() {
            self.call(r, Call::Load { then: Then::Round });
            return;
        }
        let due = !slot.stale
            && slot.oldest_read().is_none_or(|read| {
                clock.duration_since(read) >= SignedDuration::from_millis(READ_BACK_EVERY)
            });
        if is_watched(&slot.shift) && due {
            let reads = slot.shift.zones().into_iter().map(|zone| Effect::Read { zone }).collect();
            slot.act_all(reads);
            self.next_effect(r, true);
            return;
        }
        self.pass(r);
    }

    pub(crate) fn pass(&mut self, r: usize) {
        let now = self.now;
        let owner = self.owner.clone();
        let replica = &mut self.replicas[r];
        let clock = replica.clock(now);
        let (Some(slot), Some(holding)) = (&mut replica.slot, replica.holding) else { return };
        if holding.over {
            return;
        }
        slot.passes += 1;
        if slot.passes > PASSES_MAX {
            return self.sleep(r, now + SOON);
        }
        // Its targets are what the zones have, which may have been read since.
        replica.evidence.probes.fill(&slot.shift, &mut slot.seen);
        let rules = Rules { owner, epoch: holding.epoch, propagation: SignedDuration::from_secs(60) };
        let Decision { happened, effects, wake, report } =
            decide_again(&slot.shift, &slot.seen, &rules, clock, &mut slot.memory);
        self.decisions += 1;
        if slot.shift.next_step().is_some() {
            self.tally.heard(&slot.shift.plan.gates, &report.gates, &mut slot.said);
        }
        if !happened.is_empty() {
            return self.commit(r, happened, Then::Pass);
        }
        if effects.is_empty() {
            let wake = wake.map(|(at, _)| at.as_millisecond() - self.replicas[r].wrong.at(now));
            return self.rest(r, wake);
        }
        if slot.stale && !is_going_down(&slot.shift) {
            return self.sleep(r, now + SOON);
        }
        slot.act_all(effects);
        self.next_effect(r, false);
    }

    /// Does what is left of the effects, and then decides again. Reading back for its own sake gives up more easily.
    pub(crate) fn next_effect(&mut self, r: usize, reading_back: bool) {
        let now = self.now;
        let trusted = self.replicas[r].is_trusted(now) || self.mutations.trusts_too_long;
        let replica = &mut self.replicas[r];
        let over = replica.holding.is_none_or(|holding| holding.over);
        let epoch = replica.holding.map_or(0, |holding| holding.epoch);
        let Some(slot) = &mut replica.slot else { return };
        if std::mem::take(&mut slot.again) {
            // What was going to be done may no longer follow.
            slot.effects.clear();
            return self.call(r, Call::Load { then: Then::Pass });
        }
        let Some(effect) = slot.effects.pop_front() else { return self.pass(r) };
        let permitted = trusted
            || (!over
                && is_going_down(&slot.shift)
                && match &effect {
                    Effect::Read { .. } | Effect::Ask { .. } | Effect::Look { .. } => true,
                    Effect::Submit { batch, .. } => {
                        let replaced = batch.changes.iter().filter(|change| change.action == Action::Delete);
                        let mut fences = replaced.filter_map(|change| Fence::decode(&change.set)).peekable();
                        fences.peek().is_some()
                            && fences.all(|fence| {
                                fence.shift == slot.shift.name
                                    && fence.generation <= slot.shift.generation
                                    && fence.epoch <= epoch
                            })
                    }
                });
        if !permitted {
            slot.effects.clear();
            return if reading_back { self.pass(r) } else { self.sleep(r, now + SOON) };
        }
        let urgent = is_urgent(&slot.shift);
        if !urgent
            && !matches!(effect, Effect::Look { .. })
            && let Err(wait) = replica.take(now)
        {
            if let Some(slot) = &mut replica.slot {
                slot.effects.clear();
            }
            return if reading_back { self.pass(r) } else { self.sleep(r, now + wait) };
        }
        match effect {
            Effect::Read { zone } => self.call(r, Call::Read { zone, began: now, reading_back }),
            Effect::Ask { change } => self.call(r, Call::Ask { change }),
            Effect::Submit { generation, batch } => self.submit(r, generation, batch),
            Effect::Look { shift } => self.call(r, Call::Look { shift }),
        }
    }

    pub(crate) fn commit(&mut self, r: usize, happened: Vec<Happened>, then: Then) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        let clock = replica.clock(now);
        let trusted = replica.is_trusted(now) || self.mutations.trusts_too_long;
        let Some(slot) = &mut replica.slot else { return };
        let (shift, events) = match slot.shift.after(happened, &Actor::daemon(), None, clock) {
            Ok(next) => next,
            Err(error) => {
                self.defect = Some(format!("a decision does not follow from the state: {error}"));
                return;
            }
        };
        let down = is_going_down(&shift);
        if !down && !trusted {
            return self.not_committed(r, then);
        }
        let mut all = slot.unsaved.clone();
        all.extend(events.iter().cloned());
        let (before, base) = (slot.shift.clone(), slot.base.clone());
        let grounds = Grounds::of(&slot.seen, &events);
        let shift = Arc::new(shift);
        if down && !slot.unsaved.is_empty() {
            return self.unsaved(r, (shift, all, events, grounds), then);
        }
        self.call(r, Call::Commit { before, grounds, base, shift, all, events, down, then });
    }

    /// Goes on without the store.
    pub(crate) fn unsaved(
        &mut self,
        r: usize,
        (shift, all, events, grounds): (Arc<Shift>, Vec<Event>, Vec<Event>, Grounds),
        then: Then,
    ) {
        let Some(slot) = &mut self.replicas[r].slot else { return };
        let before = std::mem::replace(&mut slot.shift, shift);
        slot.unsaved = all;
        self.remember_commit(grounds, before, events, false);
        self.go_on(r, then);
    }

    /// After a commit that was not done, and was not to be done without the store.
    pub(crate) fn not_committed(&mut self, r: usize, then: Then) {
        match then {
            Then::Effects => {
                if let Some(slot) = &mut self.replicas[r].slot {
                    slot.seen.zones.clear();
                }
                self.next_effect(r, false);
            }
            Then::Pass | Then::Round | Then::Rest => self.sleep(r, self.now + SOON),
        }
    }

    pub(crate) fn go_on(&mut self, r: usize, then: Then) {
        match then {
            Then::Pass => self.pass(r),
            Then::Effects => self.next_effect(r, false),
            Then::Round => self.begin_round(r),
            Then::Rest => self.sleep(r, self.now + 1),
        }
    }

    /// Nothing to do for now: save what is left, and plan the next look.
    fn rest(&mut self, r: usize, wake: Option<i64>) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        let Some(slot) = &mut replica.slot else { return };
        if !slot.unsaved.is_empty() {
            let (base, shift, all) = (slot.base.clone(), slot.shift.clone(), slot.unsaved.clone());
            return self.call(r, Call::Save { base, shift, all });
        }
        let mut alarm = wake;
        if is_watched(&slot.shift) {
            let read = slot.oldest_read().map_or(now, |at| at.as_millisecond() - replica.wrong.at(now));
            let due = (read + READ_BACK_EVERY).max(now + SOON);
            alarm = Some(alarm.map_or(due, |alarm| alarm.min(due)));
        }
        let idle = !slot.shift.is_active() && !slot.again;
        if idle {
            replica.slot = None;
            replica.busy = false;
            return;
        }
        match alarm {
            Some(alarm) => self.sleep(r, alarm.max(now)),
            None => self.idle(r),
        }
    }

    /// Until then, unless something happens before.
    pub(crate) fn sleep(&mut self, r: usize, until: i64) {
        let until = until.max(self.now + 1);
        let replica = &mut self.replicas[r];
        replica.alarm = Some(until);
        let life = replica.life;
        self.at(until, Due::Wake { r, life });
        self.idle(r);
    }

    fn idle(&mut self, r: usize) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        replica.busy = false;
        let Some(slot) = &mut replica.slot else { return };
        if std::mem::take(&mut slot.again) {
            slot.stale |= slot.unsaved.is_empty();
            let life = replica.life;
            replica.alarm = Some(now);
            self.at(now, Due::Wake { r, life });
            return;
        }
        if slot.shift.next_step().is_some() && !replica.reads_metrics {
            replica.reads_metrics = true;
            let at = now.max(replica.metrics_read_at + 2_000);
            let life = replica.life;
            self.at(at, Due::Metrics { r, life });
        }
    }
}
