//! Route 53 in memory: as strict as the real one, and as unreliable as a test wants it.

mod evaluate;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use crossfade_core::{
    GroupKey, RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::{self, Action, Batch, Change},
    event::ChangeId,
};

use self::evaluate::Sets;
use crate::zones::{ChangeStatus, SubmitError, Zone, Zones, ZonesError};

/// Clones share the same zones.
#[derive(Clone, Debug, Default)]
pub struct MemoryZones(Arc<Mutex<State>>);

/// What becomes of a submitted batch, instead of the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitFault {
    /// Answered with this error, and not applied.
    Answer(SubmitError),
    /// Applied, if it is valid; but the answer is lost.
    AppliedUnanswered,
    /// The answer is lost, and the batch arrives with [`MemoryZones::land`].
    Late,
}

/// A batch that was submitted, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub batch: Batch,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied {
        change: ChangeId,
        /// Whether the caller was told.
        answered: bool,
    },
    /// With the words of the zone.
    Refused(String),
    /// A fault answered in its place.
    Faulted(SubmitError),
    /// On its way, until [`MemoryZones::land`].
    Late,
}

#[derive(Debug, Default)]
struct State {
    zones: BTreeMap<ZoneId, Held>,
    changes: BTreeMap<ChangeId, ChangeStatus>,
    /// Changes stay PENDING until they are settled.
    holding: bool,
    submit_faults: VecDeque<SubmitFault>,
    read_fault: Option<ZonesError>,
    change_fault: Option<ZonesError>,
    journal: Vec<Entry>,
    reads: u64,
    accepted: u64,
}

#[derive(Debug)]
struct Held {
    zone: Zone,
    sets: Sets,
}

impl MemoryZones {
    pub fn new() -> MemoryZones {
        MemoryZones::default()
    }

    /// An empty public zone but for its own NS and SOA records.
    pub fn create_zone(&self, name: &str) -> ZoneId {
        self.add_zone(name, false)
    }

    pub fn create_private_zone(&self, name: &str) -> ZoneId {
        self.add_zone(name, true)
    }

    /// Adds a weighted group of `A` records, with an address and a TTL of a minute for each member.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse it.
    pub fn create_group(&self, zone: &ZoneId, name: &str, weights: &[(&str, u8)]) {
        for (position, (set_identifier, weight)) in weights.iter().enumerate() {
            self.foreign_write(
                zone,
                weighted(name, set_identifier, *weight, &format!("192.0.2.{}", position + 1)),
            );
        }
    }

    /// Creates or replaces a record set, as somebody else would, in sync at once.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse it.
    pub fn foreign_write(&self, zone: &ZoneId, set: RecordSet) {
        self.foreign(zone, Change { action: Action::Upsert, set });
    }

    /// Changes one weight as somebody else would.
    ///
    /// # Panics
    /// When there is no such record set.
    pub fn foreign_weight(&self, group: &GroupKey, set_identifier: &str, weight: u8) {
        let sets = self.sets(&group.zone);
        let set = batch::members(&sets, group).find(|set| set.set_identifier() == Some(set_identifier));
        match set.and_then(|set| set.with_weight(Weight(weight))) {
            Some(set) => self.foreign_write(&group.zone, set),
            None => panic!("{group} has no member {set_identifier}"),
        }
    }

    /// Deletes a record set as somebody else would.
    ///
    /// # Panics
    /// When it is not there exactly as given.
    pub fn foreign_delete(&self, zone: &ZoneId, set: RecordSet) {
        self.foreign(zone, Change { action: Action::Delete, set });
    }

    /// Every record set of the zone; none for an unknown one.
    pub fn sets(&self, zone: &ZoneId) -> Vec<RecordSet> {
        self.lock().zones.get(zone).map(|held| held.sets.clone()).unwrap_or_default()
    }

    /// The weights of a group by set identifier.
    pub fn weights(&self, group: &GroupKey) -> BTreeMap<String, Weight> {
        batch::weights_of(&self.sets(&group.zone), group)
    }

    /// From now on changes stay PENDING until [`MemoryZones::settle`], or (`false`) are in sync at once.
    pub fn hold_changes(&self, hold: bool) {
        self.lock().holding = hold;
    }

    /// Makes every PENDING change in sync.
    pub fn settle(&self) {
        self.lock().changes.values_mut().for_each(|status| *status = ChangeStatus::InSync);
    }

    /// The next batch that has no fault yet meets this one.
    pub fn fail_submit(&self, fault: SubmitFault) {
        self.lock().submit_faults.push_back(fault);
    }

    /// Until `None`, every `find` and `read` fails with this.
    pub fn fail_reads(&self, fault: Option<ZonesError>) {
        self.lock().read_fault = fault;
    }

    /// Until `None`, every `change` fails with this.
    pub fn fail_changes(&self, fault: Option<ZonesError>) {
        self.lock().change_fault = fault;
    }

    /// Forgets every change, as a control plane does that was moved to another region.
    pub fn forget_changes(&self) {
        self.lock().changes.clear();
    }

    /// Lets the late batches arrive, oldest first, and tells what became of them.
    pub fn land(&self) -> Vec<Outcome> {
        let mut state = self.lock();
        let late: Vec<usize> =
            (0..state.journal.len()).filter(|at| state.journal[*at].outcome == Outcome::Late).collect();
        let mut landed = Vec::new();
        for at in late {
            let batch = state.journal[at].batch.clone();
            let outcome = match state.apply(&batch) {
                Ok(change) => Outcome::Applied { change, answered: false },
                Err(error) => Outcome::Refused(error.to_string()),
            };
            state.journal[at].outcome = outcome.clone();
            landed.push(outcome);
        }
        landed
    }

    /// Every batch submitted so far, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.lock().journal.clone()
    }

    /// How often `read` was called.
    pub fn reads(&self) -> u64 {
        self.lock().reads
    }

    fn add_zone(&self, name: &str, private: bool) -> ZoneId {
        let mut state = self.lock();
        let id = ZoneId(format!("ZMEMORY{}", state.zones.len() + 1));
        let name = RecordName::new(name);
        let zone = Zone { id: id.clone(), name: name.clone(), private };
        state.zones.insert(id.clone(), Held { zone, sets: evaluate::apex(&name) });
        id
    }

    fn foreign(&self, zone: &ZoneId, change: Change) {
        let mut state = self.lock();
        let Some(held) = state.zones.get_mut(zone) else { panic!("there is no zone {zone}") };
        match evaluate::evaluate(&held.zone, &held.sets, &[change]) {
            Ok(sets) => held.sets = sets,
            Err(why) => panic!("zone {zone} refuses: {why}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A member of a weighted group of `A` records.
pub fn weighted(name: &str, set_identifier: &str, weight: u8, address: &str) -> RecordSet {
    RecordSet {
        routing: Routing::Weighted { set_identifier: set_identifier.to_owned(), weight: Weight(weight) },
        ..simple(name, "A", &[address])
    }
}

/// A record set that is alone at its name and type, with a TTL of a minute.
pub fn simple(name: &str, record_type: &str, values: &[&str]) -> RecordSet {
    RecordSet {
        name: RecordName::new(name),
        record_type: record_type.to_owned(),
        routing: Routing::Simple,
        ttl_seconds: Some(60),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}

impl State {
    fn apply(&mut self, batch: &Batch) -> Result<ChangeId, SubmitError> {
        let held =
            self.zones.get_mut(&batch.zone).ok_or_else(|| SubmitError::NoSuchZone(batch.zone.0.clone()))?;
        held.sets =
            evaluate::evaluate(&held.zone, &held.sets, &batch.changes).map_err(SubmitError::Refused)?;
        self.accepted += 1;
        let id = ChangeId(format!("CMEMORY{}", self.accepted));
        let status = if self.holding { ChangeStatus::Pending } else { ChangeStatus::InSync };
        self.changes.insert(id.clone(), status);
        Ok(id)
    }

    fn submit(&mut self, batch: &Batch) -> (Outcome, Result<ChangeId, SubmitError>) {
        let lost = || Err(SubmitError::Unanswered("the connection was lost".to_owned()));
        let fault = self.submit_faults.pop_front();
        match fault {
            Some(SubmitFault::Answer(error)) => return (Outcome::Faulted(error.clone()), Err(error)),
            Some(SubmitFault::Late) => return (Outcome::Late, lost()),
            Some(SubmitFault::AppliedUnanswered) | None => {}
        }
        let answered = fault.is_none();
        match self.apply(batch) {
            Ok(change) => {
                let answer = if answered { Ok(change.clone()) } else { lost() };
                (Outcome::Applied { change, answered }, answer)
            }
            Err(error) => (Outcome::Refused(error.to_string()), if answered { Err(error) } else { lost() }),
        }
    }

    fn readable(&self) -> Result<(), ZonesError> {
        self.read_fault.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Zones for MemoryZones {
    async fn find(&self, id_or_name: &str) -> Result<Vec<Zone>, ZonesError> {
        let state = self.lock();
        state.readable()?;
        let (id, name) = (ZoneId::new(id_or_name), RecordName::new(id_or_name));
        let wanted = |zone: &&Zone| zone.id == id || zone.name == name;
        Ok(state.zones.values().map(|held| &held.zone).filter(wanted).cloned().collect())
    }

    async fn read(&self, zone: &ZoneId, names: &BTreeSet<RecordName>) -> Result<Vec<RecordSet>, ZonesError> {
        let mut state = self.lock();
        state.reads += 1;
        state.readable()?;
        let held = state.zones.get(zone).ok_or_else(|| ZonesError::NoSuchZone(zone.0.clone()))?;
        Ok(held.sets.iter().filter(|set| names.contains(&set.name)).cloned().collect())
    }

    async fn submit(&self, batch: &Batch) -> Result<ChangeId, SubmitError> {
        let mut state = self.lock();
        let (outcome, answer) = state.submit(batch);
        state.journal.push(Entry { batch: batch.clone(), outcome });
        answer
    }

    async fn change(&self, id: &ChangeId) -> Result<ChangeStatus, ZonesError> {
        let state = self.lock();
        state.change_fault.clone().map_or(Ok(()), Err)?;
        state.changes.get(id).copied().ok_or_else(|| ZonesError::NoSuchChange(id.0.clone()))
    }
}
