//! From events to state.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Asked, Cause, FAILED, FROZEN, Hold, Known, Phase, Purpose, REFUSALS_BEFORE_OVERWRITE, Shift, Write,
    ZoneStage, ZoneWrite,
};
use crate::{
    Share, ZoneId,
    batch::members,
    event::{Actor, Draft, Event, Happened, Hash},
    gate::GateReport,
    plan::{OnFail, Plan, Step, Then},
    record::RecordSet,
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    #[error("a shift's first event is `created`, not `{0}`")]
    NotCreated(String),
    #[error("event {seq} follows event {version}")]
    OutOfOrder { version: u64, seq: u64 },
    #[error("event {seq} speaks of write {generation}, which is not open")]
    NoSuchWrite { seq: u64, generation: u64 },
    #[error("there are no events")]
    Empty,
}

/// The state after these events, which must be all of a shift's, in order.
pub fn fold(events: &[Event]) -> Result<Shift, FoldError> {
    let (first, rest) = events.split_first().ok_or(FoldError::Empty)?;
    let mut shift = Shift::born(first)?;
    for event in rest {
        shift.apply(event)?;
    }
    Ok(shift)
}

impl Shift {
    fn born(event: &Event) -> Result<Shift, FoldError> {
        let Happened::Created { plan, groups } = &event.what else {
            let kind = event.what.to_parts().map_or_else(|_| "?".to_owned(), |(kind, _)| kind);
            return Err(FoldError::NotCreated(kind));
        };
        if event.seq != 1 {
            return Err(FoldError::OutOfOrder { version: 0, seq: event.seq });
        }
        Ok(Shift {
            name: plan.name.clone(),
            version: event.seq,
            head: event.hash.clone(),
            plan: (**plan).clone(),
            revision: 1,
            created_at: event.at,
            phase: Phase::Scheduled,
            groups: groups.clone(),
            baseline: None,
            known: BTreeMap::new(),
            write: None,
            generation: 0,
            wanted: Share::ZERO,
            landed: Share::ZERO,
            moved_at: None,
            settled_at: None,
            resumed_at: None,
            evidence_from: None,
            holds: BTreeMap::new(),
            asked: None,
            approved: None,
            unfenced_at: None,
            overwritten_at: None,
            held_at: None,
        })
    }

    /// The state after one more event.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        if event.seq != self.version + 1 {
            return Err(FoldError::OutOfOrder { version: self.version, seq: event.seq });
        }
        self.happened(event)?;
        self.version = event.seq;
        self.head = event.hash.clone();
        Ok(())
    }

    fn happened(&mut self, event: &Event) -> Result<(), FoldError> {
        let at = event.at;
        match &event.what {
            Happened::Created { .. } => {
                return Err(FoldError::OutOfOrder { version: self.version, seq: event.seq });
            }
            Happened::Revised { plan } => self.revised(plan),
            Happened::Started {} => self.phase = Phase::Running { since: at, next: 0 },
            Happened::Paused { freeze } => self.paused(event, *freeze),
            Happened::Resumed {} => {
                if self.holds.get(&Cause::Gate).is_some_and(Hold::is_failed_gate) {
                    self.evidence_from = Some(at);
                }
                self.holds.retain(|_, hold| !hold.until_resumed);
                self.resumed_at = Some(at);
            }
            Happened::AdvanceRequested {} => self.asked = Some(Asked::Advance { by: event.actor.0.clone() }),
            Happened::AdoptRequested {} => self.asked = Some(Asked::Adopt { by: event.actor.0.clone() }),
            Happened::ReassertRequested {} => {
                self.asked = Some(Asked::Reassert { by: event.actor.0.clone() })
            }
            Happened::AdvanceDropped { .. } => self.asked = None,
            Happened::Approved { step } => self.approved = Some(*step),
            Happened::StepBackRequested { to } => self.stepped_back(event, *to),
            Happened::RevertRequested {} => self.reverting(at),
            Happened::Retried {} => {
                self.phase = Phase::Running { since: at, next: 0 };
                self.holds.clear();
                self.moved_at = None;
                self.settled_at = None;
                self.resumed_at = Some(at);
            }
            Happened::Cancelled {} => self.phase = Phase::Cancelled { at },
            Happened::Finalized {} => match &mut self.phase {
                Phase::Completed { finalized, .. } | Phase::Reverted { finalized, .. } => *finalized = true,
                Phase::Scheduled
                | Phase::Running { .. }
                | Phase::Reverting { .. }
                | Phase::Cancelled { .. } => {}
            },
            Happened::BaselineTaken { sets } => {
                self.known = sets.iter().map(|(zone, sets)| (zone.clone(), Known::untouched(sets))).collect();
                self.baseline = Some(sets.clone());
                self.landed = self.baseline_share();
            }
            Happened::HoldBegan { hold } => {
                self.holds.insert(hold.cause, hold.clone());
                self.held_at = Some(at);
            }
            Happened::HoldEnded { hold } => {
                self.holds.remove(&hold.cause);
            }
            Happened::GateFailed { gate, on_fail } => self.gate_failed(at, gate, *on_fail),
            Happened::ApprovalExpired { then, sentence, .. } => self.approval_expired(at, *then, sentence),
            Happened::Intended { generation, purpose, share, weights, .. } => {
                let write = Write {
                    generation: *generation,
                    purpose: *purpose,
                    share: *share,
                    weights: weights.clone(),
                    since: at,
                    zones: BTreeMap::new(),
                    unfenced: false,
                };
                self.closing(at);
                self.intended(write);
            }
            Happened::WriteDropped { generation, .. } => {
                self.open_write(event.seq, *generation)?;
                self.closing(at);
                self.write = None;
                self.wanted = self.landed;
                self.stand_at(self.landed);
                // Whatever made it drop may have moved traffic: what stands now is observed from the beginning.
                self.settled_at = self.moved_at.map(|_| at + self.settling());
            }
            Happened::Accepted { generation, zone, change } => {
                self.accepted(event, *generation, zone, ZoneStage::Accepted { at, change: change.clone() })?;
            }
            Happened::Unanswered { generation, zone, .. } => {
                let write = self.zone_write(event.seq, *generation, zone)?;
                write.attempted_at = Some(at);
                write.unanswered = true;
            }
            Happened::Refused { generation, zone, .. } => {
                let write = self.zone_write(event.seq, *generation, zone)?;
                write.attempted_at = Some(at);
                write.refusals += 1;
            }
            Happened::InSync { generation, zone } => {
                self.zone_write(event.seq, *generation, zone)?.stage = ZoneStage::InSync { at };
            }
            Happened::Confirmed { generation, settled_at, sets } => {
                self.open_write(event.seq, *generation)?;
                self.closing(at);
                self.left(*generation, sets);
                self.settled_at = Some(*settled_at);
                self.write = None;
            }
            Happened::FoundReverted { generation, sets } => {
                self.generation = self.generation.max(*generation);
                self.closing(at);
                self.left(*generation, sets);
                self.reverting(at);
                self.landed = self.baseline_share();
                self.wanted = self.landed;
                self.write = None;
            }
            Happened::Completed {} => self.phase = Phase::Completed { at, finalized: false },
            Happened::Reverted {} => {
                self.phase = Phase::Reverted { at, finalized: false };
                self.settled_at = None;
            }
            Happened::Released {} => {
                self.known.clear();
                self.write = None;
                self.unfenced_at = None;
                self.overwritten_at = None;
            }
        }
        Ok(())
    }

    fn revised(&mut self, plan: &Plan) {
        // Whoever approved a step did not approve another one in its place.
        let share = |plan: &Plan, index| plan.step(index).map(|step| step.share);
        self.approved = self.approved.filter(|index| share(&self.plan, *index) == share(plan, *index));
        self.plan = plan.clone();
        self.revision += 1;
        // Whoever gives an approval a deadline does not mean one that has passed.
        self.holds.retain(|cause, hold| *cause != Cause::Approval || hold.until_resumed);
        self.stand_at(self.wanted);
    }

    /// While running: the next step is the first above this share.
    fn stand_at(&mut self, share: Share) {
        let first = first_above(&self.plan, share);
        if let Phase::Running { next, .. } = &mut self.phase {
            *next = first;
        }
    }

    fn paused(&mut self, event: &Event, freeze: bool) {
        let (code, sentence) = if freeze {
            (FROZEN, "paused and frozen: nothing is written, not even a revert by a gate")
        } else {
            ("paused", "paused: it does not go up; a failing gate still takes it back")
        };
        self.hold_by_operator(event, code, sentence.to_owned());
    }

    fn stepped_back(&mut self, event: &Event, to: Share) {
        self.asked = None;
        let sentence = format!("stepped back to {to}: it does not go up again until it is resumed");
        self.hold_by_operator(event, "stepped_back", sentence);
    }

    fn hold_by_operator(&mut self, event: &Event, code: &str, sentence: String) {
        let hold = Hold {
            cause: Cause::Operator,
            code: code.to_owned(),
            since: event.at,
            by: event.actor.0.clone(),
            reason: event.reason.clone(),
            sentence,
            until_resumed: true,
        };
        self.holds.insert(Cause::Operator, hold);
    }

    fn gate_failed(&mut self, at: Timestamp, gate: &GateReport, on_fail: OnFail) {
        let then = match on_fail {
            OnFail::Revert => return self.reverting(at),
            OnFail::StepBack => "stepped back",
            OnFail::Pause => "paused",
        };
        self.asked = None;
        let hold = Hold {
            cause: Cause::Gate,
            code: FAILED.to_owned(),
            since: at,
            by: Actor::daemon().0,
            reason: None,
            sentence: format!("{then} because gate {} failed: {}", gate.name, gate.sentence),
            until_resumed: true,
        };
        self.holds.insert(Cause::Gate, hold);
    }

    fn approval_expired(&mut self, at: Timestamp, then: Then, sentence: &str) {
        match then {
            Then::Hold => {}
            Then::Revert => self.reverting(at),
            Then::StepBack => {
                self.asked = None;
                let hold = Hold {
                    cause: Cause::Approval,
                    code: "approval_expired".to_owned(),
                    since: at,
                    by: Actor::daemon().0,
                    reason: None,
                    sentence: format!("stepped back because {sentence}"),
                    until_resumed: true,
                };
                self.holds.insert(Cause::Approval, hold);
            }
        }
    }

    /// A revert ends every hold: there is nothing left to hold back from.
    fn reverting(&mut self, at: Timestamp) {
        self.phase = Phase::Reverting { since: at };
        self.holds.clear();
        self.asked = None;
        self.approved = None;
    }

    /// Before another write takes the place of the open one, or none does: whether it may still land afterwards.
    fn closing(&mut self, at: Timestamp) {
        let Some(write) = &self.write else { return };
        let in_doubt = |zone: &ZoneWrite| zone.unanswered || zone.stage == ZoneStage::Intended;
        let attempts = write.zones.values().filter_map(|zone| zone.attempted_at);
        // By the latest of several clocks.
        let at = attempts.fold(at.max(write.since), Timestamp::max);
        if write.unfenced && write.zones.values().any(in_doubt) {
            self.unfenced_at = self.unfenced_at.max(Some(at));
        }
        let overwrites = |zone: &ZoneWrite| zone.refusals >= REFUSALS_BEFORE_OVERWRITE;
        if write.purpose == Purpose::Revert && write.zones.values().any(overwrites) {
            self.overwritten_at = self.overwritten_at.max(Some(at));
        }
    }

    fn intended(&mut self, mut write: Write) {
        let zone =
            || ZoneWrite { stage: ZoneStage::Intended, refusals: 0, attempted_at: None, unanswered: false };
        let zones = self.zones();
        write.unfenced = match write.purpose {
            // Where the records are given up, it is written because no fence stands there.
            Purpose::Stay if self.is_given_up() => true,
            Purpose::Step { .. } | Purpose::Stay => {
                zones.iter().any(|zone| self.known.get(zone).is_none_or(|known| known.generation.is_none()))
            }
            // Somebody may have deleted the fence.
            Purpose::Adopt | Purpose::Reassert => true,
            // These lower the share whenever they land.
            Purpose::StepBack { .. } | Purpose::Revert | Purpose::Release => false,
        };
        write.zones = zones.into_iter().map(|id| (id, zone())).collect();
        self.generation = write.generation;
        self.wanted = write.share;
        match write.purpose {
            Purpose::Step { .. } => {
                self.approved = None;
                self.stand_at(write.share);
            }
            Purpose::StepBack { .. } | Purpose::Adopt | Purpose::Reassert | Purpose::Stay => {
                self.stand_at(write.share);
            }
            Purpose::Revert | Purpose::Release => {}
        }
        let from_nothing = self.moved_at.is_none() || self.landed == Share::ZERO;
        let moves = match write.purpose {
            Purpose::Step { .. } => true,
            Purpose::Adopt => write.share > Share::ZERO,
            Purpose::StepBack { .. }
            | Purpose::Revert
            | Purpose::Reassert
            | Purpose::Stay
            | Purpose::Release => false,
        };
        if moves && from_nothing {
            // From the intent on, not from the answer: the batch may land and its answer be lost.
            self.moved_at = Some(write.since);
        }
        self.asked = None;
        self.settled_at = None;
        self.write = Some(write);
    }

    fn accepted(
        &mut self,
        event: &Event,
        generation: u64,
        zone: &ZoneId,
        stage: ZoneStage,
    ) -> Result<(), FoldError> {
        let write = self.zone_write(event.seq, generation, zone)?;
        // Told by the fence: some attempt has had no answer.
        write.unanswered |= matches!(&stage, ZoneStage::Accepted { change: None, .. });
        write.stage = stage;
        if let Some(write) = self.write.take() {
            self.landed = write.share;
            let sets = self.sets_after(&write, zone);
            self.known.insert(zone.clone(), Known { generation: Some(generation), sets });
            self.write = Some(write);
        }
        Ok(())
    }

    fn baseline_share(&self) -> Share {
        self.share_of(&self.baseline_weights()).unwrap_or(Share::ZERO)
    }

    /// What a zone shows once the write has landed on what was known.
    pub(crate) fn sets_after(&self, write: &Write, zone: &ZoneId) -> Vec<RecordSet> {
        let before = self.known.get(zone).map_or(&[][..], |known| &known.sets);
        if write.weights.is_empty() {
            return before.to_vec();
        }
        let mut sets = Vec::new();
        for (group, weights) in write.weights.iter().filter(|(group, _)| group.zone == *zone) {
            for set in members(before, group) {
                let weight = set.set_identifier().and_then(|id| weights.get(id));
                sets.push(weight.and_then(|weight| set.with_weight(*weight)).unwrap_or_else(|| set.clone()));
            }
        }
        sets
    }

    fn left(&mut self, generation: u64, sets: &BTreeMap<ZoneId, Vec<RecordSet>>) {
        for (zone, sets) in sets {
            self.known.insert(zone.clone(), Known { generation: Some(generation), sets: sets.clone() });
        }
    }

    fn open_write(&mut self, seq: u64, generation: u64) -> Result<&mut Write, FoldError> {
        self.write
            .as_mut()
            .filter(|write| write.generation == generation)
            .ok_or(FoldError::NoSuchWrite { seq, generation })
    }

    fn zone_write(&mut self, seq: u64, generation: u64, zone: &ZoneId) -> Result<&mut ZoneWrite, FoldError> {
        self.open_write(seq, generation)?
            .zones
            .get_mut(zone)
            .ok_or(FoldError::NoSuchWrite { seq, generation })
    }
}

impl Known {
    fn untouched(sets: &[RecordSet]) -> Known {
        Known { generation: None, sets: sets.to_vec() }
    }
}

/// The first step above a share; the number of steps when there is none.
///
/// A step is above it only if its weights are, too: weights realise most shares not quite, and a share that was read
/// from a zone may be a step's own, rounded.
pub(crate) fn first_above(plan: &Plan, share: Share) -> usize {
    let above = |step: &Step| {
        // Weights are not looked for where the share alone decides: they take a search each.
        step.share > share && {
            let realised = crate::weights::realise(step.share, &plan.from, &plan.to)
                .map_or(step.share.percent(), |realised| realised.share * 100.0);
            // A share is exact to a ten-thousandth of a percent.
            realised > share.percent() + 0.000_1
        }
    };
    plan.ramp.steps.iter().position(above).unwrap_or(plan.ramp.steps.len())
}

/// The state and the sealed events after these drafts. This is how every change of a shift comes about.
pub(super) fn extend(
    shift: Option<&Shift>,
    name: &str,
    drafts: Vec<Draft>,
) -> Result<(Shift, Vec<Event>), super::TransitionError> {
    let mut state = shift.cloned();
    let mut events = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (seq, head) = state.as_ref().map_or((0, Hash::default()), |s| (s.version, s.head.clone()));
        let event = draft.sealed(name, seq + 1, &head)?;
        match &mut state {
            None => state = Some(Shift::born(&event)?),
            Some(state) => state.apply(&event)?,
        }
        events.push(event);
    }
    let state = state.ok_or(FoldError::Empty)?;
    Ok((state, events))
}
