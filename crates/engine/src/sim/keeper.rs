//! What a daemon does between rounds: leases, looks at the store, metrics. It mirrors `driver` and `lease::keeper`.

use crossfade_core::{gate::Answer, plan::Question, shift::Shift};

use super::{
    Call, Due, Sim,
    replica::{Holding, SOON, Slot},
    store::Refusal,
};

const RENEW_EVERY: i64 = 5_000;
/// How long a lease is trusted, from the start of the attempt that was answered.
const TRUST: i64 = 12_000;
const METRICS_EVERY: i64 = 30_000;

/// As far back as evidence goes, and what was usual before it.
const EVIDENCE: i64 = 24 * 3_600_000;
const USUAL: i64 = 64 * 60_000;

impl Sim {
    pub(crate) fn start(&mut self, r: usize) {
        let replica = &mut self.replicas[r];
        if replica.up {
            return;
        }
        *replica = super::Replica {
            up: true,
            life: replica.life + 1,
            offset: replica.offset,
            ..super::Replica::default()
        };
        self.note(|| format!("daemon {r} starts"));
        self.look_soon(r, 0);
    }

    pub(crate) fn crash(&mut self, r: usize) {
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
            let life = replica.life;
            self.at(now, Due::Renew { r, life });
            return;
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
        let mut slot = Slot::new(shift);
        slot.seen.gates = replica.evidence.clone();
        replica.slot = Some(slot);
        replica.busy = false;
        self.begin_round(r);
    }

    pub(crate) fn renew(&mut self, r: usize) {
        if !self.store.shift.is_active() && self.replicas[r].slot.is_none() {
            // Nobody needs the account: who comes back to it looks first.
            self.replicas[r].keeps_lease = false;
            if let Some(holding) = self.replicas[r].holding.take() {
                self.store.release(r, holding.epoch);
            }
            return;
        }
        self.call(r, Call::Renew { began: self.now });
    }

    pub(crate) fn renewed(&mut self, r: usize, began: i64, result: Result<u64, Refusal>, renewal: bool) {
        let now = self.now;
        let life = self.replicas[r].life;
        let replica = &mut self.replicas[r];
        match result {
            Ok(epoch) => {
                let trusted_until =
                    if self.mutations.trusts_too_long { now + 600_000 } else { began + TRUST };
                replica.holding = Some(Holding { epoch, trusted_until, over: false });
                replica.seen_epoch = replica.seen_epoch.max(epoch);
                self.at(now.max(began + RENEW_EVERY), Due::Renew { r, life });
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
            Err(Refusal::LeaseLost | Refusal::Conflict) => {
                // Somebody else has it: nothing to ask before it can have run out.
                let wait =
                    self.store.lease.map_or(SOON, |lease| (lease.expires_at - now).clamp(SOON, RENEW_EVERY));
                self.at(now + wait, Due::Renew { r, life });
            }
            Err(Refusal::Down) => {
                let wait = (self.store.down_until - now).clamp(SOON, 2 * RENEW_EVERY);
                self.at(now + wait, Due::Renew { r, life });
            }
        }
    }

    /// The account is somebody else's: what is kept of its shifts is left to them.
    pub(crate) fn lose(&mut self, r: usize) {
        let replica = &mut self.replicas[r];
        replica.holding = None;
        replica.slot = None;
        replica.busy = false;
        replica.alarm = None;
        replica.reads_metrics = false;
        // Answers that are on their way have nobody to go to.
        replica.life += 1;
        replica.keeps_lease = true;
        let life = replica.life;
        self.at(self.now + SOON, Due::Renew { r, life });
        self.note(|| format!("daemon {r} has lost its lease"));
    }

    pub(crate) fn read_metrics(&mut self, r: usize) {
        let now = self.now;
        let replica = &mut self.replicas[r];
        let wants = replica.slot.as_ref().is_some_and(|slot| slot.shift.next_step().is_some());
        let (true, Some(slot)) = (wants, &replica.slot) else {
            replica.reads_metrics = false;
            return;
        };
        let shift = slot.shift.clone();
        let clock = replica.clock(now);
        replica.metrics_read_at = now;
        let life = replica.life;
        let moved = shift.moved_at.map_or(now, |moved| moved.as_millisecond().max(now - EVIDENCE));
        for gate in &shift.plan.gates {
            let Question::Errors(errors) = &gate.question;
            let data = self.traffic.read(now, clock, moved - USUAL, errors.error_rate.from.is_some());
            self.replicas[r].evidence.insert(gate.name.clone(), Answer::Counts(data));
        }
        let replica = &mut self.replicas[r];
        if let Some(slot) = &mut replica.slot {
            slot.seen.gates.clone_from(&replica.evidence);
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
