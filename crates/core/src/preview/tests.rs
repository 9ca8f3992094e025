use super::*;
use crate::{
    AliasTarget, RecordType, Routing,
    fence::Fence,
    plan::{Format, parse},
};

const PLAN: &str = r#"
name: www
records:
  - { zone: Z1, name: www.example.com, types: [A, AAAA] }
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [1, 10, 50], hold: 30m }
gates:
  - { name: errors, error_rate: { to: { preset: alb, load_balancer: app/cloud/1 } } }
"#;

fn plan(text: &str) -> Plan {
    parse(text, Format::Yaml).unwrap()
}

fn zone(id: &str, name: &str, private: bool) -> Zone {
    Zone { id: ZoneId::new(id), name: RecordName::new(name), private }
}

fn set(record_type: &str, routing: Routing) -> RecordSet {
    RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: record_type.to_owned(),
        routing,
        ttl_seconds: Some(60),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}

fn weighted(record_type: &str, id: &str, weight: u8) -> RecordSet {
    set(record_type, Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) })
}

fn alias(record_type: &str, id: &str, weight: u8) -> RecordSet {
    let alias = AliasTarget {
        hosted_zone_id: "Z32".to_owned(),
        dns_name: "cloud.elb.amazonaws.com".to_owned(),
        evaluate_target_health: true,
    };
    RecordSet { ttl_seconds: None, values: vec![], alias: Some(alias), ..weighted(record_type, id, weight) }
}

fn usual() -> Vec<RecordSet> {
    ["A", "AAAA"].iter().flat_map(|t| [weighted(t, "cloud", 0), weighted(t, "legacy", 100)]).collect()
}

fn fence(owner: &str, shift: &str) -> RecordSet {
    let baseline = BTreeMap::from([(RecordType::A, BTreeMap::from([("legacy".to_owned(), Weight(100))]))]);
    let fence = Fence { owner: owner.to_owned(), shift: shift.to_owned(), generation: 3, epoch: 1, baseline };
    fence.record_set(&RecordName::new("www.example.com"))
}

fn held_against(plan_text: &str, listed: Vec<RecordSet>) -> Result<Preview, Mistakes> {
    let plan = plan(plan_text);
    let found = BTreeMap::from([("Z1".to_owned(), vec![zone("Z1", "example.com", false)])]);
    let groups = resolve(&plan, &found).unwrap();
    preview(&plan, &groups, &BTreeMap::from([(ZoneId::new("Z1"), listed)]), Some("ours"))
}

/// The usual records after an edit, and what is refused about them.
#[track_caller]
fn check(edit: impl FnOnce(&mut Vec<RecordSet>), wanted: &str) {
    let mut listed = usual();
    edit(&mut listed);
    let said = held_against(PLAN, listed).err().unwrap_or_default().to_string();
    assert_eq!(said, wanted);
}

#[test]
fn a_plan_that_fits() {
    insta::assert_json_snapshot!(held_against(PLAN, usual()).unwrap());
}

#[test]
fn records_that_cannot_be_moved() {
    check(|_| {}, "");
    check(
        |sets| sets.retain(|set| set.record_type == "A"),
        "records[0]: there is no record www.example.com AAAA in zone Z1; at that name there are: A",
    );
    check(
        Vec::clear,
        "records[0]: there is no record www.example.com A in zone Z1; nothing is at that name: correct the name or \
         the zone, or create the records first\nrecords[0]: there is no record www.example.com AAAA in zone Z1; \
         nothing is at that name: correct the name or the zone, or create the records first",
    );
    check(
        |sets| {
            sets.drain(2..);
            sets.push(set("AAAA", Routing::Simple));
        },
        "records[0]: www.example.com AAAA is a simple record, without weights; in one batch, delete it and create \
         a weighted record for each side, the cloud side with weight 0",
    );
    check(
        |sets| {
            sets.drain(2..);
            sets.push(set("AAAA", Routing::Other("Region".to_owned())));
        },
        "records[0]: www.example.com AAAA is not weighted: Route 53 chooses its answers by Region; only weighted \
         records can be moved step by step",
    );
    check(
        |sets| sets[0].traffic_policy_instance_id = Some("p".to_owned()),
        "records[0]: www.example.com A was made by a traffic policy; only the policy can change it: delete the \
         policy's record and create weighted ones",
    );
}

#[test]
fn groups_that_differ_from_the_plan() {
    check(
        |sets| sets[0] = weighted("A", "green", 0),
        "records[0]: www.example.com A has no record set with the identifier cloud; create it with weight 0, or name \
         one of those that are there: green, legacy\nrecords[0]: www.example.com A has a record set green that the \
         plan does not name; put it on a side (a relative share of 0 gives it no traffic), or delete it",
    );
    check(
        |sets| sets[0].ttl_seconds = Some(30),
        "records[0]: the record sets of www.example.com A have different TTLs: 30 s, 60 s; give all of them the \
         same, 60 s or less",
    );
    check(
        |sets| sets[..2].iter_mut().for_each(|set| set.ttl_seconds = Some(300)),
        "records[0]: the types of www.example.com have different TTLs: A 300 s, AAAA 60 s; give all of them the \
         same; an alias to AWS has 60 s",
    );
    check(
        |sets| sets[1] = weighted("A", "legacy", 0),
        "records[0]: all weights of www.example.com A are zero now: Route 53 answers with all alike; give the from \
         side its weight first",
    );
    check(
        |sets| sets[0] = weighted("A", "cloud", 101),
        "records[0]: www.example.com A gives the to side 50.2 % already, more than the last step, 50 %; add a higher \
         step, or lower the weights of the to side first",
    );
}

#[test]
fn names_that_belong_to_somebody() {
    check(|sets| sets.push(fence("ours", "www")), "");
    check(
        |sets| sets.push(fence("ours", "other")),
        "records[0]: www.example.com belongs to the shift other of this installation; finalize or cancel other first",
    );
    check(
        |sets| sets.push(fence("theirs", "www")),
        "records[0]: www.example.com belongs to the shift www of the installation theirs; finalize or cancel www there; \
         if that installation is gone, delete _crossfade.www.example.com",
    );
    check(
        |sets| {
            let values = vec!["\"v=spf1 -all\"".to_owned()];
            sets.push(RecordSet { values, ..fence("ours", "www") });
        },
        "records[0]: at _crossfade.www.example.com, where the fence goes, is a TXT record that is none; delete it, \
         if nothing needs it",
    );
}

#[test]
fn a_write_that_needs_two_batches() {
    check(
        |sets| sets[0].values = vec!["192.0.2.1".to_owned(); 600],
        "records[0]: the write needs 1208 record changes and 11156 characters of values in zone Z1; one batch may \
         hold 1000 and 32000; make two plans of it, each with a part of the names",
    );
}

#[test]
fn what_may_surprise() {
    let mut listed = usual();
    for set in &mut listed {
        set.ttl_seconds = Some(600);
    }
    listed[0] = alias("A", "cloud", 5);
    let fine = PLAN.replace("[1, 10, 50]", "[5.1, 10, 50]");
    insta::assert_snapshot!(held_against(&fine, listed).unwrap().warnings.join("\n"));
}

#[test]
fn a_first_step_that_would_lower_a_group() {
    check(
        |sets| sets[0] = weighted("A", "cloud", 25),
        "records[0]: www.example.com A gives the to side 20.0 % already, more than the first step, 1 %, which would \
         lower it; and a revert would raise it again; begin the ramp above that, or lower the weights of the to side \
         first",
    );
    // At the first step already, or at a later one because the plan's own shift has gone there.
    check(|sets| (sets[0], sets[1]) = (weighted("A", "cloud", 1), weighted("A", "legacy", 99)), "");
    check(
        |sets| {
            sets[0] = weighted("A", "cloud", 25);
            sets.push(fence("ours", "www"));
        },
        "",
    );
}

#[test]
fn zones_are_found_by_id_or_name() {
    let plan = plan(
        &PLAN.replace("records:", "records:\n  - { zone: example.com, name: api.example.com, types: [A] }"),
    );
    let one = zone("Z1", "example.com", false);
    for (by_name, by_id, wanted) in [
        (
            vec![one.clone()],
            vec![one.clone()],
            Ok(vec!["Z1/api.example.com/A", "Z1/www.example.com/A", "Z1/www.example.com/AAAA"]),
        ),
        (
            vec![one.clone(), zone("Z2", "example.com", true)],
            vec![],
            Err(
                "records[0].zone: 2 zones are named example.com; give the id of one of them: Z1 (public), Z2 (private)\n\
                 records[1].zone: there is no zone Z1 in this account; check the zone and the plan's account",
            ),
        ),
        (
            vec![one.clone()],
            vec![zone("Z1", "example.net", false)],
            Err(
                "records[1].name: www.example.com is not in the zone example.net; write the whole name, ending in \
                 example.net",
            ),
        ),
    ] {
        let found = BTreeMap::from([("example.com".to_owned(), by_name), ("Z1".to_owned(), by_id)]);
        let said =
            resolve(&plan, &found).map(|groups| groups.keys().map(ToString::to_string).collect::<Vec<_>>());
        let wanted = wanted.map(|keys| keys.iter().map(ToString::to_string).collect()).map_err(str::to_owned);
        assert_eq!(said.map_err(|mistakes| mistakes.to_string()), wanted);
    }
}

#[test]
fn one_group_named_by_id_and_by_name() {
    let plan = plan(
        &PLAN.replace("records:", "records:\n  - { zone: example.com, name: www.example.com, types: [A] }"),
    );
    let one = vec![zone("Z1", "example.com", false)];
    let found = BTreeMap::from([("example.com".to_owned(), one.clone()), ("Z1".to_owned(), one)]);
    let said = resolve(&plan, &found).unwrap_err().to_string();
    assert_eq!(said, "records[1]: www.example.com A is the same group as in records[0]; keep one of them");
}

#[test]
fn the_last_moment_with_a_live_comparison_should_be_long() {
    let warned = |ramp: &str, from: &str| {
        let ramped = PLAN.replace("{ steps: [1, 10, 50], hold: 30m }", ramp);
        let text = ramped.replace("app/cloud/1 } }", &format!("app/cloud/1 }}{from} }}"));
        held_against(&text, usual()).unwrap().warnings
    };
    let from = ", from: { preset: alb, load_balancer: app/legacy/1 }";
    assert_eq!(
        warned("{ steps: [10, 50, 100], hold: 30m, bake: 2h }", from),
        [
            "50 % is held for 30m and 100 % for 2h, when no live legacy side is left to compare with; let the last step \
             before it, such as 90, be held for 2h or longer"
        ]
    );
    assert_eq!(
        warned("{ steps: [100], hold: 30m }", from),
        [
            "100 % is the only step, held for 30m, when no live legacy side is left to compare with; let the last step \
             before it, such as 90, be held for 30m or longer"
        ]
    );
    for ramp in [
        "{ steps: [10, 100], hold: 30m }",
        "{ steps: [10, { share: 90, hold: 1h }, 100], hold: 30m, bake: 1h }",
        "{ steps: [10, 50], hold: 30m, bake: 24h }",
    ] {
        assert_eq!(warned(ramp, from), Vec::<String>::new(), "{ramp}");
    }
    assert_eq!(warned("{ steps: [10, 50, 100], hold: 30m, bake: 2h }", ""), Vec::<String>::new());
}
