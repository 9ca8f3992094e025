//! `Route53` passes the suite; and needs no more requests than it has to.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use crossfade_core::{RecordName, RecordSet, Routing, ZoneId};
use crossfade_playground::{Alias, Fault as Armed, FaultKind, Options, Playground, Record};
use crossfade_ports::{
    Account, Zones,
    conformance::zones::{Fault, ZonesWorld},
    fake::zones::{simple, weighted},
};

struct World {
    playground: Playground,
    account: Account,
}

impl World {
    async fn start() -> World {
        let (playground, account) =
            crate::start(Options { insync_delay: Duration::MAX, ..Options::default() }).await;
        World { playground, account }
    }

    /// How many requests the reading of these names takes.
    async fn requests(&self, zone: &ZoneId, names: &[&str]) -> u64 {
        let calls = || self.playground.world().calls().get("ListResourceRecordSets").copied().unwrap_or(0);
        let before = calls();
        let names: BTreeSet<RecordName> = names.iter().map(|name| RecordName::new(name)).collect();
        self.account.zones.read(zone, &names).await.unwrap();
        calls() - before
    }
}

#[async_trait]
impl ZonesWorld for World {
    fn zones(&self) -> &dyn Zones {
        self.account.zones.as_ref()
    }

    async fn create_zone(&self, name: &str, private: bool) -> ZoneId {
        let world = self.playground.world();
        ZoneId(if private { world.create_private_zone(name) } else { world.create_zone(name) })
    }

    async fn put(&self, zone: &ZoneId, set: RecordSet) {
        let world = self.playground.world();
        if let Some(id) = &set.health_check_id {
            world.set_health_check(id, true);
        }
        let (set_identifier, weight) = match set.routing {
            Routing::Simple => (None, None),
            Routing::Weighted { set_identifier, weight } => (Some(set_identifier), Some(weight.0)),
            Routing::Other(field) => panic!("{field} is not put this way"),
        };
        let record = Record {
            name: set.name.to_string(),
            record_type: set.record_type,
            ttl: set.ttl_seconds,
            values: set.values,
            alias: set.alias.map(|alias| Alias {
                zone_id: alias.hosted_zone_id,
                name: alias.dns_name,
                evaluate_target_health: alias.evaluate_target_health,
            }),
            set_identifier,
            weight,
            health_check_id: set.health_check_id,
            ..Record::default()
        };
        world.put_record(&zone.0, record);
    }

    async fn put_latency(&self, zone: &ZoneId, name: &str) {
        let record = Record {
            set_identifier: Some("paris".to_owned()),
            region: Some("eu-west-3".to_owned()),
            ..Record::simple(name, "A", 60, ["192.0.2.1"])
        };
        self.playground.world().put_record(&zone.0, record);
    }

    async fn settle(&self) {
        self.playground.world().sync_now();
    }

    async fn fault(&self, fault: Fault) {
        let kind = match fault {
            Fault::Throttled => FaultKind::Throttle,
            Fault::Busy => FaultKind::PriorRequestNotComplete,
            Fault::Denied => FaultKind::AccessDenied,
            Fault::InternalError => FaultKind::InternalError,
            Fault::LostBeforeApply => FaultKind::LostBeforeApply,
            Fault::LostAfterApply => FaultKind::LostAfterApply,
        };
        self.playground.world().arm(Armed::next(kind).on("ChangeResourceRecordSets"));
    }
}

crossfade_ports::zones_suite!(World::start());

#[tokio::test]
async fn a_name_and_its_fence_take_one_request() {
    let world = World::start().await;
    let zone = world.create_zone("example.com", false).await;
    world.put(&zone, weighted("www.example.com", "legacy", 1, "192.0.2.1")).await;
    let both = ["www.example.com", "_crossfade.www.example.com"];
    assert_eq!(world.requests(&zone, &both).await, 1, "at the end of the zone, without a fence");
    world.put(&zone, simple("zzz.example.com", "A", &["192.0.2.1"])).await;
    world.put(&zone, simple("_crossfade.www.example.com", "TXT", &["\"x\""])).await;
    assert_eq!(world.requests(&zone, &both).await, 1, "with a fence");
    for n in 0..400 {
        world.put(&zone, simple(&format!("x{n:03}.example.com"), "A", &["192.0.2.1"])).await;
    }
    assert_eq!(world.requests(&zone, &both).await, 1, "with hundreds behind");
    assert_eq!(world.requests(&zone, &[both[0], both[1], "x398.example.com"]).await, 2);
    // Listed before `www`, so that its page has the others too.
    assert_eq!(world.requests(&zone, &[both[0], both[1], "x100.example.com", "x100.a.example.com"]).await, 1);
}

#[tokio::test]
async fn reads_are_repeated_and_writes_are_not() {
    let world = World::start().await;
    let zone = world.create_zone("example.com", false).await;
    world.playground.world().arm(Armed::next(FaultKind::LostBeforeApply).on("ListResourceRecordSets"));
    assert_eq!(world.requests(&zone, &["www.example.com"]).await, 2);
    world.fault(Fault::LostBeforeApply).await;
    let batch = crossfade_core::batch::Batch {
        zone,
        comment: "once".to_owned(),
        changes: vec![crossfade_core::batch::Change {
            action: crossfade_core::batch::Action::Create,
            set: simple("www.example.com", "A", &["192.0.2.1"]),
        }],
    };
    assert!(world.account.zones.submit(&batch).await.is_err());
    assert_eq!(world.playground.world().calls().get("ChangeResourceRecordSets"), Some(&1));
}
