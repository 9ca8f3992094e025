use super::*;
use crate::record::Alias;
use crate::zone::Zone;

const NAME: &str = "www.example.com.";

fn zone() -> Zone {
    let mut zone = Zone::new("ZTEST".to_owned(), "example.com.".to_owned(), "reference".to_owned());
    for record in [
        legacy(90),
        cloud(10),
        Record::simple("simple.example.com.", "A", 60, ["192.0.2.1", "192.0.2.2"]),
        Record::simple("alias.example.com.", "CNAME", 60, ["elsewhere.example.net"]),
        fence("gen=1"),
    ] {
        zone.records.insert(record.key(), record);
    }
    zone
}

fn legacy(weight: u8) -> Record {
    Record::weighted(NAME, "A", 30, "legacy", weight, ["192.0.2.10"])
}

fn cloud(weight: u8) -> Record {
    Record::weighted(NAME, "A", 30, "cloud", weight, ["198.51.100.10"])
}

fn fence(value: &str) -> Record {
    Record::simple("_crossfade.www.example.com.", "TXT", 60, [format!("\"{value}\"")])
}

fn create(record: Record) -> Change {
    Change { action: Action::Create, record }
}

fn delete(record: Record) -> Change {
    Change { action: Action::Delete, record }
}

fn upsert(record: Record) -> Change {
    Change { action: Action::Upsert, record }
}

fn target(zone_id: &str, name: &str) -> Alias {
    Alias { zone_id: zone_id.to_owned(), name: name.to_owned(), evaluate_target_health: false }
}

/// Evaluates the batch and compares every refusal; no refusals means it must be accepted.
fn check(what: &str, changes: Vec<Change>, refusals: &[&str]) {
    let zone = zone();
    let surroundings = Surroundings { zone_id: &zone.id, zone_name: &zone.name };
    let errors = evaluate(&zone.records, &surroundings, &changes).err().unwrap_or_default();
    assert_eq!(errors.len(), refusals.len(), "{what}: {errors:#?}");
    for (error, expected) in errors.iter().zip(refusals) {
        assert!(error.contains(expected), "{what}: '{error}' should contain '{expected}'");
    }
}

#[test]
fn a_delete_is_a_compare_and_swap() {
    let set =
        "Tried to delete resource record set [name='www.example.com.', type='A', set-identifier='legacy']";
    let mismatch = format!("{set} but the values provided do not match the current values");
    let mismatch = mismatch.as_str();
    let swap = |from: u8, to: u8| {
        vec![
            delete(fence("gen=1")),
            delete(legacy(from)),
            delete(cloud(100 - from)),
            create(legacy(to)),
            create(cloud(100 - to)),
            create(fence("gen=2")),
        ]
    };
    check("the whole group and the fence", swap(90, 75), &[]);
    check("only the weight is stale", vec![delete(legacy(89))], &[mismatch]);
    check(
        "other value",
        vec![delete(Record { values: vec!["192.0.2.11".to_owned()], ..legacy(90) })],
        &[mismatch],
    );
    check("other TTL", vec![delete(Record { ttl: Some(31), ..legacy(90) })], &[mismatch]);
    check("other health check", vec![delete(legacy(90).with_health_check("hc"))], &[mismatch]);
    check(
        "alias instead of values",
        vec![delete(Record::alias_weighted(NAME, "A", "legacy", 90, target("ZELB", "lb.example.net.")))],
        &[mismatch],
    );
    check(
        "unknown set identifier",
        vec![delete(Record::weighted(NAME, "A", 30, "other", 90, ["192.0.2.10"]))],
        &["set-identifier='other'] but it was not found"],
    );
    check(
        "the order of values does not count",
        vec![delete(Record::simple("simple.example.com.", "A", 60, ["192.0.2.2", "192.0.2.1"]))],
        &[],
    );
    check(
        "a stale batch says everything that is wrong",
        swap(80, 75),
        &[
            mismatch,
            "set-identifier='cloud'] but the values",
            "set-identifier='legacy'] but it already exists",
            "set-identifier='cloud'] but it already exists",
        ],
    );
}

#[test]
fn changes_are_evaluated_in_order() {
    let simple = || Record::simple("simple.example.com.", "A", 60, ["192.0.2.1", "192.0.2.2"]);
    let weighted =
        |id: &str, weight| Record::weighted("simple.example.com.", "A", 60, id, weight, ["192.0.2.1"]);
    let mixed = "cannot be created as a non-weighted set exists with the same name and type.";
    check(
        "simple to weighted",
        vec![delete(simple()), create(weighted("legacy", 100)), create(weighted("cloud", 0))],
        &[],
    );
    check(
        "creating before deleting",
        vec![create(weighted("legacy", 100)), delete(simple())],
        &[&format!("RRSet with DNS name simple.example.com., type A, SetIdentifier legacy {mixed}")],
    );
    check("upserting a weighted set over a simple one", vec![upsert(weighted("legacy", 1))], &[mixed]);
    check(
        "simple next to weighted",
        vec![create(Record::simple(NAME, "A", 30, ["192.0.2.1"]))],
        &[
            "RRSet with DNS name www.example.com., type A cannot be created as other RRSets exist with the same name and type.",
        ],
    );
    check(
        "latency next to weighted",
        vec![create(Record {
            weight: None,
            region: Some("eu-west-1".to_owned()),
            ..Record::weighted(NAME, "A", 30, "x", 0, ["192.0.2.1"])
        })],
        &["cannot be created as a non-latency set exists"],
    );
    check(
        "the same record deleted twice",
        vec![delete(legacy(90)), create(legacy(80)), delete(legacy(80)), create(legacy(70))],
        &["invalid set of changes for a resource record set 'A www.example.com.'", "already exists"],
    );
    check("deleted and created again", vec![delete(legacy(90)), create(legacy(0))], &[]);
    check("upsert keeps the group", vec![upsert(legacy(0)), upsert(cloud(100))], &[]);
    check(
        "creating what exists",
        vec![create(legacy(90))],
        &[
            "Tried to create resource record set [name='www.example.com.', type='A', set-identifier='legacy'] but it already exists",
        ],
    );
}

#[test]
fn groups_share_their_ttl_and_have_room_for_a_hundred() {
    let ttl = "cannot be created as weighted sets must contain the same TTL.";
    let with_ttl = |record: Record, ttl| Record { ttl: Some(ttl), ..record };
    check("another TTL for one member", vec![delete(cloud(10)), create(with_ttl(cloud(10), 60))], &[ttl]);
    check("upserting another TTL", vec![upsert(with_ttl(cloud(10), 60))], &[ttl]);
    check(
        "another TTL for all, by deleting all first",
        vec![
            delete(cloud(10)),
            delete(legacy(90)),
            create(with_ttl(cloud(10), 60)),
            create(with_ttl(legacy(90), 60)),
        ],
        &[],
    );
    let members = |count: usize| {
        (0..count)
            .map(|index| {
                create(Record::weighted("big.example.com.", "A", 30, &format!("m{index}"), 1, ["192.0.2.1"]))
            })
            .collect()
    };
    check("a hundred members", members(100), &[]);
    check("one more", members(101), &["there are already 100 RRSets"]);
}

#[test]
fn cnames_stand_alone_and_below_the_apex() {
    let cname = |name: &str| Record::simple(name, "CNAME", 60, ["target.example.net"]);
    check(
        "at the apex",
        vec![create(cname("example.com."))],
        &["is not permitted at apex in zone example.com."],
    );
    check(
        "beside an A",
        vec![create(cname("simple.example.com."))],
        &["as it conflicts with other records with the same DNS name"],
    );
    check(
        "an A beside it",
        vec![create(Record::simple("alias.example.com.", "A", 60, ["192.0.2.1"]))],
        &["because a conflicting RRSet of type CNAME with the same DNS name already exists"],
    );
    check("on its own", vec![create(cname("new.example.com."))], &[]);
    check(
        "outside the zone",
        vec![create(Record::simple("www.example.net.", "A", 60, ["192.0.2.1"]))],
        &["RRSet with DNS name www.example.net. is not permitted in zone example.com."],
    );
}

#[test]
fn aliases_within_the_zone_need_their_target() {
    let alias = |to: &str| create(Record::alias("a.example.com.", "A", target("ZTEST", to)));
    check("to a record of the zone", vec![alias("simple.example.com.")], &[]);
    check("to nothing", vec![alias("missing.example.com.")], &["but that target was not found"]);
    check(
        "to another zone's name",
        vec![alias("simple.example.net.")],
        &["does not lie within the target zone"],
    );
    check(
        "to a record made before it in the batch",
        vec![create(Record::simple("new.example.com.", "A", 60, ["192.0.2.1"])), alias("new.example.com.")],
        &[],
    );
    check(
        "to a load balancer",
        vec![create(Record::alias("b.example.com.", "A", target("ZELB", "lb.elb.example.net.")))],
        &[],
    );
}

#[test]
fn values_and_limits_are_counted_as_route_53_counts() {
    let texts = |count: usize, length: usize| {
        (0..count)
            .map(|index| {
                Record::simple(
                    &format!("t{index}.example.com."),
                    "TXT",
                    60,
                    [format!("\"{}\"", "x".repeat(length))],
                )
            })
            .collect::<Vec<_>>()
    };
    let aliases = |count: usize| {
        (0..count)
            .map(|index| {
                create(Record::alias(
                    &format!("a{index}.example.com."),
                    "A",
                    target("ZELB", "lb.example.net."),
                ))
            })
            .collect::<Vec<_>>()
    };
    check("a thousand values", texts(1_000, 1).into_iter().map(create).collect(), &[]);
    check("one more", texts(1_001, 1).into_iter().map(create).collect(), &["limit of 1000 exceeded"]);
    check(
        "an upsert counts twice",
        texts(501, 1).into_iter().map(upsert).collect(),
        &["limit of 1000 exceeded"],
    );
    check("an alias counts", aliases(1_001), &["limit of 1000 exceeded"]);
    check("32,000 characters", texts(160, 198).into_iter().map(create).collect(), &[]);
    check("more of them", texts(160, 199).into_iter().map(create).collect(), &["limit of 32000 exceeded"]);
    check(
        "characters of an upsert count twice",
        texts(81, 198).into_iter().map(upsert).collect(),
        &["limit of 32000"],
    );
    check(
        "an address that is none",
        vec![upsert(Record { values: vec!["192.0.2".to_owned()], ..legacy(90) })],
        &["Value is not a valid IPv4 address"],
    );
    check(
        "a TXT without quotes",
        vec![create(Record::simple("t.example.com.", "TXT", 60, ["bare"]))],
        &["enclosed in quotation marks"],
    );
    check(
        "the same value twice",
        vec![create(Record::simple("t.example.com.", "A", 60, ["192.0.2.1", "192.0.2.1"]))],
        &["Duplicate Resource Record"],
    );
}

#[test]
fn the_apex_keeps_its_ns_and_soa() {
    let zone = zone();
    let find = |record_type: &str| {
        zone.records
            .values()
            .find(|record| record.record_type == record_type && record.name == zone.name)
            .cloned()
            .expect("every zone has it")
    };
    check("without NS", vec![delete(find("NS"))], &["at least one NS record"]);
    check("without SOA", vec![delete(find("SOA"))], &["exactly one SOA record"]);
    check("other name servers", vec![upsert(Record { ttl: Some(60), ..find("NS") })], &[]);
}
