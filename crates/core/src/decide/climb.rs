//! Going up, which needs everything; and what a person asked for that needs a look at the zone first.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::{
    GroupKey, RecordName, Share,
    batch::{GroupWeights, weights_of},
    event::Happened,
    gate::Verdict,
    plan::Records,
    preview,
    shift::{Asked, Cause, Purpose},
};

use super::{FRESH, Look, Verge, zone::Stamp};

/// Between two looks at records that do not fit the plan, or belong to somebody else.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

impl Look<'_> {
    /// To the next step, or to completion, if everything allows it.
    pub(super) fn climb(&self, next: usize) -> Verge {
        let shift = self.shift;
        if !shift.holds.is_empty() {
            return match &shift.asked {
                Some(Asked::Advance { .. }) => self.drop_advance(),
                Some(Asked::Adopt { .. } | Asked::Reassert { .. }) | None => self.rest_of_hold(),
            };
        }
        let advance = matches!(shift.asked, Some(Asked::Advance { .. }));
        if shift.moved_at.is_some() {
            if !self.settled() {
                return shift.settled_at.map_or(Verge::Rest, |at| Verge::Until(at, "the traffic settles"));
            }
            if !advance && !self.observed_long_enough(next) {
                return self.rest_of_hold();
            }
        }
        // Whoever asks to advance waives what the gates cannot say yet, not what they say.
        let enough = |verdict| verdict == Verdict::Pass || (advance && verdict == Verdict::Wait);
        if !self.gates.iter().all(|gate| gate.observe_only || enough(gate.verdict)) {
            return Verge::Rest;
        }
        let Some(step) = shift.plan.step(next) else {
            return Verge::Happen(vec![Happened::Completed {}]);
        };
        if let Some(reads) = self.read_missing(Some(self.now - FRESH)) {
            return Verge::Do(reads);
        }
        if !self.all_read() {
            // The hold that says so is on its way.
            return Verge::Rest;
        }
        let mut happened = Vec::new();
        if shift.baseline.is_none() {
            happened.push(Happened::BaselineTaken { sets: self.own_listings() });
        }
        let weights = shift.weights_for(step.share);
        happened.push(Happened::Intended {
            generation: shift.generation + 1,
            purpose: Purpose::Step { index: next },
            share: step.share,
            weights,
            gates: self.gates.clone(),
        });
        Verge::Happen(happened)
    }

    /// What a person asked for, if it was to take or to overwrite the zone's weights.
    pub(super) fn asked(&self) -> Option<Verge> {
        let shift = self.shift;
        let adopt = match shift.asked.as_ref()? {
            Asked::Adopt { .. } => true,
            Asked::Reassert { .. } => false,
            Asked::Advance { .. } => return None,
        };
        if let Some(reads) = self.read_missing(Some(self.now - FRESH)) {
            return Some(Verge::Do(reads));
        }
        if !self.all_read() {
            let changed = self.changed_holds(shift.step_index() + 1);
            return Some(if changed.is_empty() { Verge::Rest } else { Verge::Happen(changed) });
        }
        let drift = shift.holds.get(&Cause::Drift);
        let mut happened: Vec<Happened> =
            drift.map(|hold| Happened::HoldEnded { hold: hold.clone() }).into_iter().collect();
        happened.push(if adopt {
            let found: GroupWeights = shift
                .groups
                .iter()
                .filter_map(|group| Some((group.clone(), weights_of(self.listing(&group.zone)?, group))))
                .collect();
            let share = shift.share_of(&found).unwrap_or(Share::ZERO);
            shift.intend(Purpose::Adopt, share, found)
        } else {
            shift.intend(Purpose::Reassert, shift.landed, shift.set_weights())
        });
        Some(Verge::Happen(happened))
    }

    /// Whether the present step was observed for its whole hold time after its traffic had settled.
    pub(super) fn observed_long_enough(&self, next: usize) -> bool {
        self.shift.settled_at.is_some_and(|settled| settled + self.hold_time(next) <= self.now)
    }

    /// Why the records, which the shift has not touched yet, cannot be moved by its plan.
    pub(super) fn unfit(&self) -> Option<(Cause, &'static str, String)> {
        if !self.all_read() {
            return None;
        }
        let mut listed = BTreeMap::new();
        for zone in self.shift.zones() {
            let sets = self.listing(&zone)?;
            match self.stamp(&zone, sets) {
                Stamp::None => {}
                Stamp::Ours { generation } => {
                    let sentence = format!(
                        "zone {zone} has a fence of this shift with write {generation}, which its history does not \
                         know; was the database restored from a backup? `crossfade revert --direct` takes the \
                         records back"
                    );
                    return Some((Cause::Dependency, "unknown_history", sentence));
                }
                Stamp::Foreign { whose } => {
                    let sentence = format!("the records in zone {zone} belong to {whose}");
                    return Some((Cause::Dependency, "owned", sentence));
                }
                Stamp::Mixed => {
                    let sentence = format!("the fences in zone {zone} belong to several writes");
                    return Some((Cause::Dependency, "owned", sentence));
                }
            }
            listed.insert(zone, sets.to_vec());
        }
        let mistakes =
            preview::preview(&self.shift.plan, &self.groups(), &listed, Some(&self.rules.owner)).err()?;
        Some((Cause::Dependency, "unfit", format!("the records do not fit the plan: {mistakes}")))
    }

    /// The groups with the plan's entries that name them.
    fn groups(&self) -> preview::Groups {
        let records = &self.shift.plan.records;
        let entry = |group: &GroupKey| {
            let names = |entry: &Records| {
                RecordName::new(&entry.name) == group.name && entry.types.contains(&group.record_type)
            };
            records.iter().position(names).unwrap_or(0)
        };
        self.shift.groups.iter().map(|group| (group.clone(), entry(group))).collect()
    }

    fn rest_of_hold(&self) -> Verge {
        if self.shift.holds.contains_key(&Cause::Dependency) {
            // Before the first write nobody else reads the zone, and only a look tells that it was mended.
            let oldest =
                self.shift.zones().iter().filter_map(|zone| Some(self.seen.zones.get(zone)?.at)).min();
            return match (self.read_missing(Some(self.now - LOOK_AGAIN_AFTER)), oldest) {
                (Some(reads), _) => Verge::Do(reads),
                (None, Some(at)) => Verge::Until(at + LOOK_AGAIN_AFTER, "the zone is read again"),
                (None, None) => Verge::Rest,
            };
        }
        let next = self.shift.next_step().unwrap_or(0);
        match self.shift.settled_at.map(|settled| settled + self.hold_time(next)) {
            Some(at) if at > self.now => Verge::Until(at, "the hold time ends"),
            Some(_) | None => Verge::Rest,
        }
    }

    fn drop_advance(&self) -> Verge {
        let sentences: Vec<&str> = self.shift.holds.values().map(|hold| hold.sentence.as_str()).collect();
        Verge::Happen(vec![Happened::AdvanceDropped { because: sentences.join("; ") }])
    }
}
