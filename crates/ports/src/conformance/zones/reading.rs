//! Finding zones and reading record sets.

use crossfade_core::{AliasTarget, RecordName, RecordSet, Routing, Weight, ZoneId};

use super::{WWW, ZONE, ZonesWorld, fence, listed, names, sorted, split};
use crate::{
    fake::zones::{simple, weighted},
    zones::{Zone, ZonesError},
};

pub async fn zones_are_found_by_id(world: &impl ZonesWorld) {
    let id = world.create_zone(ZONE, false).await;
    let zone = Zone { id: id.clone(), name: RecordName::new(ZONE), private: false };
    assert_eq!(world.zones().find(&id.0).await, Ok(vec![zone.clone()]));
    assert_eq!(world.zones().find(&format!("/hostedzone/{id}")).await, Ok(vec![zone]));
}

pub async fn public_and_private_zones_are_found_by_name(world: &impl ZonesWorld) {
    let mut zones = Vec::new();
    for private in [false, true, true] {
        let id = world.create_zone(ZONE, private).await;
        zones.push(Zone { id, name: RecordName::new(ZONE), private });
    }
    world.create_zone("example.co", false).await;
    world.create_zone("example.com.net", false).await;
    world.create_zone("sub.example.com", false).await;
    zones.sort_by(|a, b| a.id.cmp(&b.id));
    for spelling in ["example.com", "example.com.", "Example.COM"] {
        let found = world.zones().find(spelling).await;
        let found = found.map(|mut found| {
            found.sort_by(|a, b| a.id.cmp(&b.id));
            found
        });
        assert_eq!(found, Ok(zones.clone()), "{spelling}");
    }
}

pub async fn what_is_no_zone_is_not_found(world: &impl ZonesWorld) {
    world.create_zone(ZONE, false).await;
    for unknown in ["Z0000000000000000000", "www.example.com", "com", "example.org", "zzz.example"] {
        assert_eq!(world.zones().find(unknown).await, Ok(Vec::new()), "{unknown}");
    }
}

pub async fn every_type_at_the_names_is_read_and_nothing_else(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let mut wanted = vec![
        weighted(WWW, "legacy", 90, "192.0.2.1"),
        weighted(WWW, "cloud", 0, "192.0.2.2"),
        simple(WWW, "AAAA", &["2001:db8::1"]),
        simple(WWW, "TXT", &["\"two\" \"strings\"", "\"v=spf1 -all\""]),
        simple("api.example.com", "CNAME", &["elsewhere.example.net"]),
        alias("shop.example.com", "legacy", 255),
        alias("shop.example.com", "cloud", 1),
    ];
    if let Some(set) = wanted.first_mut() {
        set.health_check_id = Some("0a0a0a0a-1111-2222-3333-444444444444".to_owned());
    }
    for set in &wanted {
        world.put(&zone, set.clone()).await;
    }
    for other in
        ["ww.example.com", "www2.example.com", "a.www.example.com", "aaa.example.com", "zzz.example.com"]
    {
        world.put(&zone, simple(other, "A", &["192.0.2.99"])).await;
    }
    let read = listed(world, &zone, &[WWW, "api.example.com", "shop.example.com", "none.example.com"]).await;
    assert_eq!(sorted(read), sorted(wanted));
    assert_eq!(world.zones().read(&zone, &names(&[])).await, Ok(Vec::new()));
}

pub async fn a_fence_is_read_beside_its_name(world: &impl ZonesWorld) {
    let zone = split(world).await;
    assert_eq!(listed(world, &zone, &[WWW]).await.len(), 2, "there is no fence yet");
    let expected = fence(7).record_set(&RecordName::new(WWW));
    world.put(&zone, expected.clone()).await;
    world.put(&zone, simple("0.www.example.com", "A", &["192.0.2.9"])).await;
    let read = listed(world, &zone, &[WWW]).await;
    assert_eq!(read.len(), 3);
    assert!(read.contains(&expected), "{read:?}");
}

pub async fn a_zone_of_hundreds_of_names_is_read_at_any_of_them(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    // More than one page lies before the names, between them, between a name and its fence, and behind them.
    let crowd = |prefix: &'static str| (0..310).map(move |n| format!("{prefix}{n:03}.example.com"));
    let under = (0..310).map(|n| format!("0{n:03}.www.example.com"));
    for name in crowd("a").chain(crowd("n")).chain(crowd("x")).chain(under) {
        world.put(&zone, simple(&name, "A", &["192.0.2.3"])).await;
    }
    let wanted = [
        simple("b.example.com", "A", &["192.0.2.4"]),
        weighted(WWW, "legacy", 1, "192.0.2.1"),
        fence(1).record_set(&RecordName::new(WWW)),
        simple("zz.example.com", "A", &["192.0.2.5"]),
    ];
    for set in &wanted {
        world.put(&zone, set.clone()).await;
    }
    let read = listed(world, &zone, &[WWW, "zz.example.com", "b.example.com", "m.example.com"]).await;
    assert_eq!(sorted(read), sorted(wanted.to_vec()));
    let last = listed(world, &zone, &["zzz.example.com"]).await;
    assert_eq!(last, Vec::new());
}

pub async fn hundreds_of_record_sets_at_one_name_are_read_whole(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let groups =
        [("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("MX", "10 mail.example.com"), ("TXT", "\"text\"")];
    let mut all = Vec::new();
    for (record_type, value) in groups {
        for n in 0..100_u8 {
            let routing = Routing::Weighted { set_identifier: format!("member-{n:03}"), weight: Weight(n) };
            all.push(RecordSet { routing, ..simple(WWW, record_type, &[value]) });
        }
    }
    for set in &all {
        world.put(&zone, set.clone()).await;
    }
    world.put(&zone, fence(1).record_set(&RecordName::new(WWW))).await;
    all.push(fence(1).record_set(&RecordName::new(WWW)));
    assert_eq!(sorted(listed(world, &zone, &[WWW]).await), sorted(all));
}

pub async fn wildcards_and_escaped_names_have_one_spelling(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let spellings = [
        ("*.example.com", "\\052.example.com"),
        ("*.a.example.com", "*.A.example.com."),
        ("a/b.example.com", "a\\057b.example.com"),
        ("_sip._tcp.example.com", "_SIP._tcp.example.com"),
    ];
    for (one, _) in spellings {
        world.put(&zone, simple(one, "A", &["192.0.2.1"])).await;
        world.put(&zone, fence(1).record_set(&RecordName::new(one))).await;
    }
    for (one, other) in spellings {
        let expected = vec![simple(one, "A", &["192.0.2.1"]), fence(1).record_set(&RecordName::new(one))];
        assert_eq!(sorted(listed(world, &zone, &[other]).await), sorted(expected), "{other}");
    }
    let all: Vec<&str> = spellings.iter().map(|(_, other)| *other).collect();
    assert_eq!(listed(world, &zone, &all).await.len(), 2 * spellings.len());
}

/// The order of a listing is by labels in reverse, and characters below the dot upset it.
pub async fn neighbours_in_the_listing_are_told_apart(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let all = [
        "*.example.com",
        "a-b.example.com",
        "a.example.com",
        "-.a.example.com",
        "x.a.example.com",
        "_x.a.example.com",
        "a0.example.com",
        "ab.example.com",
        "*.ab.example.com",
        "www.example.com",
        "example.com",
    ];
    for name in all {
        world.put(&zone, simple(name, "TXT", &[&format!("\"{name}\"")])).await;
    }
    for (n, one) in all.iter().enumerate() {
        for other in all.iter().skip(n) {
            let wanted = names(&[one, other]);
            let read = world.zones().read(&zone, &wanted).await.unwrap_or_default();
            let read =
                read.iter().filter(|set| set.record_type == "TXT").map(|set| set.name.clone()).collect();
            assert_eq!(wanted, read);
        }
    }
    let read = world.zones().read(&zone, &names(&all)).await.unwrap_or_default();
    assert_eq!(read.iter().filter(|set| set.record_type == "TXT").count(), all.len());
}

pub async fn other_routing_policies_are_not_taken_for_simple(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    world.put_latency(&zone, WWW).await;
    let read = listed(world, &zone, &[WWW]).await;
    let routings: Vec<&Routing> = read.iter().map(|set| &set.routing).collect();
    assert_eq!(routings, [&Routing::Other("Region".to_owned())]);
}

pub async fn an_unknown_zone_cannot_be_read(world: &impl ZonesWorld) {
    let zone = ZoneId("Z0000000000000000000".to_owned());
    let answer = world.zones().read(&zone, &names(&[WWW])).await;
    assert_eq!(answer, Err(ZonesError::NoSuchZone(zone.0)));
}

/// A weighted alias to a load balancer.
pub(super) fn alias(name: &str, set_identifier: &str, weight: u8) -> RecordSet {
    let target = AliasTarget {
        hosted_zone_id: "Z32O12XQLNTSW2".to_owned(),
        dns_name: format!("dualstack.{set_identifier}-1.eu-west-1.elb.amazonaws.com."),
        evaluate_target_health: true,
    };
    RecordSet {
        ttl_seconds: None,
        values: Vec::new(),
        alias: Some(target),
        ..weighted(name, set_identifier, weight, "")
    }
}
