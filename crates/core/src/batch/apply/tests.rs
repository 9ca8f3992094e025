use super::*;
use crate::{RecordName, Weight, ZoneId};

fn member(id: &str, weight: u8, values: &[&str]) -> RecordSet {
    RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing: Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) },
        ttl_seconds: Some(60),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    }
}

fn latency(region: &str, value: &str) -> RecordSet {
    RecordSet { routing: Routing::Other(region.to_owned()), ..member("", 0, &[value]) }
}

/// What becomes of two members by these changes.
fn check(changes: &[(Action, &RecordSet)], wanted: Result<&[RecordSet], &str>) {
    let before = [member("cloud", 0, &["192.0.2.1", "192.0.2.2"]), member("legacy", 100, &["192.0.2.3"])];
    let changes =
        changes.iter().map(|(action, set)| Change { action: *action, set: (*set).clone() }).collect();
    let batch = Batch { zone: ZoneId("Z1".to_owned()), comment: String::new(), changes };
    let after = batch.apply_to(&before).map_err(|refusal| refusal.to_string());
    assert_eq!(after.as_deref().map_err(String::as_str), wanted, "{batch:#?}");
}

#[test]
fn a_batch_is_applied_in_its_order_and_whole_or_not_at_all() {
    use Action::{Create, Delete, Upsert};
    let (cloud, legacy) =
        (member("cloud", 0, &["192.0.2.1", "192.0.2.2"]), member("legacy", 100, &["192.0.2.3"]));
    let (higher, lower) = (member("cloud", 1, &["192.0.2.1"]), member("legacy", 99, &["192.0.2.3"]));
    let other = member("other", 1, &["192.0.2.4"]);
    check(&[], Ok(&[cloud.clone(), legacy.clone()]));
    check(
        &[(Delete, &cloud), (Delete, &legacy), (Create, &higher), (Create, &lower)],
        Ok(&[higher.clone(), lower.clone()]),
    );
    check(&[(Upsert, &higher), (Upsert, &other)], Ok(&[higher.clone(), legacy.clone(), other.clone()]));
    // The order of values says nothing; everything else does.
    check(&[(Delete, &member("cloud", 0, &["192.0.2.2", "192.0.2.1"]))], Ok(std::slice::from_ref(&legacy)));
    let www = "resource record set [name='www.example.com.', type='A', set-identifier=";
    let stale =
        |id| format!("Tried to delete {www}'{id}'] but the values provided do not match the current values");
    check(&[(Delete, &legacy), (Delete, &higher)], Err(&stale("cloud")));
    check(&[(Delete, &lower)], Err(&stale("legacy")));
    let mut longer = legacy.clone();
    longer.ttl_seconds = Some(61);
    check(&[(Delete, &longer)], Err(&stale("legacy")));
    let lost = format!("Tried to delete {www}'legacy'] but it was not found");
    check(&[(Delete, &legacy), (Delete, &legacy)], Err(&lost));
    let there = format!("Tried to create {www}'cloud'] but it already exists");
    check(&[(Create, &higher), (Delete, &cloud)], Err(&there));
}

#[test]
fn members_of_another_policy_are_told_apart() {
    let mut sets = vec![latency("Region", "192.0.2.1")];
    let upsert = |set| Change { action: Action::Upsert, set };
    upsert(latency("Region", "192.0.2.2")).apply_to(&mut sets).unwrap();
    upsert(latency("Region", "192.0.2.2")).apply_to(&mut sets).unwrap();
    upsert(member("cloud", 1, &["192.0.2.1"])).apply_to(&mut sets).unwrap();
    assert_eq!(sets.len(), 3, "{sets:#?}");
}
