//! Going up, which needs everything; and what a person asked for that needs a look at the zone first.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    GroupKey, RecordName, Share,
    batch::{GroupWeights, weights_of},
    event::Happened,
    gate::Verdict,
    plan::Records,
    preview,
    shift::{ARRIVES_WITHIN, Asked, Cause, Purpose},
    weights::share_of,
};

use super::{FRESH, Look, READ_AGAIN_AFTER, Verge, zone::Stamp};

/// Percentage points by which groups at one share may differ, because few shares can be had exactly.
const ALIKE: f64 = 0.5;

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
        if let Some(at) = self.overwrite_arrives_by().filter(|at| self.now < *at) {
            return Verge::Until(at, "a revert that was sent can arrive no more");
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

    /// A revert that overwrites compares nothing. When it arrives once more it brings its fence back, and with it whatever
    /// was made on that fence: a step that is tried again is not made on it before then.
    pub(super) fn overwrite_arrives_by(&self) -> Option<Timestamp> {
        self.shift.overwritten_at.map(|at| at + ARRIVES_WITHIN)
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
        let found = self.found();
        if adopt && let Some(because) = self.apart(&found) {
            // Whoever asks may have made them alike a moment ago.
            if let Some(reads) = self.read_missing(Some(self.now - READ_AGAIN_AFTER)) {
                return Some(Verge::Do(reads));
            }
            return Some(Verge::Happen(vec![Happened::AdvanceDropped { because }]));
        }
        let drift = shift.holds.get(&Cause::Drift);
        let mut happened: Vec<Happened> =
            drift.map(|hold| Happened::HoldEnded { hold: hold.clone() }).into_iter().collect();
        happened.push(if adopt {
            let share = shift.share_of(&found).unwrap_or(Share::ZERO);
            shift.intend(Purpose::Adopt, share, found)
        } else {
            let (share, weights) = self.levelled();
            shift.intend(Purpose::Reassert, share, weights)
        });
        Some(Verge::Happen(happened))
    }

    /// The weights that the newest listings show.
    pub(super) fn found(&self) -> GroupWeights {
        let groups = self.shift.groups.iter();
        groups
            .filter_map(|group| Some((group.clone(), weights_of(self.listing(&group.zone)?, group))))
            .collect()
    }

    /// Why these weights are no share that a shift can stand at: its groups go together, and a step that took them on from
    /// the largest share would take the others past steps that nobody has seen.
    pub(super) fn apart(&self, weights: &GroupWeights) -> Option<String> {
        let share = |members| share_of(members, &self.shift.plan.to).unwrap_or(Share::ZERO);
        let by_share = || weights.iter().map(|(group, members)| (share(members), group));
        let ((least, lagging), (most, leading)) = (by_share().min()?, by_share().max()?);
        (most.percent() - least.percent() > ALIKE).then(|| {
            format!(
                "the groups differ, and a shift has one share for all: the to side has {least} in {} {} and {most} in \
                 {} {}; `adopt` does nothing until they have the same weights",
                lagging.name, lagging.record_type, leading.name, leading.record_type
            )
        })
    }

    /// The shift's weights and their share. After a step that has landed in some zones only, all go back to where the
    /// others are: that is down, and needs nothing.
    fn levelled(&self) -> (Share, GroupWeights) {
        let mut weights = self.shift.set_weights();
        let share = |members: &BTreeMap<_, _>| share_of(members, &self.shift.plan.to);
        let least = weights.values().filter_map(|members| Some((share(members)?, members.clone()))).min();
        match least {
            Some((share, members)) if self.apart(&weights).is_some() => {
                weights.values_mut().for_each(|group| group.clone_from(&members));
                (share, weights)
            }
            Some(_) | None => (self.shift.landed, weights),
        }
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
        let next = self.shift.next_step().unwrap_or(0);
        let mut ahead = self.reopens(next);
        if self.shift.holds.contains_key(&Cause::Dependency) && self.shift.baseline.is_none() {
            // Before the first write nobody else reads the zone, and only a look tells that it was mended.
            match self.look_again() {
                Verge::Until(again, why) => ahead = ahead.into_iter().chain([(again, why)]).min(),
                reads @ (Verge::Do(_) | Verge::Happen(_) | Verge::Rest) => return reads,
            }
        }
        ahead.map_or(Verge::Rest, |(at, why)| Verge::Until(at, why))
    }

    fn drop_advance(&self) -> Verge {
        let sentences: Vec<&str> = self.shift.holds.values().map(|hold| hold.sentence.as_str()).collect();
        Verge::Happen(vec![Happened::AdvanceDropped { because: sentences.join("; ") }])
    }
}
