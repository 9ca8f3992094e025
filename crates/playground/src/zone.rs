//! A hosted zone: what the control plane lists, what the name servers answer, and the changes in between.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Record, RecordKey};

pub(crate) type Records = BTreeMap<RecordKey, Record>;

/// What a change does to one key: the record it leaves there, or nothing.
pub(crate) type Effect = (RecordKey, Option<Record>);

/// The four name servers every zone is given.
pub(crate) const NAME_SERVERS: [&str; 4] = [
    "ns-1.playground.example.",
    "ns-2.playground.example.",
    "ns-3.playground.example.",
    "ns-4.playground.example.",
];

#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) caller_reference: String,
    pub(crate) comment: Option<String>,
    pub(crate) private: bool,
    /// The control plane: every accepted change at once.
    pub(crate) records: Records,
    /// The name servers: only what is INSYNC.
    pub(crate) visible: Records,
    /// The sequence of the write that each visible key shows, so that a late propagation cannot undo a newer one.
    visible_sequence: HashMap<RecordKey, u64>,
}

impl Zone {
    pub(crate) fn new(id: String, name: String, caller_reference: String) -> Self {
        let name_servers = Record::simple(&name, "NS", 172_800, NAME_SERVERS);
        let authority = Record::simple(
            &name,
            "SOA",
            900,
            [format!("{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", NAME_SERVERS[0])],
        );
        let records: Records =
            [name_servers, authority].into_iter().map(|record| (record.key(), record)).collect();
        Self {
            id,
            name,
            caller_reference,
            comment: None,
            private: false,
            visible: records.clone(),
            records,
            visible_sequence: HashMap::new(),
        }
    }

    /// Writes to the control plane and to the name servers in one go.
    pub(crate) fn write_through(&mut self, sequence: u64, effects: &[Effect]) {
        for (key, record) in effects {
            set(&mut self.records, key, record.as_ref());
        }
        self.propagate(sequence, effects);
    }

    /// A change has reached the name servers.
    pub(crate) fn propagate(&mut self, sequence: u64, effects: &[Effect]) {
        for (key, record) in effects {
            let shown = self.visible_sequence.entry(key.clone()).or_default();
            if *shown <= sequence {
                *shown = sequence;
                set(&mut self.visible, key, record.as_ref());
            }
        }
    }

    /// Whether nothing is left but the apex's own NS and SOA.
    pub(crate) fn is_empty(&self) -> bool {
        self.records
            .values()
            .all(|record| record.name == self.name && matches!(record.record_type.as_str(), "NS" | "SOA"))
    }
}

fn set(records: &mut Records, key: &RecordKey, record: Option<&Record>) {
    match record {
        Some(record) => records.insert(key.clone(), record.clone()),
        None => records.remove(key),
    };
}
