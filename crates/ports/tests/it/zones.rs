//! `MemoryZones` passes the suite; and its own switches.

use std::collections::BTreeSet;

use async_trait::async_trait;
use crossfade_core::{
    GroupKey, RecordName, RecordSet, RecordType, Routing, Weight, ZoneId,
    batch::{Action, Batch, Change},
};
use crossfade_ports::{
    SubmitError, Zones, ZonesError,
    conformance::zones::{Fault, ZonesWorld},
    fake::zones::{MemoryZones, Outcome, SubmitFault, simple, weighted},
};

struct World(MemoryZones);

impl World {
    async fn new() -> World {
        let zones = MemoryZones::new();
        zones.hold_changes(true);
        World(zones)
    }
}

#[async_trait]
impl ZonesWorld for World {
    fn zones(&self) -> &dyn Zones {
        &self.0
    }

    async fn create_zone(&self, name: &str, private: bool) -> ZoneId {
        if private { self.0.create_private_zone(name) } else { self.0.create_zone(name) }
    }

    async fn put(&self, zone: &ZoneId, set: RecordSet) {
        self.0.foreign_write(zone, set);
    }

    async fn put_latency(&self, zone: &ZoneId, name: &str) {
        let set =
            RecordSet { routing: Routing::Other("Region".to_owned()), ..simple(name, "A", &["192.0.2.1"]) };
        self.0.foreign_write(zone, set);
    }

    async fn settle(&self) {
        self.0.settle();
    }

    async fn fault(&self, fault: Fault) {
        let why = "by the suite".to_owned();
        self.0.fail_submit(match fault {
            Fault::Throttled => SubmitFault::Answer(SubmitError::Throttled(why)),
            Fault::Busy => SubmitFault::Answer(SubmitError::Busy(why)),
            Fault::Denied => SubmitFault::Answer(SubmitError::Denied(why)),
            Fault::InternalError | Fault::LostBeforeApply => {
                SubmitFault::Answer(SubmitError::Unanswered(why))
            }
            Fault::LostAfterApply => SubmitFault::AppliedUnanswered,
        });
    }
}

crossfade_ports::zones_suite!(World::new());

#[tokio::test]
async fn a_late_batch_arrives_on_demand_and_is_judged_then() {
    let zones = MemoryZones::new();
    let zone = zones.create_zone("example.com");
    zones.create_group(&zone, "www.example.com", &[("legacy", 90), ("cloud", 10)]);
    let group =
        GroupKey { zone: zone.clone(), name: RecordName::new("www.example.com"), record_type: RecordType::A };
    let to = |weight| {
        let before = weighted("www.example.com", "cloud", 10, "192.0.2.2");
        let after = before.with_weight(Weight(weight)).unwrap();
        let changes = vec![
            Change { action: Action::Delete, set: before },
            Change { action: Action::Create, set: after },
        ];
        Batch { zone: zone.clone(), comment: String::new(), changes }
    };
    zones.fail_submit(SubmitFault::Late);
    zones.fail_submit(SubmitFault::Late);
    for weight in [20, 30] {
        assert!(matches!(zones.submit(&to(weight)).await, Err(SubmitError::Unanswered(_))));
    }
    assert_eq!(zones.weights(&group).get("cloud"), Some(&Weight(10)));
    let landed = zones.land();
    assert!(
        matches!(landed[..], [Outcome::Applied { answered: false, .. }, Outcome::Refused(_)]),
        "{landed:?}"
    );
    assert_eq!(zones.weights(&group).get("cloud"), Some(&Weight(20)));
    zones.foreign_weight(&group, "cloud", 10);
    assert!(zones.submit(&to(40)).await.is_ok());
    assert_eq!(zones.journal().len(), 3);
    assert!(zones.land().is_empty());
}

#[tokio::test]
async fn reads_and_changes_fail_until_told_otherwise() {
    let zones = MemoryZones::new();
    let zone = zones.create_zone("example.com");
    let down = ZonesError::Unavailable("down".to_owned());
    zones.fail_reads(Some(down.clone()));
    assert_eq!(zones.find("example.com").await, Err(down.clone()));
    assert_eq!(zones.read(&zone, &BTreeSet::new()).await, Err(down));
    zones.fail_reads(None);
    assert_eq!(zones.find("example.com").await.unwrap().len(), 1);
    let set = simple("www.example.com", "A", &["192.0.2.1"]);
    let batch = Batch { zone, comment: String::new(), changes: vec![Change { action: Action::Create, set }] };
    let change = zones.submit(&batch).await.unwrap();
    assert!(zones.change(&change).await.is_ok());
    zones.forget_changes();
    assert_eq!(zones.change(&change).await, Err(ZonesError::NoSuchChange(change.0)));
}
