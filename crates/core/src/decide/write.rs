//! The open write: from intended, over applied and in sync everywhere, to read back and confirmed.
//!
//! The same path serves a write that was just decided and one that a crash left behind: whether a batch landed is
//! never remembered, it is read from the fence.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    RecordName, RecordSet, ZoneId,
    batch::{self, Batch, BatchError, GroupWeights},
    event::{ChangeId, Happened},
    fence::{self, Fence},
    gate::Verdict,
    shift::{Cause, Hold, Known, Purpose, REFUSALS_BEFORE_OVERWRITE, Write, ZoneStage, ZoneWrite},
};

use super::{ChangeState, Effect, FRESH, Look, Verge, zone::Stamp};

/// Refusals after which a write that is no revert is given up: its listing is fresh, so the reason is not drift.
const REFUSALS_BEFORE_GIVING_UP: u32 = 3;

/// Between attempts that Route 53 did not answer, or answered with a passing refusal: a tenth of the time for which the
/// write has been open, so that a long spell of them does not use up the requests that others need. At least, at most,
/// and at most on the way down.
const RETRY_PART: i32 = 10;
const RETRY_LEAST: SignedDuration = SignedDuration::from_secs(1);
const RETRY_MOST: SignedDuration = SignedDuration::from_secs(30);
const RETRY_MOST_DOWN: SignedDuration = SignedDuration::from_secs(5);

/// Between two questions after a change; it usually takes up to a minute.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(2);

impl Look<'_> {
    pub(super) fn advance(&self, write: &Write) -> Verge {
        if let Some(happened) = self.found_reverted() {
            return Verge::Happen(happened);
        }
        let mut happened = Vec::new();
        let mut effects = Vec::new();
        let mut until: Option<(Timestamp, &'static str)> = None;
        for (zone, progress) in &write.zones {
            let verge = match &progress.stage {
                ZoneStage::Intended => self.land(write, zone, progress),
                ZoneStage::Accepted { at, change } => self.propagate(write, zone, *at, change.as_ref()),
                ZoneStage::InSync { .. } => Verge::Rest,
            };
            match verge {
                Verge::Happen(more) => happened.extend(more),
                Verge::Do(more) => effects.extend(more),
                Verge::Until(at, why) if until.is_none_or(|(soonest, _)| at < soonest) => {
                    until = Some((at, why))
                }
                Verge::Until(..) | Verge::Rest => {}
            }
            if ends(&happened) {
                return Verge::Happen(happened);
            }
        }
        if !happened.is_empty() {
            return Verge::Happen(happened);
        }
        let changed: Vec<Happened> = self.changed_holds(usize::MAX).into_iter().filter(of_writing).collect();
        if !changed.is_empty() {
            return Verge::Happen(changed);
        }
        if !effects.is_empty() {
            return Verge::Do(effects);
        }
        match until {
            Some((at, why)) => Verge::Until(at, why),
            None => self.confirm(write),
        }
    }

    /// A batch that is not known to have landed: find out, or send it.
    fn land(&self, write: &Write, zone: &ZoneId, progress: &ZoneWrite) -> Verge {
        if self.shift.is_frozen() {
            return Verge::Rest;
        }
        let Some(listed) = self.usable_listing(write, zone, progress) else {
            return match self.seen.zones.get(zone) {
                // A failed read is tried again after a while, like a failed attempt.
                // So is one that says nothing, because the clock was set back meanwhile.
                Some(read) if self.now < again_after(write, read.at) && read.at <= self.now => {
                    Verge::Until(again_after(write, read.at), "a zone is read again")
                }
                Some(_) | None => Verge::Do(vec![Effect::Read { zone: zone.clone() }]),
            };
        };
        if let Purpose::Step { .. } = write.purpose
            && let Some(looks) = self.look_at_others()
        {
            return Verge::Do(looks);
        }
        let generation = write.generation;
        if self.has_landed(write, zone, &listed) {
            return Verge::Happen(vec![landed(generation, zone)]);
        }
        if let Some(because) = self.adopts_something_else(write, zone) {
            return Verge::Happen(self.give_up_for_drift(write, &[because]));
        }
        if write.unfenced && !progress.unanswered && self.seen.answered != Some(generation) {
            let error = "a daemon before this one may have sent it".to_owned();
            return Verge::Happen(vec![Happened::Unanswered { generation, zone: zone.clone(), error }]);
        }
        if let Some(verge) = self.too_early_to_release(write, zone, &listed) {
            return verge;
        }
        match self.stamp(zone, &listed) {
            // The number was used before, by a history that a restored database has lost.
            Stamp::Ours { .. } | Stamp::Mixed
                if self.newest_write(zone, &listed) >= generation && !self.is_strict(write) =>
            {
                let (share, weights) = (write.share, write.weights.clone());
                return Verge::Happen(vec![Happened::Intended {
                    generation: self.newest_write(zone, &listed) + 1,
                    purpose: write.purpose,
                    share,
                    weights,
                    gates: Vec::new(),
                }]);
            }
            // A release leaves no fence behind; whose the next one is does not matter any more.
            Stamp::None | Stamp::Foreign { .. } if write.purpose == Purpose::Release => {
                return Verge::Happen(vec![landed(generation, zone)]);
            }
            // Nor does it where the records are given up: a fence of whoever came next keeps our batches out as well.
            Stamp::Foreign { .. } if self.shift.is_given_up() => {
                return Verge::Happen(vec![landed(generation, zone)]);
            }
            Stamp::None | Stamp::Ours { .. } | Stamp::Foreign { .. } | Stamp::Mixed => {}
        }
        if let Some(happened) = self.overtaken(write, zone, &listed) {
            return if self.is_unknown_elsewhere(write, zone) {
                Verge::Rest
            } else {
                Verge::Happen(happened)
            };
        }
        if progress.refusals >= REFUSALS_BEFORE_GIVING_UP && write.purpose != Purpose::Revert {
            return Verge::Happen(
                self.give_up(write, "Route 53 refuses it although the zone is as it should be"),
            );
        }
        if let Some(wait) = self.pause_between_attempts(write, progress) {
            return wait;
        }
        match self.batch(write, zone, &listed, progress.refusals) {
            Ok(Some(batch)) => Verge::Do(vec![Effect::Submit { generation, batch }]),
            // A release that finds no fence of ours.
            Ok(None) => Verge::Happen(vec![landed(generation, zone)]),
            Err(error) => Verge::Happen(self.give_up(write, &error.to_string())),
        }
    }

    /// Nothing is sent again at once, but for a revert that was refused: it was read again, and is sent again.
    fn pause_between_attempts(&self, write: &Write, progress: &ZoneWrite) -> Option<Verge> {
        let trouble = self.seen.trouble.as_ref().map(|trouble| trouble.at);
        let at_once =
            write.purpose == Purpose::Revert && (1..=REFUSALS_BEFORE_OVERWRITE).contains(&progress.refusals);
        let attempt = progress.attempted_at.filter(|_| !at_once);
        // A clock that was ahead keeps nobody waiting for its time.
        let failed_at = [trouble, attempt].into_iter().flatten().filter(|at| *at <= self.now).max()?;
        let again = again_after(write, failed_at);
        (self.now < again).then_some(Verge::Until(again, "the write is sent again"))
    }

    /// The listing that a batch may be compared with.
    ///
    /// A first attempt to go down does without a read: what was last known is compared by Route 53 itself. After an
    /// attempt only a newer listing tells what became of it.
    fn usable_listing(&self, write: &Write, zone: &ZoneId, progress: &ZoneWrite) -> Option<Vec<RecordSet>> {
        let read = self.seen.zones.get(zone);
        // What another daemon's clock, or this one's before it was set back, has stamped with a time to come is over, and
        // whatever is known was read since.
        let over = |at: Timestamp| if at > self.now { Timestamp::MIN } else { at };
        let newer_than = progress.attempted_at.map_or(Timestamp::MIN, over);
        let fresh = read.filter(|read| read.at >= newer_than);
        match (&write.purpose, progress.attempted_at) {
            (Purpose::Revert | Purpose::StepBack { .. }, None) => match fresh {
                Some(read) if read.listed.is_ok() => read.listed.as_ref().ok().cloned(),
                Some(_) | None => self.remembered_listing(zone),
            },
            _ => {
                let recent = fresh
                    .filter(|read| read.at + FRESH >= self.now && read.at + FRESH >= over(write.since))?;
                recent.listed.as_ref().ok().cloned()
            }
        }
    }

    /// The zone as the shift last left it, with its fences.
    fn remembered_listing(&self, zone: &ZoneId) -> Option<Vec<RecordSet>> {
        let known: &Known = self.shift.known.get(zone)?;
        let mut listed = known.sets.clone();
        let fences = self.shift.fences(zone, &self.rules.owner, self.rules.epoch, known.generation?);
        // A fence of an earlier epoch would not compare equal, and the batch would be refused and read again.
        listed.extend(fences.iter().map(|(name, fence)| fence.record_set(name)));
        Some(listed)
    }

    /// Whether the zone is as the write leaves it: its weights, and at every name the fence of one and the same daemon.
    ///
    /// The generation alone does not say so: a restored database gives a number twice, and the fence of a later daemon
    /// says that this one was overtaken.
    fn has_landed(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> bool {
        let names = self.shift.names(zone);
        let mut fences = names.iter().map(|name| Fence::decode(fence::find(listed, name)?));
        let Some(Some(Fence { epoch, .. })) = fences.next() else { return false };
        let left = self.shift.fences(zone, &self.rules.owner, epoch, write.generation);
        let stands = |(name, fence): (&RecordName, &Fence)| {
            fence::find(listed, name).and_then(Fence::decode) == Fence::decode(&fence.record_set(name))
        };
        write.purpose != Purpose::Release
            && epoch <= self.rules.epoch
            && left.iter().all(stands)
            && self.has_weights(write, zone)
    }

    fn has_weights(&self, write: &Write, zone: &ZoneId) -> bool {
        write.weights.is_empty() || self.zone_shows(zone, &write.weights)
    }

    /// A batch that expects no fence may still be on its way. Until it has arrived, or never will, a fence has to stand;
    /// and where none does, one is put there.
    fn too_early_to_release(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> Option<Verge> {
        let arrived = self.shift.arrived_by().filter(|by| self.now < *by)?;
        if write.purpose != Purpose::Release {
            return None;
        }
        Some(match self.stamp(zone, listed) {
            Stamp::None => {
                Verge::Happen(vec![self.shift.intend(Purpose::Stay, self.shift.landed, GroupWeights::new())])
            }
            Stamp::Ours { .. } | Stamp::Foreign { .. } | Stamp::Mixed => {
                Verge::Until(arrived, "nothing that was sent can arrive any more")
            }
        })
    }

    /// Whether the write may no longer land as it was intended, and what follows.
    fn overtaken(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> Option<Vec<Happened>> {
        if self.is_strict(write) {
            let untouched = Known { generation: None, sets: Vec::new() };
            let known = self.shift.known.get(zone).unwrap_or(&untouched);
            let drift = self.differences(zone, listed, known);
            if !drift.is_empty() {
                return Some(self.give_up_for_drift(write, &drift));
            }
        }
        if let Purpose::StepBack { .. } = write.purpose
            && self.is_below(write, zone, listed)
        {
            return Some(self.stay_below(write, zone, listed));
        }
        let nothing_landed = write.zones.values().all(|zone| zone.stage == ZoneStage::Intended);
        if nothing_landed && self.is_held_back(write) {
            return match write.purpose {
                // The batch may still be on its way: only a newer fence keeps it from landing later.
                Purpose::Step { .. } => {
                    Some(vec![self.shift.intend(Purpose::Stay, self.shift.landed, self.shift.set_weights())])
                }
                // The edit stands, and whoever resumes may ask again.
                Purpose::Reassert => Some(self.give_up_for_drift(
                    write,
                    &["it was not overwritten, because the shift was paused".to_owned()],
                )),
                Purpose::StepBack { .. }
                | Purpose::Revert
                | Purpose::Adopt
                | Purpose::Stay
                | Purpose::Release => None,
            };
        }
        None
    }

    /// Whether a step may have landed in another zone without its being known. What becomes of it is decided when all zones
    /// were read: half a step is finished, and none is taken for somebody else's edit.
    fn is_unknown_elsewhere(&self, write: &Write, zone: &ZoneId) -> bool {
        let unknown = |(other, progress): (&ZoneId, &ZoneWrite)| {
            other != zone
                && progress.stage == ZoneStage::Intended
                && self
                    .usable_listing(write, other, progress)
                    .is_none_or(|listed| self.has_landed(write, other, &listed))
        };
        matches!(write.purpose, Purpose::Step { .. }) && write.zones.iter().any(unknown)
    }

    /// What was found is taken as it was found: whoever has changed it since did not mean that.
    fn adopts_something_else(&self, write: &Write, zone: &ZoneId) -> Option<String> {
        let changed = write.purpose == Purpose::Adopt && !self.has_weights(write, zone);
        changed.then(|| format!("zone {zone} no longer shows the weights that were adopted"))
    }

    /// Whether something came up since a write was intended that would not have let it be intended.
    fn is_held_back(&self, write: &Write) -> bool {
        let judged =
            |gate: &crate::gate::GateReport| gate.stands(Verdict::Hold) || gate.stands(Verdict::Fail);
        match write.purpose {
            Purpose::Step { index } => {
                // A fault is what this very write may be having.
                self.shift.holds.keys().any(|cause| *cause != Cause::Fault)
                    || self.shift.plan.step(index).is_none_or(|step| step.share != write.share)
                    || self.gates.iter().any(judged)
                    || self.closed().is_some()
                    || self.unmet().is_some()
            }
            // Asked for by a person, who may well have paused first.
            Purpose::Reassert => {
                self.shift.holds.get(&Cause::Operator).is_some_and(|hold| hold.since > write.since)
            }
            Purpose::StepBack { .. }
            | Purpose::Revert
            | Purpose::Adopt
            | Purpose::Stay
            | Purpose::Release => false,
        }
    }

    /// Somebody has lowered the zone further. It is left there, with a fence, because what was overtaken may be on its way.
    fn stay_below(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> Vec<Happened> {
        let here = self.shift.groups.iter().filter(|group| group.zone == *zone);
        let found = here.map(|group| (group.clone(), batch::weights_of(listed, group))).collect();
        let weights = self.shift.no_higher(write.weights.clone(), &found);
        if weights == write.weights {
            return self.give_up_for_drift(write, &["the zone is at a lower share already".to_owned()]);
        }
        let share = self.shift.share_of(&weights).unwrap_or(write.share);
        vec![self.shift.intend(write.purpose, share, weights)]
    }

    /// Whether the write would raise a group of the zone. One that is where the write leads gets its fence: what was
    /// overtaken may be on its way there.
    fn is_below(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> bool {
        let mut here = write.weights.iter().filter(|(group, _)| group.zone == *zone);
        here.any(|(group, aimed)| self.shift.would_rise(&batch::weights_of(listed, group), aimed))
    }

    fn batch(
        &self,
        write: &Write,
        zone: &ZoneId,
        listed: &[RecordSet],
        refusals: u32,
    ) -> Result<Option<Batch>, BatchError> {
        let shift = self.shift;
        let comment = format!("crossfade {} write {} to {}", shift.name, write.generation, write.share);
        if write.purpose == Purpose::Release {
            let names = shift.names(zone);
            let fences = names.iter().filter_map(|name| fence::find(listed, name));
            let ours = fences.filter(|set| Fence::decode(set).is_some_and(|fence| self.is_ours(&fence)));
            return Ok(batch::release(zone, &comment, ours));
        }
        let fences = shift.fences(zone, &self.rules.owner, self.rules.epoch, write.generation);
        let mut whole = BTreeMap::new();
        if write.purpose == Purpose::Revert {
            let baseline = shift.baseline.as_ref().and_then(|baseline| baseline.get(zone));
            for group in write.weights.keys() {
                let sets =
                    baseline.map(|sets| batch::members(sets, group).cloned().collect()).unwrap_or_default();
                whole.insert(group.clone(), sets);
            }
            if refusals >= REFUSALS_BEFORE_OVERWRITE {
                return batch::overwrite(zone, &comment, listed, &write.weights, &fences, &whole).map(Some);
            }
        }
        batch::compare_and_swap(zone, &comment, listed, &write.weights, &fences, &whole).map(Some)
    }

    /// An applied batch: on its way to all name servers.
    fn propagate(&self, write: &Write, zone: &ZoneId, at: Timestamp, change: Option<&ChangeId>) -> Verge {
        let in_sync = Happened::InSync { generation: write.generation, zone: zone.clone() };
        let by_time = at + self.rules.propagation;
        let Some(change) = change else {
            return if self.now >= by_time {
                Verge::Happen(vec![in_sync])
            } else {
                Verge::Until(by_time, "the change has had time to reach all name servers")
            };
        };
        match self.seen.changes.get(change) {
            Some(read) if read.state == ChangeState::InSync => Verge::Happen(vec![in_sync]),
            // The change is lost, as after a failover of the control plane; what the zone shows is what counts.
            Some(read) if read.state == ChangeState::Unknown && self.now >= by_time => {
                Verge::Happen(vec![in_sync])
            }
            Some(read) if self.now < read.at + ASK_EVERY => {
                Verge::Until(read.at + ASK_EVERY, "Route 53 is asked whether the change is in sync")
            }
            Some(_) | None => Verge::Do(vec![Effect::Ask { change: change.clone() }]),
        }
    }

    /// In sync everywhere: what is read back now is what the shift left.
    fn confirm(&self, write: &Write) -> Verge {
        let mut in_sync = Timestamp::MIN;
        for zone in write.zones.values() {
            match zone.stage {
                ZoneStage::InSync { at } => in_sync = in_sync.max(at),
                ZoneStage::Intended | ZoneStage::Accepted { .. } => return Verge::Rest,
            }
        }
        if in_sync > self.now {
            return Verge::Until(in_sync, "the clock was ahead when the change came in sync");
        }
        if let Some(reads) = self.read_missing(Some(in_sync)) {
            return Verge::Do(reads);
        }
        if !self.all_read() {
            return self.failed_reads().unwrap_or(Verge::Rest);
        }
        if write.purpose == Purpose::Release {
            // Whatever was made on a fence that Route 53 has not removed, and is late, would still land.
            let stands =
                |zone: &ZoneId| self.listing(zone).is_some_and(|listed| self.newest_write(zone, listed) > 0);
            let again = write.zones.keys().any(stands);
            return Verge::Happen(vec![if again {
                self.shift.intend_release()
            } else {
                Happened::Released {}
            }]);
        }
        let mut drift = Vec::new();
        for zone in write.zones.keys() {
            let Some(listed) = self.listing(zone) else { return Verge::Rest };
            drift.extend(self.misread(write, zone, listed));
        }
        // Route 53 accepted it, and lost it: whoever goes down asks nobody to try again.
        let goes_down = matches!(write.purpose, Purpose::Revert | Purpose::StepBack { .. });
        if !drift.is_empty() && goes_down && self.lacks_its_fence() {
            return Verge::Happen(vec![self.shift.intend(write.purpose, write.share, write.weights.clone())]);
        }
        if !drift.is_empty() {
            return Verge::Happen(self.give_up_for_drift(write, &drift));
        }
        let generation = write.generation;
        let settled_at = in_sync + self.shift.settling();
        let mut happened = vec![Happened::Confirmed { generation, settled_at, sets: self.own_listings() }];
        if write.purpose == Purpose::Revert {
            happened.push(Happened::Reverted {});
        }
        Verge::Happen(happened)
    }

    fn misread(&self, write: &Write, zone: &ZoneId, listed: &[RecordSet]) -> Vec<String> {
        if let (true, Some(known)) = (self.is_strict(write), self.shift.known.get(zone)) {
            return self.differences(zone, listed, known);
        }
        let mut drift = Vec::new();
        if self.stamp(zone, listed) != (Stamp::Ours { generation: write.generation }) {
            drift.push(format!("zone {zone} does not show write {}", write.generation));
        }
        if !self.has_weights(write, zone) {
            drift.push(format!("zone {zone} does not show the weights that were written"));
        }
        drift
    }

    fn give_up_for_drift(&self, write: &Write, drift: &[String]) -> Vec<Happened> {
        let sentence = format!("somebody else changed the zone: {}", drift.join("; "));
        let mut happened =
            vec![Happened::WriteDropped { generation: write.generation, because: sentence.clone() }];
        // Whoever gives the records up leaves them as they are.
        if !self.shift.is_given_up() {
            happened.push(Happened::HoldBegan { hold: self.hold(Cause::Drift, "drift", sentence) });
        }
        happened
    }

    fn give_up(&self, write: &Write, because: &str) -> Vec<Happened> {
        let sentence = format!("the write to {} was given up: {because}", write.share);
        let hold = Hold { until_resumed: true, ..self.hold(Cause::Fault, "refused", sentence) };
        vec![
            Happened::WriteDropped { generation: write.generation, because: because.to_owned() },
            Happened::HoldBegan { hold },
        ]
    }
}

/// When what failed at this time is tried again.
fn again_after(write: &Write, failed_at: Timestamp) -> Timestamp {
    let most = if write.is_down() { RETRY_MOST_DOWN } else { RETRY_MOST };
    failed_at + (failed_at.duration_since(write.since) / RETRY_PART).clamp(RETRY_LEAST, most)
}

/// After one of these there is nothing more to be said of the write that was open.
fn ends(happened: &[Happened]) -> bool {
    happened.iter().any(|event| matches!(event, Happened::WriteDropped { .. } | Happened::Intended { .. }))
}

/// While a write is open, only what keeps it from landing is worth a hold.
fn of_writing(event: &Happened) -> bool {
    let (Happened::HoldBegan { hold } | Happened::HoldEnded { hold }) = event else { return false };
    matches!(hold.cause, Cause::Fault | Cause::NoData | Cause::Gate)
}

/// A zone's batch that is known to be applied, though not by its answer.
fn landed(generation: u64, zone: &ZoneId) -> Happened {
    Happened::Accepted { generation, zone: zone.clone(), change: None }
}
