//! What the invariants see, and when they are asked.

use std::{collections::BTreeMap, sync::Arc};

use crossfade_core::{
    GroupKey, RecordSet, ZoneId,
    batch::{Batch, weights_of},
    decide::{Observation, Other, ZoneRead},
    event::{Event, Happened},
    fence::Fence,
    gate::Answer as GateAnswer,
    invariants::{Commit, Landed, Violation, World, all},
    shift::{Phase, Purpose, Shift},
};

use super::{Due, Sim, random::mix, stamp};

/// As many requests in ten seconds as five a second and a burst of ten allow.
const REQUESTS_MAX: u32 = 61;

/// What a daemon had seen when it decided; nothing, of people.
#[derive(Clone, Default)]
pub(crate) struct Grounds {
    gates: BTreeMap<String, GateAnswer>,
    reads: BTreeMap<ZoneId, ZoneRead>,
    others: BTreeMap<String, Other>,
}

impl Grounds {
    /// Of what nobody asks about, nothing is kept.
    pub(crate) fn of(seen: &Observation, events: &[Event]) -> Grounds {
        let matters = |event: &Event| {
            matches!(
                event.what,
                Happened::Intended { .. }
                    | Happened::Completed {}
                    | Happened::Confirmed { .. }
                    | Happened::Released {}
                    | Happened::GateFailed { .. }
            )
        };
        if !events.iter().any(matters) {
            return Grounds::default();
        }
        Grounds { gates: seen.gates.clone(), reads: seen.zones.clone(), others: seen.others.clone() }
    }
}

impl Sim {
    /// Everything that was written down, and what it was decided on.
    pub(crate) fn remember_commit(
        &mut self,
        grounds: Grounds,
        before: Arc<Shift>,
        events: Vec<Event>,
        saved: bool,
    ) {
        let Grounds { gates, reads, others } = grounds;
        for event in &events {
            if let Ok((kind, data)) = event.what.to_parts() {
                *self.tally.events.entry(kind.clone()).or_default() += 1;
                self.note(|| format!("{} of {}: {}", kind, event.actor.0, abridged(&data)));
            }
        }
        if events.iter().any(|event| matches!(event.what, Happened::ApprovalExpired { .. })) {
            self.lets_expire = false;
        }
        if events.iter().any(|event| matches!(event.what, Happened::Confirmed { .. })) {
            self.confirmed_at = self.now;
        }
        if !saved {
            self.tally.unsaved += 1;
        }
        let commit = Arc::new(Commit { at: stamp(self.now), before, events, gates, reads, others, saved });
        if commit.events.iter().any(|event| matches!(event.what, Happened::Intended { .. })) {
            self.intents.push(commit.clone());
        }
        self.commits.push(commit);
    }

    pub(crate) fn landed_now(
        &mut self,
        generation: u64,
        batch: Batch,
        shift: &Arc<Shift>,
        saved: bool,
        before: Vec<RecordSet>,
        after: Vec<RecordSet>,
    ) {
        self.tally.landed += 1;
        let wrote = shift.write.as_ref();
        let intends = |commit: &&Arc<Commit>| {
            commit.before.name == shift.name
                && commit.events.iter().any(|event| {
                    let Happened::Intended { generation: number, purpose, share, .. } = &event.what else {
                        return false;
                    };
                    *number == generation
                        && wrote.is_some_and(|write| write.purpose == *purpose && write.share == *share)
                })
        };
        let intent = self.intents.iter().rev().find(intends).cloned();
        let turns = |group: &GroupKey| weights_of(&before, group) != weights_of(&after, group);
        let turns = shift.groups.iter().filter(|group| group.zone == batch.zone).any(turns);
        let over = over(&self.store.shift, shift, generation, &before)
            .or_else(|| (turns && self.stepped_back(shift, generation)).then_some("stepped back"));
        self.landed.push(Landed {
            at: stamp(self.now),
            shift: shift.clone(),
            generation,
            batch,
            before,
            after,
            intent,
            saved,
            over,
        });
    }

    /// Whether the newest write is a step back that is done with, and nobody else has touched the zone since it was
    /// intended.
    fn stepped_back(&self, sent: &Shift, generation: u64) -> bool {
        let stored = &self.store.shift;
        let is_later = stored.name == sent.name && stored.generation > generation && stored.write.is_none();
        if !is_later || stored.next_step().is_none() {
            return false;
        }
        for event in self.store.history.iter().rev() {
            if let Happened::Intended { purpose, .. } = &event.what {
                return matches!(purpose, Purpose::StepBack { .. }) && stamp(self.edited_at) < event.at;
            }
        }
        false
    }

    /// Asks everything, after every step.
    pub(crate) fn check(&mut self) -> Option<Violation> {
        let overdue = self.overdue();
        let requests = self.replicas.iter().map(|replica| replica.asked_at.len()).max().unwrap_or(0);
        let writers =
            self.replicas.iter().filter(|replica| replica.up && replica.is_trusted(self.now)).count();
        let writers = if self.now < self.forgetful_until { writers.min(1) } else { writers };
        let world = World {
            now: stamp(self.now),
            owner: &self.owner,
            shift: &self.store.shift,
            history: &self.store.history,
            checked: self.checked,
            zones: &self.route53.zones,
            commits: &self.commits,
            landed: &self.landed,
            sent: &self.sent,
            writers: u32::try_from(writers).unwrap_or(u32::MAX),
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            requests_max: REQUESTS_MAX,
            overdue: overdue.as_deref(),
            at_rest: std::mem::take(&mut self.at_rest),
        };
        let mut violation = None;
        for invariant in all() {
            self.tally.evaluations += 1;
            violation = violation.or_else(|| invariant.check(&world).err());
        }
        self.checked = self.store.history.len();
        self.commits.clear();
        self.landed.clear();
        self.sent.clear();
        violation
    }

    /// Takes an event into the hash of the run.
    pub(crate) fn mark(&mut self, due: &Due) {
        let kind = match due {
            Due::Arrive { r, .. } => 1 + 16 * *r as u64,
            Due::Answer { r, .. } => 2 + 16 * *r as u64,
            Due::Wake { r, .. } => 3 + 16 * *r as u64,
            Due::Look { r, .. } => 4 + 16 * *r as u64,
            Due::Metrics { r, .. } => 5 + 16 * *r as u64,
            Due::Renew { r, .. } => 6 + 16 * *r as u64,
            Due::Start { r } => 7 + 16 * *r as u64,
            Due::Clock { r } => 13 + 16 * *r as u64,
            Due::Person => 8,
            Due::Trouble => 9,
            Due::Calm => 10,
            Due::Nurse => 11,
            Due::Alarmed => 12,
        };
        let head = self.store.shift.head.0.as_bytes();
        let head = head.iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        self.hash = mix(self.hash ^ kind ^ self.now.unsigned_abs().rotate_left(20) ^ head);
        self.tally.steps += 1;
    }

    /// Counts the time that passes, and how much of it a shift was under way.
    pub(crate) fn active_time(&mut self, until: i64) {
        let passed = (until - self.now).unsigned_abs();
        self.tally.millis += passed;
        if self.store.shift.is_active() {
            self.tally.active_millis += passed;
        }
        if self.store.shift.next_step().is_some() {
            self.tally.running_millis += passed;
        }
    }

    pub(crate) fn finish(&mut self) {
        self.tally.lives += 1;
        self.tally.decisions += self.decisions;
        let phase = self.store.shift.phase.as_str();
        *self.tally.endings.entry(phase).or_default() += 1;
    }
}

/// Whether the shift was done with what it wrote when this batch landed.
fn over(stored: &Shift, sent: &Shift, generation: u64, before: &[RecordSet]) -> Option<&'static str> {
    if stored.name != sent.name {
        return Some("given up, and another shift was there");
    }
    // A database that has lost the intent is before it, whatever came of that.
    if generation > stored.generation {
        return None;
    }
    // Not merely accepted, but there.
    let landed = |shift: &Shift| {
        let mut fences = before.iter().filter_map(Fence::decode).filter(|fence| fence.shift == shift.name);
        let open = shift.write.as_ref().filter(|write| write.generation > generation);
        open.is_some_and(|write| fences.any(|fence| fence.generation >= write.generation))
    };
    match &stored.phase {
        Phase::Cancelled { .. } if stored.write.is_none() => Some("cancelled"),
        Phase::Completed { finalized: true, .. } | Phase::Reverted { finalized: true, .. }
            if stored.write.is_none() =>
        {
            Some("finalized")
        }
        Phase::Reverted { .. } if stored.write.is_none() => Some("reverted"),
        Phase::Reverting { .. } if landed(stored) => Some("reverting, and the revert had landed"),
        Phase::Scheduled
        | Phase::Running { .. }
        | Phase::Completed { .. }
        | Phase::Reverting { .. }
        | Phase::Reverted { .. }
        | Phase::Cancelled { .. } => None,
    }
}

fn abridged(data: &str) -> String {
    data.chars().take(420).collect()
}
