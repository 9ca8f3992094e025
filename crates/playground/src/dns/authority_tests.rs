use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::endpoint::Endpoint;
use crate::world::World;
use crate::{Options, Record};

const NAME: &str = "www.example.com";
const DRAWS: u32 = 4_000;

fn world() -> (World, String) {
    let world = World::new(Options { seed: 7, ..Options::default() }, CancellationToken::new());
    let zone = world.create_zone("example.com");
    (world, zone)
}

fn put_group(world: &World, zone: &str, members: &[(&str, u8, &str)]) {
    for (id, weight, address) in members {
        world.put_record(zone, Record::weighted(NAME, "A", 30, id, *weight, [*address]));
    }
}

fn ask(world: &World, name: &str, record_type: &str) -> Answer {
    let name = names::canonical(name).unwrap_or_default();
    Authority::of(&mut world.lock()).resolve(&name, record_type)
}

fn values(world: &World, name: &str, record_type: &str) -> Vec<String> {
    ask(world, name, record_type).final_values()
}

/// How often each value answers, as a share.
fn shares(world: &World) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for _ in 0..DRAWS {
        for value in values(world, NAME, "A") {
            *counts.entry(value).or_default() += 1.0 / f64::from(DRAWS);
        }
    }
    counts
}

/// Puts the group and compares the shares of its answers, within five standard deviations.
fn check(what: &str, members: &[(&str, u8, &str)], expected: &[(&str, f64)]) {
    let (world, zone) = world();
    put_group(&world, &zone, members);
    assert_shares(what, &shares(&world), expected);
}

fn assert_shares(what: &str, seen: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    assert_eq!(seen.len(), expected.len(), "{what}: {seen:?}");
    for (value, share) in expected {
        let bound = 5.0 * (share * (1.0 - share) / f64::from(DRAWS)).sqrt() + 1e-9;
        let seen = seen.get(*value).copied().unwrap_or_default();
        assert!((seen - share).abs() <= bound, "{what}: {value} has {seen}, not {share} ± {bound}");
    }
}

#[test]
fn answers_are_drawn_by_weight() {
    let (legacy, cloud) = ("192.0.2.10", "198.51.100.10");
    check("90 to 10", &[("l", 90, legacy), ("c", 10, cloud)], &[(legacy, 0.9), (cloud, 0.1)]);
    check("zero gets nothing", &[("l", 255, legacy), ("c", 0, cloud)], &[(legacy, 1.0)]);
    check("all zero are equal", &[("l", 0, legacy), ("c", 0, cloud)], &[(legacy, 0.5), (cloud, 0.5)]);
    check(
        "the smallest share",
        &[("l", 255, legacy), ("c", 1, cloud)],
        &[(legacy, 255.0 / 256.0), (cloud, 1.0 / 256.0)],
    );
    check(
        "three clouds",
        &[("l", 50, legacy), ("c", 25, cloud), ("d", 25, "203.0.113.10")],
        &[(legacy, 0.5), (cloud, 0.25), ("203.0.113.10", 0.25)],
    );
}

#[test]
fn health_decides_before_weight() {
    let (legacy, cloud) = ("192.0.2.10", "198.51.100.10");
    let (world, zone) = world();
    for (id, weight, address) in [("l", 0, legacy), ("c", 100, cloud)] {
        world.set_health_check(id, true);
        world.put_record(&zone, Record::weighted(NAME, "A", 30, id, weight, [address]).with_health_check(id));
    }
    assert_shares("healthy", &shares(&world), &[(cloud, 1.0)]);
    world.set_health_check("c", false);
    assert_shares("zero weights serve when nothing else can", &shares(&world), &[(legacy, 1.0)]);
    world.set_health_check("l", false);
    assert_shares("with nothing healthy everything counts as healthy", &shares(&world), &[(cloud, 1.0)]);
}

#[test]
fn aliases_are_resolved_inside_the_world() {
    let (world, zone) = world();
    let alias = |zone_id: &str, name: &str| Alias {
        zone_id: zone_id.to_owned(),
        name: name.to_owned(),
        evaluate_target_health: true,
    };
    let balancer = Endpoint {
        dns_name: Some("cloud-1.eu-west-1.elb.example.net".to_owned()),
        ..Endpoint::new("cloud", ["198.51.100.1", "198.51.100.2", "2001:db8::1"])
    };
    world.add_endpoint(balancer);
    world.put_record(&zone, Record::simple("target.example.com", "A", 17, ["192.0.2.77"]));
    world.put_record(&zone, Record::alias("own.example.com", "A", alias(&zone, "target.example.com")));
    let elb = alias("ZELB", "cloud-1.eu-west-1.elb.example.net");
    world.put_record(&zone, Record::alias_weighted(NAME, "A", "cloud", 100, elb.clone()));
    world.put_record(&zone, Record::alias_weighted(NAME, "AAAA", "cloud", 100, elb));
    world.put_record(&zone, Record::weighted(NAME, "A", 60, "legacy", 0, ["192.0.2.10"]));

    assert_eq!(values(&world, "own.example.com", "A"), ["192.0.2.77"]);
    assert_eq!(ask(&world, "own.example.com", "A").ttl(), Some(17), "the target's TTL");
    assert_eq!(values(&world, NAME, "A"), ["198.51.100.1", "198.51.100.2"]);
    assert_eq!(ask(&world, NAME, "A").ttl(), Some(60), "a load balancer's TTL");
    assert_eq!(values(&world, NAME, "AAAA"), ["2001:db8::1"]);
    world.set_healthy("cloud", false);
    assert_eq!(values(&world, NAME, "A"), ["192.0.2.10"], "EvaluateTargetHealth");
}

#[test]
fn names_are_found_or_denied_as_dns_does() {
    let (world, zone) = world();
    world.put_record(&zone, Record::simple("*.example.com", "A", 30, ["192.0.2.1"]));
    world.put_record(&zone, Record::simple("deep.sub.example.com", "A", 30, ["192.0.2.2"]));
    world.put_record(&zone, Record::simple("c.example.com", "CNAME", 30, ["deep.sub.example.com"]));
    world.put_record(&zone, Record::simple("out.example.com", "CNAME", 30, ["lb.example.net"]));

    assert_eq!(values(&world, "anything.example.com", "A"), ["192.0.2.1"], "wildcard");
    assert_eq!(values(&world, "a.b.example.com", "A"), ["192.0.2.1"], "wildcard, deeper");
    assert_eq!(values(&world, "c.example.com", "A"), ["192.0.2.2"], "CNAME inside the zone");
    assert_eq!(ask(&world, "c.example.com", "A").records.len(), 2);
    assert_eq!(values(&world, "out.example.com", "A"), ["lb.example.net"], "CNAME out of the world");

    let denied = |name, record_type| {
        let answer = ask(&world, name, record_type);
        (answer.verdict, answer.records.len(), answer.authority.map(|soa| soa.record_type))
    };
    let soa = || Some("SOA".to_owned());
    assert_eq!(denied("sub.example.com", "A"), (Verdict::Found, 0, soa()), "an empty name above another");
    assert_eq!(
        denied("x.sub.example.com", "A"),
        (Verdict::NameUnknown, 0, soa()),
        "no wildcard below an existing name"
    );
    assert_eq!(denied("deep.sub.example.com", "AAAA"), (Verdict::Found, 0, soa()), "another type");
    assert_eq!(denied("www.example.net", "A"), (Verdict::Refused, 0, None), "no zone of this world");
}
