//! Everything that a daemon asks of the world: on its way, done, answered. Each of the three can go wrong by itself.

use std::sync::Arc;

use crossfade_core::{
    RecordSet, ZoneId,
    batch::Batch,
    decide::{ChangeRead, ChangeState, Other, Trouble, ZoneRead},
    event::{ChangeId, Event, Happened},
    fence::Fence,
    invariants::Sent,
    shift::Shift,
};

use super::{
    Due, Sim,
    fault::{Fault, purpose},
    replica::SOON,
    route53::Progress,
    stamp,
    store::Refusal,
    watch::Grounds,
};

/// A request on its way.
pub(crate) enum Call {
    Load {
        then: Then,
    },
    Commit {
        before: Arc<Shift>,
        grounds: Grounds,
        /// What the store is to have.
        base: Arc<Shift>,
        shift: Arc<Shift>,
        all: Vec<Event>,
        events: Vec<Event>,
        down: bool,
        then: Then,
    },
    Save {
        base: Arc<Shift>,
        shift: Arc<Shift>,
        all: Vec<Event>,
    },
    Read {
        zone: ZoneId,
        began: i64,
        reading_back: bool,
    },
    Ask {
        change: ChangeId,
    },
    Submit {
        generation: u64,
        batch: Batch,
        shift: Arc<Shift>,
        saved: bool,
        answered: bool,
    },
    /// How far another shift is.
    Look {
        shift: String,
    },
    Renew {
        began: i64,
    },
}

/// What a daemon goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Pass,
    /// With the rest of the effects.
    Effects,
    Round,
    Rest,
}

pub(crate) enum Answer {
    Loaded {
        shift: Result<Arc<Shift>, Refusal>,
        then: Then,
    },
    Committed {
        result: Result<(), Refusal>,
        shift: Arc<Shift>,
        all: Vec<Event>,
        events: Vec<Event>,
        /// On which it was decided, unless it was stored.
        grounds: Grounds,
        down: bool,
        then: Then,
    },
    Saved(Result<(), Refusal>),
    Read {
        zone: ZoneId,
        began: i64,
        reading_back: bool,
        listed: Result<Vec<RecordSet>, String>,
    },
    Asked {
        change: ChangeId,
        state: ChangeState,
    },
    Submitted {
        generation: u64,
        zone: ZoneId,
        answer: Submitted,
    },
    Looked {
        shift: String,
        other: Result<Other, Refusal>,
    },
    Renewed {
        began: i64,
        result: Result<u64, Refusal>,
        renewal: bool,
    },
}

pub(crate) enum Submitted {
    Applied(ChangeId),
    Refused,
    Unanswered,
    /// Nothing was changed, for this reason; and what the daemon knew of its answers before.
    Not(&'static str, Option<u64>),
}

/// How far the time in a request's signature may be from AWS's.
const SIGNED_FOR: i64 = 300_000;

/// A connection that is dead is given up after this.
const TIMEOUT: i64 = 10_000;

impl Sim {
    /// Sends a request. The daemon is busy until its answer.
    pub(crate) fn call(&mut self, r: usize, call: Call) {
        self.replicas[r].busy = true;
        if matches!(call, Call::Read { .. } | Call::Ask { .. }) {
            self.replicas[r].asks(self.now);
        }
        let life = self.replicas[r].life;
        let way = self.latency();
        self.at(self.now + way, Due::Arrive { r, life, call: Box::new(call) });
        if self.swarm.on && self.random.chance(self.swarm.at_call) {
            self.trouble();
        }
    }

    pub(crate) fn submit(&mut self, r: usize, generation: u64, batch: Batch) {
        let offset = self.replicas[r].wrong.at(self.now);
        let Some(slot) = &mut self.replicas[r].slot else { return };
        let answered = slot.seen.answered.take();
        let (shift, saved) = (slot.shift.clone(), slot.unsaved.is_empty());
        let what = shift.write.as_ref().map_or("none", |write| purpose(write.purpose));
        let paused_since = self.store.paused_at.filter(|_| self.store.shift.name == shift.name).map(stamp);
        self.sent.push(Sent {
            at: stamp(self.now),
            clock: self.replicas[r].clock(self.now),
            zone: batch.zone.clone(),
            generation,
            shift: shift.clone(),
            paused_since,
        });
        self.note(|| format!("daemon {r} sends write {generation} ({what}) to {}", batch.zone));
        self.replicas[r].busy = true;
        self.replicas[r].asks(self.now);
        let life = self.replicas[r].life;
        let zone = batch.zone.clone();
        let answer = |sim: &mut Sim, after: i64, answer: Submitted| {
            let answer = Answer::Submitted { generation, zone: zone.clone(), answer };
            sim.at(sim.now + after, Due::Answer { r, life, answer: Box::new(answer) });
        };
        let call = |answered| {
            Box::new(Call::Submit { generation, batch: batch.clone(), shift: shift.clone(), saved, answered })
        };
        let struck = Fault::ALL
            .into_iter()
            .filter(|fault| {
                fault.meets_a_batch() && !matches!(fault, Fault::SlowSync | Fault::ChangeForgotten)
            })
            .find(|fault| self.swarm.strikes(*fault, &mut self.random));
        if let Some(fault) = struck {
            self.met(fault, what);
            // Whoever sees that a step does not get through may well pause it.
            if what == "step" && self.random.chance(0.3) {
                let soon = self.now + self.random.between(500, 15_000);
                self.at(soon, Due::Alarmed);
            }
        }
        let way = self.latency();
        match struck {
            _ if offset.abs() > SIGNED_FOR => {
                answer(self, way, Submitted::Not("signed at another time", answered))
            }
            Some(Fault::Throttled) => answer(self, way, Submitted::Not("throttled", answered)),
            Some(Fault::Busy) => answer(self, way, Submitted::Not("another change is in progress", answered)),
            Some(Fault::NotSent) => answer(self, 1, Submitted::Not("not sent", answered)),
            Some(Fault::RequestLost) => answer(self, TIMEOUT, Submitted::Unanswered),
            Some(Fault::AnswerLost) => {
                answer(self, TIMEOUT, Submitted::Unanswered);
                self.at(self.now + way, Due::Arrive { r, life, call: call(false) });
            }
            Some(Fault::Late) => {
                answer(self, TIMEOUT, Submitted::Unanswered);
                let mean = if self.random.chance(0.5) { 20_000.0 } else { 1_800_000.0 };
                let late = self.random.gap(mean);
                // AWS refuses whatever was signed too long ago. Here that is so only for what no fence refuses: the
                // others must not need it.
                if batch.replaces_a_fence() || late <= SIGNED_FOR + offset {
                    self.at(self.now + late, Due::Arrive { r, life, call: call(false) });
                }
            }
            Some(Fault::Stranded) => {
                let lost = self.now + self.random.gap(20_000.0);
                let change = self.route53.issue(i64::MAX, lost);
                answer(self, way, Submitted::Applied(change));
            }
            Some(_) | None => self.at(self.now + way, Due::Arrive { r, life, call: call(true) }),
        }
    }

    /// A request arrives, and is done, whatever has become of who sent it.
    pub(crate) fn arrive(&mut self, r: usize, life: u64, call: Call) {
        let now = self.now;
        let answer = match call {
            Call::Load { then } => {
                let shift =
                    if self.store.is_down(now) { Err(Refusal::Down) } else { Ok(self.store.shift.clone()) };
                Answer::Loaded { shift, then }
            }
            Call::Commit { before, grounds, base, shift, all, events, down, then } => {
                let decided = (before, grounds.clone(), events.clone());
                let result = self.store_commit(r, Some(decided), &base, &shift, &all);
                Answer::Committed { result, shift, all, events, grounds, down, then }
            }
            Call::Save { base, shift, all } => Answer::Saved(self.store_commit(r, None, &base, &shift, &all)),
            Call::Read { zone, began, reading_back } => {
                let failed = self.swarm.strikes(Fault::ReadFails, &mut self.random);
                if failed {
                    self.strike(Fault::ReadFails);
                }
                let sets = self.route53.zones.get(&zone).cloned().unwrap_or_default();
                Answer::Read {
                    zone,
                    began,
                    reading_back,
                    listed: if failed { Err("ServiceUnavailable".to_owned()) } else { Ok(sets) },
                }
            }
            Call::Ask { change } => {
                let state = match self.route53.progress(&change, now) {
                    Progress::Pending => ChangeState::Pending,
                    Progress::InSync => ChangeState::InSync,
                    Progress::Unknown => ChangeState::Unknown,
                };
                Answer::Asked { change, state }
            }
            Call::Submit { generation, batch, shift, saved, answered } => {
                let zone = batch.zone.clone();
                let answer = self.land(r, generation, batch, &shift, saved);
                if !answered {
                    return;
                }
                Answer::Submitted { generation, zone, answer }
            }
            Call::Look { shift } => {
                let clock = self.replicas[r].clock(now);
                let other =
                    if self.store.is_down(now) { Err(Refusal::Down) } else { Ok(self.neighbour(clock)) };
                Answer::Looked { shift, other }
            }
            Call::Renew { began } => {
                let held =
                    self.replicas[r].holding.filter(|holding| !holding.over).map(|holding| holding.epoch);
                let result = match held {
                    Some(epoch) => self.store.renew(now, r, epoch).map(|()| epoch),
                    None => self.store.acquire(now, r, self.replicas[r].seen_epoch),
                };
                Answer::Renewed { began, result, renewal: held.is_some() }
            }
        };
        let back = self.latency();
        self.at(now + back, Due::Answer { r, life, answer: Box::new(answer) });
    }

    fn store_commit(
        &mut self,
        r: usize,
        decided: Option<(Arc<Shift>, Grounds, Vec<Event>)>,
        base: &Shift,
        shift: &Arc<Shift>,
        all: &[Event],
    ) -> Result<(), Refusal> {
        let epoch = self.replicas[r].holding.map_or(0, |holding| holding.epoch);
        self.store.commit(self.now, base, shift, all, Some((r, epoch)))?;
        self.went(base, shift);
        if let Some((before, grounds, events)) = decided {
            self.remember_commit(grounds, before, events, true);
        }
        self.announce(Some(r));
        if self.swarm.strikes(Fault::CommitUnanswered, &mut self.random) {
            self.strike(Fault::CommitUnanswered);
            return Err(Refusal::Down);
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, r: usize, answer: Answer) {
        match answer {
            Answer::Loaded { shift, then } => self.loaded(r, shift, then),
            Answer::Committed { result, shift, all, events, grounds, down, then } => {
                self.committed(r, result, (shift, all, events, grounds), down, then);
            }
            Answer::Saved(result) => self.saved(r, result),
            Answer::Read { zone, began, reading_back, listed } => {
                self.answered_read(r, zone, began, reading_back, listed)
            }
            Answer::Asked { change, state } => {
                let at = self.replicas[r].clock(self.now);
                let Some(slot) = &mut self.replicas[r].slot else { return };
                if state == ChangeState::InSync {
                    slot.seen.zones.clear();
                }
                slot.seen.changes.insert(change, ChangeRead { at, state });
                self.next_effect(r, false);
            }
            Answer::Submitted { generation, zone, answer } => {
                self.answered_submit(r, generation, &zone, answer)
            }
            Answer::Looked { shift, other } => {
                let Ok(other) = other else { return self.sleep(r, self.now + SOON) };
                let Some(slot) = &mut self.replicas[r].slot else { return };
                slot.seen.others.insert(shift, other);
                self.next_effect(r, false);
            }
            Answer::Renewed { began, result, renewal } => self.renewed(r, began, result, renewal),
        }
    }

    fn loaded(&mut self, r: usize, shift: Result<Arc<Shift>, Refusal>, then: Then) {
        let Ok(shift) = shift else {
            // Behind what others have committed, a gate may still fail.
            return if then == Then::Round { self.pass(r) } else { self.sleep(r, self.now + SOON) };
        };
        let Some(slot) = &mut self.replicas[r].slot else { return };
        slot.base = shift.clone();
        slot.shift = shift;
        slot.unsaved.clear();
        slot.seen.trouble = None;
        slot.stale = false;
        if then == Then::Round {
            self.replicas[r].busy = false;
        }
        self.go_on(r, then);
    }

    fn committed(
        &mut self,
        r: usize,
        result: Result<(), Refusal>,
        (shift, all, events, grounds): (Arc<Shift>, Vec<Event>, Vec<Event>, Grounds),
        down: bool,
        then: Then,
    ) {
        let Some(slot) = &mut self.replicas[r].slot else { return };
        match result {
            Ok(()) => {
                slot.seen.wrote_down(&events);
                slot.unsaved.clear();
                slot.base = shift.clone();
                slot.shift = shift;
                self.go_on(r, then);
            }
            Err(Refusal::Conflict) => {
                // Somebody has paused or reverted: the rest of a step no longer follows.
                slot.stale = true;
                slot.effects.clear();
                let then = if then == Then::Effects { Then::Pass } else { then };
                self.call(r, Call::Load { then });
            }
            Err(Refusal::LeaseLost) => {
                self.lose(r);
                match then {
                    Then::Pass => self.pass(r),
                    Then::Effects | Then::Round | Then::Rest => self.not_committed(r, then),
                }
            }
            Err(Refusal::Down) if down => self.unsaved(r, (shift, all, events, grounds), then),
            Err(Refusal::Down) => self.not_committed(r, then),
        }
    }

    fn saved(&mut self, r: usize, result: Result<(), Refusal>) {
        let Some(slot) = &mut self.replicas[r].slot else { return };
        match result {
            Ok(()) => {
                slot.unsaved.clear();
                slot.base = slot.shift.clone();
                self.sleep(r, self.now + 1);
            }
            Err(Refusal::Conflict) => {
                slot.seen.zones.clear();
                self.call(r, Call::Load { then: Then::Rest });
            }
            Err(Refusal::LeaseLost) => self.lose(r),
            Err(Refusal::Down) => self.sleep(r, self.now + SOON),
        }
    }

    fn answered_read(
        &mut self,
        r: usize,
        zone: ZoneId,
        began: i64,
        reading_back: bool,
        listed: Result<Vec<RecordSet>, String>,
    ) {
        let at = self.replicas[r].clock(began);
        let replica = &mut self.replicas[r];
        let Some(slot) = &mut replica.slot else { return };
        // A listing that is as it was has been looked at.
        let as_it_was =
            listed.is_ok() && slot.seen.zones.get(&zone).is_some_and(|read| read.listed == listed);
        let sets = listed.iter().flatten().filter(|_| !as_it_was);
        let fences = sets.filter_map(Fence::decode).filter(|fence| fence.owner == self.owner);
        let newest = fences.map(|fence| fence.epoch).max().unwrap_or(0);
        slot.seen.saw(&slot.shift, zone, ZoneRead { at, listed });
        if replica.holding.is_some_and(|holding| newest > holding.epoch) {
            replica.seen_epoch = replica.seen_epoch.max(newest);
            self.lose(r);
            return self.sleep(r, self.now + SOON);
        }
        self.next_effect(r, reading_back);
    }

    fn answered_submit(&mut self, r: usize, generation: u64, zone: &ZoneId, answer: Submitted) {
        let at = self.replicas[r].clock(self.now);
        let Some(slot) = &mut self.replicas[r].slot else { return };
        slot.seen.zones.clear();
        let zone = zone.clone();
        let happened = match answer {
            Submitted::Applied(change) => {
                slot.seen.trouble = None;
                vec![Happened::Accepted { generation, zone, change: Some(change) }]
            }
            Submitted::Refused => {
                vec![Happened::Refused { generation, zone, error: "values do not match".to_owned() }]
            }
            Submitted::Unanswered => {
                vec![Happened::Unanswered { generation, zone, error: "timeout".to_owned() }]
            }
            Submitted::Not(why, answered) => {
                slot.seen.answered = answered;
                slot.seen.trouble =
                    Some(Trouble { at, sentence: format!("zone {zone} could not be written: {why}") });
                return self.next_effect(r, false);
            }
        };
        self.commit(r, happened, Then::Effects);
    }
}
