//! Zones and records, read and written past the API.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{World, WorldError};
use crate::record::{Record, RecordKey};
use crate::route53::{self, Action, Change, Surroundings, names};
use crate::zone::Zone;

impl World {
    /// Creates a public zone and returns its id.
    ///
    /// # Panics
    /// When `name` is not a domain name.
    pub fn create_zone(&self, name: &str) -> String {
        self.try_create_zone(name, false).unwrap_or_else(|error| panic!("create_zone: {error}"))
    }

    /// Creates a private zone and returns its id; it is answered by the same DNS server.
    ///
    /// # Panics
    /// When `name` is not a domain name.
    pub fn create_private_zone(&self, name: &str) -> String {
        self.try_create_zone(name, true).unwrap_or_else(|error| panic!("create_private_zone: {error}"))
    }

    /// Creates a zone and returns its id, or says why not.
    pub fn try_create_zone(&self, name: &str, private: bool) -> Result<String, WorldError> {
        let canonical = names::canonical(name).map_err(|_| WorldError::BadName(name.to_owned()))?;
        let mut state = self.lock();
        let id = state.fresh_id('Z');
        let mut zone = Zone::new(id.clone(), canonical, format!("playground-{id}"));
        zone.private = private;
        state.zones.insert(id.clone(), zone);
        drop(state);
        self.notify();
        Ok(id)
    }

    /// The zones: id and name.
    pub fn zones(&self) -> Vec<(String, String)> {
        self.lock().zones.values().map(|zone| (zone.id.clone(), zone.name.clone())).collect()
    }

    /// Creates or replaces a record set, INSYNC at once.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse the record; [`World::try_put_record`] tells instead.
    pub fn put_record(&self, zone_id: &str, record: Record) {
        if let Err(error) = self.try_put_record(zone_id, record) {
            panic!("put_record: {error}");
        }
    }

    /// Creates or replaces a record set, INSYNC at once, or says why not.
    pub fn try_put_record(&self, zone_id: &str, record: Record) -> Result<(), WorldError> {
        self.change_at_once(zone_id, Action::Upsert, record)
    }

    /// Writes a record set as somebody else would, past this client: valid, and INSYNC at once.
    ///
    /// # Panics
    /// When the zone does not exist or would refuse the record.
    pub fn foreign_write(&self, zone_id: &str, record: Record) {
        self.put_record(zone_id, record);
    }

    /// Changes one weight as somebody else would.
    pub fn foreign_weight(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
        weight: u8,
    ) -> Result<(), WorldError> {
        let record = self.find(zone_id, name, record_type, set_identifier)?;
        self.try_put_record(zone_id, Record { weight: Some(weight), ..record })
    }

    /// Deletes one record set as somebody else would.
    pub fn foreign_delete(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
    ) -> Result<(), WorldError> {
        let record = self.find(zone_id, name, record_type, set_identifier)?;
        self.change_at_once(zone_id, Action::Delete, record)
    }

    /// Every record set of the zone as ListResourceRecordSets shows it; empty for an unknown zone.
    pub fn records(&self, zone_id: &str) -> Vec<Record> {
        self.lock()
            .zones
            .get(zone_id)
            .map(|zone| zone.records.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Every record set of the zone as the name servers answer it: without what is PENDING.
    pub fn visible_records(&self, zone_id: &str) -> Vec<Record> {
        self.lock()
            .zones
            .get(zone_id)
            .map(|zone| zone.visible.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The weights of a group by set identifier, as the control plane has them.
    pub fn weights(&self, zone_id: &str, name: &str, record_type: &str) -> BTreeMap<String, u8> {
        weights_of(&self.records(zone_id), name, record_type)
    }

    /// The weights of a group by set identifier, as the name servers have them.
    pub fn visible_weights(&self, zone_id: &str, name: &str, record_type: &str) -> BTreeMap<String, u8> {
        weights_of(&self.visible_records(zone_id), name, record_type)
    }

    /// How long changes accepted from now on stay PENDING. `Duration::MAX` holds them until [`World::sync_now`].
    pub fn set_insync_delay(&self, delay: Duration) {
        self.lock().options.insync_delay = delay;
    }

    /// Makes every PENDING change INSYNC.
    pub fn sync_now(&self) {
        let mut state = self.lock();
        // In any order: the write that is newest for a record stays what the name servers show.
        let pending: Vec<String> =
            state.changes.values().filter(|change| !change.in_sync).map(|change| change.id.clone()).collect();
        for id in pending {
            state.settle(&id);
        }
        drop(state);
        self.notify();
    }

    /// Changes that are not yet INSYNC.
    pub fn pending_changes(&self) -> usize {
        self.lock().changes.values().filter(|change| !change.in_sync).count()
    }

    /// Makes the change INSYNC after the configured delay. Needs a tokio runtime.
    pub(crate) fn settle_later(&self, change_id: String) {
        let delay = self.lock().options.insync_delay;
        let world = self.clone();
        let settle = move |world: &World| {
            world.lock().settle(&change_id);
            world.notify();
        };
        if delay.is_zero() {
            settle(&world);
            return;
        }
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(delay) => settle(&world),
                () = world.stopped().cancelled() => {}
            }
        });
    }

    fn change_at_once(&self, zone_id: &str, action: Action, record: Record) -> Result<(), WorldError> {
        let mut state = self.lock();
        let sequence = state.next_sequence();
        let zone = state.zones.get_mut(zone_id).ok_or_else(|| WorldError::NoSuchZone(zone_id.to_owned()))?;
        let change = Change { action, record: record.canonical() };
        let surroundings = Surroundings { zone_id: &zone.id, zone_name: &zone.name };
        let effects =
            route53::evaluate(&zone.records, &surroundings, &[change]).map_err(WorldError::Refused)?;
        zone.write_through(sequence, &effects);
        drop(state);
        self.notify();
        Ok(())
    }

    fn find(
        &self,
        zone_id: &str,
        name: &str,
        record_type: &str,
        set_identifier: &str,
    ) -> Result<Record, WorldError> {
        let state = self.lock();
        let zone = state.zones.get(zone_id).ok_or_else(|| WorldError::NoSuchZone(zone_id.to_owned()))?;
        let canonical = names::canonical(name).unwrap_or_default();
        zone.records.get(&RecordKey::new(&canonical, record_type, set_identifier)).cloned().ok_or_else(|| {
            WorldError::NoSuchRecord {
                zone_id: zone_id.to_owned(),
                name: name.to_owned(),
                record_type: record_type.to_owned(),
                set_identifier: set_identifier.to_owned(),
            }
        })
    }
}

fn weights_of(records: &[Record], name: &str, record_type: &str) -> BTreeMap<String, u8> {
    let name = names::canonical(name).unwrap_or_default();
    records
        .iter()
        .filter(|record| record.name == name && record.record_type == record_type)
        .filter_map(|record| Some((record.set_identifier.clone()?, record.weight?)))
        .collect()
}
