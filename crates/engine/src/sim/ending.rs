//! The end of a life: the faults stop, and progress is demanded.
//!
//! First, as often as not, a person reverts, once, and the zones must have their baseline weights soon after. Then
//! somebody looks after the shift as a patient operator would, and it must be completed. On the way there, in some lives,
//! the release goes bad in the middle of a long hold time, and a gate must say so soon after.

use crossfade_core::{
    calendar,
    event::Happened,
    plan::{Deadline, Gate, Question, Then},
    report::headline,
    shift::{Cause, Command, Phase},
};

use super::{Due, Sim, pace::shortest, replica::Wrong, stamp};

const MINUTE: i64 = 60_000;

/// How long a revert may take when nothing is in its way: propagation, read back, and a daemon that starts.
const REVERTED_WITHIN: i64 = 15 * MINUTE;

/// Whoever looks after a shift lets it go on by itself for so long, and for its plan's hold times twice.
const PATIENCE: i64 = 400 * MINUTE;

/// What a write was confirmed on was read no longer before.
const READ_WITHIN: i64 = 30_000;

/// As often as that may run out before a healthy shift is completed.
const TURNS: i64 = 15;

/// Minutes that may pass before what follows from an approval that did not come.
const EXPIRES_WITHIN: i64 = 5;

/// A release of which every fifth request fails, or more, is noticed within this.
const NOTICED_WITHIN: i64 = 20 * MINUTE;

/// Longer than any life with all that its plans' calendars keep it waiting.
const CLOSED_AT_MOST: i64 = 200 * 24 * 60 * MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Reverted {
        by: i64,
        again: bool,
    },
    Completed {
        since: i64,
        tries: u32,
    },
    /// That the release is bad, as it has been since then.
    Noticed {
        since: i64,
    },
}

impl Sim {
    pub(crate) fn calm(&mut self) {
        let now = self.now;
        self.note(|| "the faults stop".to_owned());
        self.swarm.on = false;
        self.store.down_until = self.store.down_until.min(now);
        self.traffic.heal(now);
        self.health.heal(now);
        self.route53.heal(now);
        for r in 0..self.replicas.len() {
            self.replicas[r].wrong = Wrong::default();
            self.replicas[r].frozen_until = self.replicas[r].frozen_until.min(now);
            self.at(now + 1_000, Due::Start { r });
        }
        self.announce(None);
        let by = now + REVERTED_WITHIN;
        let reverts = self.random.chance(0.5) && self.ask(Command::Revert, "the last person");
        self.demand =
            Some(if reverts { Demand::Reverted { by, again: false } } else { self.to_be_completed() });
        self.lets_expire = self.random.chance(0.5);
        self.goes_bad = self.random.chance(0.4);
        self.at(now + MINUTE, Due::Nurse);
    }

    fn to_be_completed(&self) -> Demand {
        Demand::Completed { since: self.now, tries: 0 }
    }

    fn patience(&self) -> i64 {
        PATIENCE + 2 * shortest(&self.store.shift.plan)
    }

    /// What has to have happened by now, and has not.
    pub(crate) fn overdue(&mut self) -> Option<String> {
        if let Some(defect) = &self.defect {
            return Some(defect.clone());
        }
        let now = self.now;
        if self.expired_for > EXPIRES_WITHIN {
            return Some("an approval's deadline is over, and nothing has come of it".to_owned());
        }
        let (late, what) = match self.demand? {
            Demand::Reverted { by, .. } => (now > by, "a person's revert has not ended at the baseline"),
            Demand::Completed { since, .. } => {
                (now > since + TURNS * self.patience(), "a healthy shift was not completed")
            }
            Demand::Noticed { since } => {
                (now > since + NOTICED_WITHIN, "no gate says that the release is bad")
            }
        };
        if !late {
            return None;
        }
        for r in 0..self.replicas.len() {
            let replica = &self.replicas[r];
            let (up, busy, holding, alarm) = (replica.up, replica.busy, replica.holding, replica.alarm);
            let slot = replica.slot.is_some();
            self.note(|| {
                format!("daemon {r}: up {up}, busy {busy}, slot {slot}, {holding:?}, alarm {alarm:?}")
            });
        }
        let why = headline(&self.store.shift, None, stamp(now));
        Some(format!("{what}, though everything has long been well again: {why}"))
    }

    pub(crate) fn nurse(&mut self) {
        let expired = self.due_to_expire().is_some_and(|due| due <= self.now);
        self.expired_for = if expired { self.expired_for + 1 } else { 0 };
        match self.demand {
            Some(Demand::Reverted { .. }) if self.is_at_baseline() => {
                self.tally.reverts_demanded += 1;
                self.at_rest = true;
                self.demand = Some(self.to_be_completed());
            }
            Some(Demand::Completed { since, tries }) => {
                let shift = self.store.shift.clone();
                if matches!(shift.phase, Phase::Completed { .. })
                    && shift.write.is_none()
                    && shift.holds_records()
                {
                    // What others did to the zone since is not looked at any more.
                    self.at_rest = self.edited_at + READ_WITHIN < self.confirmed_at;
                    self.tally.completions_demanded += 1;
                    self.done = true;
                    self.at(self.now, Due::Trouble);
                    return;
                }
                // Nobody is late while the calendar is closed; but it is not closed for good.
                if self.goes_bad && self.would_notice() {
                    return self.go_bad();
                }
                let closed = calendar::closed(&shift.plan, stamp(self.now)).is_some();
                let waits = closed && shift.next_step().is_some() && since < self.began + CLOSED_AT_MOST;
                self.demand = Some(match waits {
                    true => Demand::Completed { since: since + MINUTE, tries },
                    false => Demand::Completed { since, tries: tries + 1 },
                });
                self.help(tries);
            }
            // What somebody else has undone waits for a person. Whoever has just asked for it asks once more.
            Some(Demand::Reverted { again: false, .. }) if self.was_undone() => {
                self.ask(Command::Revert, "the last person");
                self.demand = Some(Demand::Reverted { by: self.now + REVERTED_WITHIN, again: true });
            }
            Some(Demand::Noticed { since }) if self.has_failed_since(since) => {
                self.tally.bad_releases_noticed += 1;
                self.traffic.heal(self.now);
                self.demand = Some(self.to_be_completed());
            }
            Some(Demand::Reverted { .. } | Demand::Noticed { .. }) | None => {}
        }
        self.at(self.now + MINUTE, Due::Nurse);
    }

    /// Whether a gate that counts errors watches traffic on the `to` side, and will until long after it has to notice.
    fn would_notice(&self) -> bool {
        let shift = &self.store.shift;
        let counts = |gate: &Gate| matches!(gate.question, Question::Errors(_)) && !gate.observe_only;
        let (Some(next), Some(settled)) = (shift.next_step(), shift.settled_at) else { return false };
        let hold = match next {
            0 => return false,
            next if next < shift.plan.ramp.steps.len() => shift.plan.hold(next - 1),
            _ => shift.plan.bake(),
        };
        let goes_on_at = settled.as_millisecond() + 1_000 * hold.as_secs();
        shift.write.is_none()
            && shift.holds.is_empty()
            && settled <= stamp(self.now)
            && goes_on_at > self.now + NOTICED_WITHIN
            && shift.plan.gates.iter().any(counts)
            && self.traffic.serves(self.now)
    }

    fn go_bad(&mut self) {
        self.goes_bad = false;
        let ratio = 0.2 + 0.7 * self.random.unit();
        self.traffic.turn_bad(self.now, ratio);
        self.demand = Some(Demand::Noticed { since: self.now });
        self.note(|| format!("the release goes bad: {:.0} % of its requests fail", 100.0 * ratio));
        self.at(self.now + MINUTE, Due::Nurse);
    }

    fn has_failed_since(&self, since: i64) -> bool {
        let newest = self.store.history.iter().rev().take_while(|event| event.at >= stamp(since));
        newest.into_iter().any(|event| matches!(event.what, Happened::GateFailed { .. }))
    }

    /// When a shift that has moved traffic is to go down for want of an approval, if its plan says so.
    fn due_to_expire(&self) -> Option<i64> {
        let shift = &self.store.shift;
        let hold = shift.holds.get(&Cause::Approval).filter(|hold| !hold.until_resumed)?;
        if shift.write.is_some() || shift.is_frozen() || shift.moved_at.is_none() {
            return None;
        }
        let Deadline { deadline, then } = shift.plan.step(shift.next_step()?)?.approval.deadline()?;
        (*then != Then::Hold).then(|| hold.since.as_millisecond() + deadline.0.as_secs() * 1_000)
    }

    fn was_undone(&self) -> bool {
        let shift = &self.store.shift;
        let reverting = matches!(shift.phase, Phase::Reverting { .. });
        let edited = self.now < self.edited_at + REVERTED_WITHIN;
        reverting && edited && shift.write.is_none() && shift.holds.contains_key(&Cause::Drift)
    }

    fn is_at_baseline(&self) -> bool {
        let shift = &self.store.shift;
        let found = shift.groups.iter().map(|group| {
            let sets = self.route53.zones.get(&group.zone);
            (
                group.clone(),
                sets.map(|sets| crossfade_core::batch::weights_of(sets, group)).unwrap_or_default(),
            )
        });
        matches!(shift.phase, Phase::Reverted { .. })
            && shift.write.is_none()
            && shift.baseline_weights() == found.collect()
    }

    /// What a patient operator would do next.
    fn help(&mut self, tries: u32) {
        let shift = self.store.shift.clone();
        match shift.phase {
            Phase::Scheduled => {
                if !self.ask(Command::Start, "the operator") {
                    self.ask(Command::Resume, "the operator");
                }
            }
            Phase::Reverted { finalized: false, .. } => drop(self.ask(Command::Retry, "the operator")),
            Phase::Cancelled { .. }
            | Phase::Completed { finalized: true, .. }
            | Phase::Reverted { finalized: true, .. } => {
                // Frozen and then given up: the fence goes once somebody lets it.
                if shift.is_active() && shift.is_frozen() {
                    self.ask(Command::Resume, "the operator");
                }
                if !shift.is_active() && !shift.holds_records() {
                    self.clear_zone(true);
                    self.apply_anew();
                }
            }
            Phase::Running { .. } => {
                // A step that landed in one zone only, and what nobody thought of, begin again.
                let patience = u32::try_from(self.patience() / MINUTE).unwrap_or(u32::MAX);
                if tries % patience == patience - 1 {
                    self.ask(Command::Revert, "the operator");
                    return;
                }
                if tries % 100 == 99 && !shift.may_have_written() {
                    return self.clear_zone(true);
                }
                // What neither adopting nor reasserting mends is reverted, and tried again.
                if tries % 20 == 19
                    && (shift.holds.contains_key(&Cause::Drift) || shift.holds.contains_key(&Cause::Fault))
                {
                    self.ask(Command::Revert, "the operator");
                } else if shift.holds.contains_key(&Cause::Drift) {
                    let verb = if tries.is_multiple_of(2) { Command::Reassert } else { Command::Adopt };
                    self.ask(verb, "the operator");
                } else if shift.holds.values().any(|hold| hold.until_resumed) {
                    self.ask(Command::Resume, "the operator");
                } else if shift.holds.contains_key(&Cause::Approval) {
                    if !(self.lets_expire && self.due_to_expire().is_some()) {
                        self.ask(Command::Approve, "the operator");
                    }
                } else if shift.holds.contains_key(&Cause::Dependency) {
                    self.clear_zone(true);
                }
            }
            Phase::Reverting { .. } => {
                if tries % 20 == 19 {
                    self.ask(Command::Revert, "the operator");
                }
            }
            Phase::Completed { .. } => {}
        }
    }

    /// What a late or foreign write left at names that belong to nobody is put in order by hand.
    pub(crate) fn clear_zone(&mut self, fences: bool) {
        let clouds = self.store.shift.plan.to.len();
        for (zone, name, types) in super::world::records(&self.store.shift) {
            let Some(sets) = self.route53.zones.get_mut(&zone) else { continue };
            let fence = name.fence();
            sets.retain(|set| set.name != name && (!fences || set.name != fence));
            for record_type in types {
                sets.extend(super::world::members(&name.to_string(), &record_type, self.ttl, clouds));
            }
            super::route53::sort(sets);
        }
        self.follow(self.now);
        self.note(|| "the operator puts the zone in order".to_owned());
    }
}
