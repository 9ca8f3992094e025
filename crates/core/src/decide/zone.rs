//! What a listing says: whose fence stands there, and whether anything is not as the shift left it.

use std::collections::BTreeMap;

use crate::{
    RecordName, RecordSet, ZoneId,
    batch::{GroupWeights, weights_of},
    event::{Happened, Hash},
    fence::{self, Fence},
    shift::{Cause, Known, Purpose, Write},
};

use super::Look;

/// Whose write a zone shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    None,
    Ours {
        generation: u64,
    },
    Foreign {
        whose: String,
    },
    /// Its names show different generations, so somebody has changed a fence.
    Mixed,
}

/// What a comparison of the newest listings with the history came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    /// Everything that is not as the shift left it, in all zones that were read.
    pub(super) drift: Vec<String>,
    /// The newest write of a revert that the history does not know.
    reverted: Option<u64>,
    /// Why records that nobody has touched cannot be moved.
    pub(super) unfit: Option<(Cause, &'static str, String)>,
}

/// A comparison that was made, and of what. The head stands for the whole history, and so for the state.
#[derive(Debug)]
pub(super) struct Memory {
    head: Hash,
    owner: String,
    listings: BTreeMap<ZoneId, Vec<RecordSet>>,
    compared: Compared,
}

impl Look<'_> {
    /// Compares what was read with what was left, unless both are as they were the last time.
    pub(super) fn compare(&mut self, memory: &mut Option<Memory>) {
        let known = memory.as_ref().filter(|known| {
            let read = |zone: &ZoneId| self.listing(zone) == known.listings.get(zone).map(Vec::as_slice);
            known.head == self.shift.head
                && known.owner == self.rules.owner
                && self.shift.zone_ids().all(read)
        });
        if let Some(known) = known {
            self.compared = known.compared.clone();
            return;
        }
        let unfit = if self.shift.baseline.is_none() { self.unfit() } else { None };
        self.compared = Compared { drift: self.drift(), reverted: self.unknown_revert(), unfit };
        let listed = |zone: ZoneId| {
            let sets = self.listing(&zone)?.to_vec();
            Some((zone, sets))
        };
        *memory = Some(Memory {
            head: self.shift.head.clone(),
            owner: self.rules.owner.clone(),
            listings: self.shift.zones().into_iter().filter_map(listed).collect(),
            compared: self.compared.clone(),
        });
    }

    /// The newest listing of a zone, if the newest read gave one.
    pub(super) fn listing(&self, zone: &ZoneId) -> Option<&[RecordSet]> {
        self.seen.zones.get(zone)?.listed.as_deref().ok()
    }

    pub(super) fn all_read(&self) -> bool {
        self.shift.zone_ids().all(|zone| self.listing(zone).is_some())
    }

    pub(super) fn stamp(&self, zone: &ZoneId, listed: &[RecordSet]) -> Stamp {
        let mut stamps = self.shift.names(zone).into_iter().map(|name| match fence::find(listed, &name) {
            None => Stamp::None,
            Some(set) => match Fence::decode(set) {
                Some(fence) if self.is_ours(&fence) => Stamp::Ours { generation: fence.generation },
                Some(fence) => {
                    Stamp::Foreign { whose: format!("shift {} of installation {}", fence.shift, fence.owner) }
                }
                None => Stamp::Foreign { whose: format!("a TXT record at {} that is no fence", set.name) },
            },
        });
        let first = stamps.next().unwrap_or(Stamp::None);
        if stamps.all(|stamp| stamp == first) { first } else { Stamp::Mixed }
    }

    pub(super) fn is_ours(&self, fence: &Fence) -> bool {
        fence.owner == self.rules.owner && fence.shift == self.shift.name
    }

    /// The highest number of a write that a fence of this shift shows; 0 when none does.
    pub(super) fn newest_write(&self, zone: &ZoneId, listed: &[RecordSet]) -> u64 {
        let names = self.shift.names(zone);
        let fences = names.iter().filter_map(|name| Fence::decode(fence::find(listed, name)?));
        fences.filter(|fence| self.is_ours(fence)).map(|fence| fence.generation).max().unwrap_or(0)
    }

    /// How a zone differs from how the shift left it; empty when it does not.
    pub(super) fn differences(&self, zone: &ZoneId, listed: &[RecordSet], known: &Known) -> Vec<String> {
        let mut differences = Vec::new();
        let expected = known.generation.map_or(Stamp::None, |generation| Stamp::Ours { generation });
        let stamp = self.stamp(zone, listed);
        if stamp != expected {
            differences.push(match stamp {
                Stamp::None => "the fence is gone".to_owned(),
                Stamp::Ours { generation } => {
                    format!("the fence shows write {generation}, which is not the last one")
                }
                Stamp::Foreign { whose } => format!("the fence belongs to {whose}"),
                Stamp::Mixed => "the fences of its names differ".to_owned(),
            });
        }
        for group in self.shift.groups.iter().filter(|group| group.zone == *zone) {
            let name = format!("{} {}", group.name, group.record_type);
            let now: Vec<&RecordSet> = crate::batch::members(listed, group).collect();
            let left: Vec<&RecordSet> = crate::batch::members(&known.sets, group).collect();
            for before in &left {
                let id = before.set_identifier().unwrap_or("?");
                match now.iter().find(|set| set.set_identifier() == before.set_identifier()) {
                    None => differences.push(format!("{name}: {id} is gone")),
                    Some(set) if set == before => {}
                    Some(set) => differences.push(match (before.weight(), set.weight()) {
                        (Some(left), Some(found)) if left != found => {
                            format!("{name}: {id} has weight {found} instead of {left}")
                        }
                        _ => format!("{name}: {id} was changed"),
                    }),
                }
            }
            let added =
                now.iter().filter(|set| !left.iter().any(|l| l.set_identifier() == set.set_identifier()));
            differences.extend(
                added.map(|set| {
                    format!("{name}: {} was added", set.set_identifier().unwrap_or("a record set"))
                }),
            );
        }
        differences
    }

    fn drift(&self) -> Vec<String> {
        let zones = self.shift.known.iter();
        zones
            .filter_map(|(zone, known)| Some(self.differences(zone, self.listing(zone)?, known)))
            .flatten()
            .collect()
    }

    /// Whether every zone that was read gives the members of the baseline their baseline weights.
    pub(super) fn shows_baseline(&self) -> bool {
        self.shows(&self.shift.baseline_weights())
    }

    /// Whether some name has no fence, or that of a write before the newest one: Route 53 has lost that one. Whatever was
    /// made on what stands there, and is late, would still land. Zones with somebody else's are left to a person.
    pub(super) fn lacks_its_fence(&self) -> bool {
        self.shift.zone_ids().any(|zone| {
            let Some(listed) = self.listing(zone) else { return false };
            let stands = |name: &RecordName| match fence::find(listed, name) {
                None => Some(false),
                Some(set) => {
                    let ours = Fence::decode(set).filter(|fence| self.is_ours(fence))?;
                    Some(ours.generation >= self.shift.generation)
                }
            };
            let fences: Option<Vec<bool>> = self.shift.names(zone).iter().map(stands).collect();
            fences.is_some_and(|stands| stands.contains(&false))
        })
    }

    /// Whether the listings have these weights; members that are not named may have any.
    pub(super) fn shows(&self, weights: &GroupWeights) -> bool {
        !weights.is_empty()
            && weights.iter().all(|(group, wanted)| {
                let Some(listed) = self.listing(&group.zone) else { return false };
                let found = weights_of(listed, group);
                wanted.iter().all(|(id, weight)| found.get(id) == Some(weight))
            })
    }

    pub(super) fn zone_shows(&self, zone: &ZoneId, weights: &GroupWeights) -> bool {
        let here: GroupWeights = weights
            .iter()
            .filter(|(group, _)| group.zone == *zone)
            .map(|(g, w)| (g.clone(), w.clone()))
            .collect();
        self.shows(&here)
    }

    /// The baseline's weights under a fence of ours that the history does not know: somebody reverted without the
    /// daemon, or the daemon did without its database.
    pub(super) fn found_reverted(&self) -> Option<Vec<Happened>> {
        let generation = self.compared.reverted?;
        Some(vec![Happened::FoundReverted { generation, sets: self.own_listings() }])
    }

    fn unknown_revert(&self) -> Option<u64> {
        if !self.shift.may_have_written() || !self.all_read() || !self.shows_baseline() {
            return None;
        }
        // A write without weights leaves them as they are.
        if self.shift.is_given_up() {
            return None;
        }
        let mut newest = 0;
        for zone in self.shift.zones() {
            match self.stamp(&zone, self.listing(&zone)?) {
                Stamp::Ours { generation } => newest = newest.max(generation),
                Stamp::None | Stamp::Foreign { .. } | Stamp::Mixed => return None,
            }
        }
        let unknown = match &self.shift.write {
            // Its own write would show its own weights.
            Some(write) => newest >= write.generation && !self.shows(&write.weights),
            None => newest > self.shift.generation,
        };
        unknown.then_some(newest)
    }

    /// The members of the shift's groups as the newest listings show them.
    pub(super) fn own_listings(&self) -> BTreeMap<ZoneId, Vec<RecordSet>> {
        let zones = self.shift.zones().into_iter();
        zones
            .filter_map(|zone| {
                let sets = self.shift.own_sets(&zone, self.listing(&zone)?);
                Some((zone, sets))
            })
            .collect()
    }

    /// Whether a write may only land on a zone that is exactly as the shift left it.
    pub(super) fn is_strict(&self, write: &Write) -> bool {
        match write.purpose {
            Purpose::Step { .. } => true,
            Purpose::Stay => !self.shift.is_given_up(),
            Purpose::StepBack { .. }
            | Purpose::Revert
            | Purpose::Adopt
            | Purpose::Reassert
            | Purpose::Release => false,
        }
    }
}
