//! What a daemon does between rounds: leases, looks at the store, metrics. It mirrors `driver`, `evidence` and
//! `lease::keeper`.
//!
//! A lease is renewed every five seconds. As long as nothing is wrong, nobody can see a renewal but by the time until
//! which the lease is trusted, so those that answer at once are made up for in [`Sim::renew_quietly`] when the next
//! event comes, instead of being events. Slow ones, and all while anything is wrong, are events.

use std::collections::BTreeSet;

use crossfade_core::{
    gate::{Answer, GateData, LatencyData, Timed, Timing},
    plan::{Percentile, Question},
    shift::Shift,
};

use super::{
    Call, Due, Sim,
    replica::{Evidence, Holding, SOON, Slot, Timings},
    stamp,
    store::{Lease, Refusal, TTL_MS},
    traffic::Traffic,
};
use crate::evidence::{remembers_long, want_probes};

const RENEW_EVERY: i64 = 5_000;
/// How long a lease is trusted, from the start of the attempt that was answered.
const TRUST: i64 = 12_000;
const METRICS_EVERY: i64 = 30_000;

/// A renewal that is not slow takes no longer than this, there and back.
const QUICK: i64 = 100;

/// As far back as evidence goes, how much of it is dropped at a time, what was usual before it, and what is read again.
const EVIDENCE: i64 = 24 * 3_600_000;
const DROPPED: i64 = 12 * 3_600_000;
const USUAL: i64 = 64 * 60_000;
/// Of gates that remember longer.
const LONG: i64 = 14 * 24 * 3_600_000;
const READ_AGAIN: i64 = 15 * 60_000;

impl Sim {
    pub(crate) fn start(&mut self, r: usize) {
        let replica = &mut self.replicas[r];
        if replica.up {
            return;
        }
        *replica = super::Replica {
            up: true,
            life: replica.life + 1,
            wrong: replica.wrong,
            ..super::Replica::default()
        };
        self.note(|| format!("daemon {r} starts"));
        self.look_soon(r, 0);
    }

    pub(crate) fn crash(&mut self, r: usize) {
        self.renew_loudly(r);
        let replica = &mut self.replicas[r];
        replica.up = false;
        replica.life += 1;
        replica.holding = None;
        replica.slot = None;
    }

    /// Everybody who lives looks at the store within a second: by a poke, or by polling.
    pub(crate) fn announce(&mut self, but: Option<usize>) {
        for r in (0..self.replicas.len()).filter(|r| Some(*r) != but) {
            if self.replicas[r].up {
                let after = if self.random.chance(0.5) {
                    self.random.between(1, 20)
                } else {
                    self.random.between(1, 1_000)
                };
                self.look_soon(r, after);
            }
        }
    }

    fn look_soon(&mut self, r: usize, after: i64) {
        let life = self.replicas[r].life;
        self.at(self.now + after, Due::Look { r, life });
    }

    pub(crate) fn look(&mut self, r: usize) {
        let now = self.now;
        if self.store.is_down(now) {
            let after = self.store.down_until - now + self.random.between(1, 1_000);
            return self.look_soon(r, after);
        }
        let active = self.store.shift.is_active();
        let shift = self.store.shift.clone();
        let replica = &mut self.replicas[r];
        if active && !replica.keeps_lease {
            replica.keeps_lease = true;
            return self.renew_at(r, now);
        }
        if replica.holding.is_none_or(|holding| holding.over) {
            return;
        }
        match &mut replica.slot {
            None if active => self.arrived(r, shift),
            None => {}
            Some(slot) if slot.shift.name != shift.name => {
                replica.slot = None;
                replica.busy = false;
                replica.life += 1;
                replica.keeps_lease = false;
                replica.reads_metrics = false;
                self.look_soon(r, 1);
            }
            Some(slot)
                if is_newer(&slot.shift, &shift, self.mutations.compares_versions_only)
                    && (replica.busy || slot.unsaved.is_empty()) =>
            {
                if replica.busy {
                    slot.again = true;
                } else {
                    slot.stale = true;
                    self.begin_round(r);
                }
            }
            Some(_) => {}
        }
    }

    fn arrived(&mut self, r: usize, shift: std::sync::Arc<Shift>) {
        let replica = &mut self.replicas[r];
        replica.slot = Some(Slot::new(shift));
        replica.busy = false;
        self.begin_round(r);
    }

    /// `turn` tells the renewal that counts from those that another one has replaced.
    pub(crate) fn renew(&mut self, r: usize, turn: u64) {
        if self.replicas[r].turn != turn {
            return;
        }
        let slow = self.replicas[r].holding.as_mut().and_then(|holding| holding.quiet_from.take()).is_some();
        if slow {
            self.lease_in_doubt();
        }
        if !self.store.shift.is_active() && self.replicas[r].slot.is_none() {
            return self.release(r);
        }
        let mut way = self.latency();
        if slow && self.swarm.on {
            way += self.random.between(0, self.slowest);
        }
        let (began, life) = (self.now, self.replicas[r].life);
        self.at(began + way, Due::Arrive { r, life, call: Box::new(Call::Renew { began }) });
    }

    /// Nobody needs the account: who comes back to it looks first.
    fn release(&mut self, r: usize) {
        self.replicas[r].keeps_lease = false;
        self.replicas[r].turn += 1;
        if let Some(holding) = self.replicas[r].holding.take() {
            self.store.release(r, holding.epoch);
            self.lease_in_doubt();
        }
    }

    fn renew_at(&mut self, r: usize, at: i64) {
        let replica = &mut self.replicas[r];
        replica.turn += 1;
        replica.waits = false;
        let (life, turn) = (replica.life, replica.turn);
        self.at(at, Due::Renew { r, life, turn });
    }

    /// What renewals that nobody saw have come to before this event.
    pub(crate) fn renew_quietly(&mut self, at: i64) {
        for r in 0..self.replicas.len() {
            let Some(holding) = self.replicas[r].holding else { continue };
            let Some(from) = holding.quiet_from.filter(|from| from + QUICK <= at) else { continue };
            if !self.store.shift.is_active() && self.replicas[r].slot.is_none() {
                self.release(r);
                continue;
            }
            let last = from + (at - QUICK - from) / RENEW_EVERY * RENEW_EVERY;
            if let Some(lease) = self.store.lease.as_mut().filter(|lease| lease.owner == r) {
                lease.expires_at = last + QUICK / 2 + TTL_MS;
            }
            let trusted_until = last + if self.mutations.trusts_too_long { 600_000 } else { TRUST };
            let quiet_from = Some(last + RENEW_EVERY);
            self.replicas[r].holding = Some(Holding { trusted_until, quiet_from, ..holding });
        }
    }

    /// Something is wrong: from now on each of this daemon's renewals is an event.
    pub(crate) fn renew_loudly(&mut self, r: usize) {
        let now = self.now;
        let next = self.replicas[r].holding.as_mut().and_then(|holding| holding.quiet_from.take());
        if let Some(next) = next {
            self.renew_at(r, next.max(now));
        }
        self.lease_in_doubt();
    }

    /// Those who wait for the lease ask for it again.
    fn lease_in_doubt(&mut self) {
        for r in 0..self.replicas.len() {
            if self.replicas[r].waits {
                let soon = self.now + self.random.between(1, RENEW_EVERY);
                self.renew_at(r, soon);
            }
        }
    }

    /// Whether whoever has the lease renews it, and nothing is in the way.
    fn is_kept(&self) -> bool {
        let Some(lease) = self.store.lease else { return false };
        let holding = self.replicas[lease.owner].holding;
        holding.is_some_and(|holding| holding.epoch == lease.epoch && holding.quiet_from.is_some())
    }

    pub(crate) fn renewed(&mut self, r: usize, began: i64, result: Result<u64, Refusal>, renewal: bool) {
        let now = self.now;
        match result {
            Ok(epoch) => {
                let trusted_until =
                    if self.mutations.trusts_too_long { now + 600_000 } else { began + TRUST };
                let next = now.max(began + RENEW_EVERY);
                // One in 25 is slow, as every other request.
                let slow = if self.swarm.on { next + self.random.gap(25.0) * RENEW_EVERY } else { i64::MAX };
                // An answer that was waited for too long is about a lease that may be somebody else's by now.
                let ours = |lease: Lease| {
                    lease.owner == r && lease.epoch == epoch && next + QUICK < lease.expires_at
                };
                let well = !self.store.is_down(now)
                    && self.replicas[r].frozen_until <= now
                    && self.store.lease.is_some_and(ours);
                let quiet_from = (well && slow > next).then_some(next);
                self.renew_at(r, if well { slow } else { next });
                self.replicas[r].holding = Some(Holding { epoch, trusted_until, over: false, quiet_from });
                self.replicas[r].seen_epoch = self.replicas[r].seen_epoch.max(epoch);
                if !renewal {
                    self.note(|| format!("daemon {r} has the lease with epoch {epoch}"));
                    if let Some(slot) = &mut self.replicas[r].slot {
                        slot.stale = slot.unsaved.is_empty();
                        slot.seen.zones.clear();
                    }
                    self.look_soon(r, 0);
                }
            }
            Err(Refusal::LeaseLost) if renewal => self.lose(r),
            // Somebody else has it, and is heard of when that is no longer sure.
            Err(Refusal::LeaseLost | Refusal::Conflict) if self.is_kept() => {
                self.replicas[r].turn += 1;
                self.replicas[r].waits = true;
            }
            Err(Refusal::LeaseLost | Refusal::Conflict) => {
                // Nothing to ask before it can have run out.
                let wait =
                    self.store.lease.map_or(SOON, |lease| (lease.expires_at - now).clamp(SOON, RENEW_EVERY));
                self.renew_at(r, now + wait);
            }
            Err(Refusal::Down) => {
                let wait = (self.store.down_until - now).clamp(SOON, 2 * RENEW_EVERY);
                self.renew_at(r, now + wait);
            }
        }
    }

    /// The account is somebody else's: what is kept of its shifts is left to them.
    pub(crate) fn lose(&mut self, r: usize) {
        self.lease_in_doubt();
        let replica = &mut self.replicas[r];
        replica.holding = None;
        replica.slot = None;
        replica.busy = false;
        replica.alarm = None;
        replica.reads_metrics = false;
        // Answers that are on their way have nobody to go to.
        replica.life += 1;
        replica.keeps_lease = true;
        self.renew_at(r, self.now + SOON);
        self.note(|| format!("daemon {r} has lost its lease"));
    }

    pub(crate) fn read_metrics(&mut self, r: usize) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        let wants = replica.slot.as_ref().is_some_and(|slot| slot.shift.next_step().is_some());
        let (true, Some(slot)) = (wants, &mut replica.slot) else {
            replica.reads_metrics = false;
            replica.evidence = Evidence::default();
            return;
        };
        if now < self.traffic.hang_until {
            // The answer is as old as it is when it comes; nothing else is asked meanwhile.
            let life = replica.life;
            return self.at(now + METRICS_EVERY, Due::Metrics { r, life });
        }
        let shift = slot.shift.clone();
        let clock = stamp(now + replica.wrong.at(now));
        replica.metrics_read_at = now;
        let life = replica.life;
        let reach = if shift.plan.gates.iter().any(remembers_long) { LONG } else { EVIDENCE };
        let oldest = (now - reach).div_euclid(DROPPED) * DROPPED;
        let moved = shift.moved_at.map_or(now, |moved| moved.as_millisecond().max(oldest));
        let from = (moved - USUAL).div_euclid(60_000) * 60_000;
        let kept = &mut replica.evidence;
        let complete = kept.complete_at.filter(|_| kept.from <= from);
        let since = complete.map_or(from, |at| (at - READ_AGAIN).max(from));
        let (to, legacy, incomplete) = self.traffic.read(now, since);
        kept.to.periods.put(stamp(since), to);
        kept.legacy.periods.put(stamp(since), legacy);
        if kept.from != from {
            kept.to.periods.forget_before(stamp(from));
            kept.legacy.periods.forget_before(stamp(from));
        }
        kept.from = from;
        if incomplete.is_none() {
            kept.complete_at = Some(now);
        }
        kept.to.incomplete.clone_from(&incomplete);
        kept.legacy.incomplete = incomplete;
        if shift.plan.gates.iter().any(|gate| matches!(gate.question, Question::Latency(_))) {
            time(&mut kept.timings, &mut self.traffic, now, since, from);
        } else {
            kept.timings = None;
        }
        let mut targets = BTreeSet::new();
        want_probes(&mut targets, &shift, &slot.seen);
        let health = &self.health;
        let outcomes = targets.iter().map(|target| (target.clone(), health.probe(target, now)));
        kept.probes.put(&targets, clock, outcomes);
        for gate in &shift.plan.gates {
            let data = match &gate.question {
                Question::Errors(errors) => {
                    let from = errors.error_rate.from.is_some().then(|| kept.legacy.clone());
                    Answer::Counts(GateData { fetched_at: clock, to: kept.to.clone(), from })
                }
                Question::Latency(asked) => {
                    let Some(timings) = &kept.timings else { continue };
                    let incomplete = &kept.to.incomplete;
                    let to = timed(&timings.to, asked.percentile, incomplete);
                    let from = asked.latency.from.as_ref();
                    let from = from.map(|_| timed(&timings.legacy, asked.percentile, incomplete));
                    Answer::Latencies(LatencyData { fetched_at: clock, to, from })
                }
                Question::Alarms(asked) => {
                    Answer::Alarms(health.alarms(asked, clock, now, self.traffic.serves(now)))
                }
                // Filled in when it is decided.
                Question::Probe(_) => continue,
            };
            match slot.seen.gates.get_mut(&gate.name) {
                Some(known) => *known = data,
                None => drop(slot.seen.gates.insert(gate.name.clone(), data)),
            }
        }
        self.at(now + METRICS_EVERY, Due::Metrics { r, life });
        if !self.replicas[r].busy {
            self.begin_round(r);
        }
    }
}

/// Whether the store has another state than this one.
fn is_newer(kept: &Shift, stored: &Shift, by_version_only: bool) -> bool {
    if by_version_only { kept.version != stored.version } else { kept.head != stored.head }
}

/// Reads latencies again as far back as counts, or all of them where they were not asked for before.
fn time(kept: &mut Option<Timings>, traffic: &mut Traffic, now: i64, since: i64, from: i64) {
    let since = if kept.as_ref().is_some_and(|kept| kept.from <= from) { since } else { from };
    let (to, legacy) = traffic.read_latencies(now, since);
    let kept = kept.get_or_insert_with(|| Timings { from, to: Vec::new(), legacy: Vec::new() });
    for (known, newest) in [(&mut kept.to, to), (&mut kept.legacy, legacy)] {
        known.truncate(known.partition_point(|timing| timing.start < stamp(since)));
        known.extend(newest);
        if kept.from != from {
            known.drain(..known.partition_point(|timing| timing.start < stamp(from)));
        }
    }
    kept.from = from;
}

/// A percentile of which the medians tell: latencies are spread alike, whatever they are.
fn timed(medians: &[Timing], percentile: Percentile, incomplete: &Option<String>) -> Timed {
    let times = 1.0 / (2.0 * (1.0 - percentile.ratio())).powf(0.25);
    let periods = medians.iter().map(|timing| Timing { seconds: timing.seconds * times, ..*timing });
    Timed { periods: periods.collect(), incomplete: incomplete.clone() }
}
