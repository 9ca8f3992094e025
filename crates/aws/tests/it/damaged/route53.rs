//! What is listed stands in the answer, all of it, and the answer is a whole document. A batch is accepted, and a change
//! in sync, only in words that stand there.

use std::collections::BTreeSet;

use aws_sdk_route53::Client;
use crossfade_aws::Route53;
use crossfade_core::{
    RecordName, RecordSet, Routing, Weight, ZoneId,
    batch::{Action, Batch, Change},
    event::ChangeId,
};
use crossfade_ports::{Zone, Zones, zones::ChangeStatus};
use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};

use super::{Answer, config, damaged, runtime, xml::Element};

const HEADER: (&str, &str) = ("content-type", "text/xml");

#[test]
fn a_damaged_answer_of_route_53_is_never_believed() {
    let runtime = runtime();
    let outcome = TestRunner::new(config()).run(&damaged("route53", HEADER), |(_, _, answer)| {
        let told = if answer.is_success() { Element::parse(&answer.body) } else { None };
        runtime.block_on(judge(&answer, told.as_ref()))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The property is not kept by believing nothing.
#[tokio::test]
async fn a_whole_answer_of_route_53_is_believed() {
    let seeds = super::seeds("route53");
    let route53 = |name: &str| {
        let (_, seed) = seeds.iter().find(|(seed, _)| seed == name).unwrap();
        route53(&Answer { status: 200, header: HEADER, body: seed[1..].to_vec() })
    };
    assert_eq!(route53("list").read(&ZoneId::new("Z1"), &names()).await.unwrap().len(), 3);
    let id = ChangeId("C2682N5HXP0BZ4".to_owned());
    assert_eq!(route53("change").submit(&batch()).await.unwrap(), id);
    assert_eq!(route53("get-change").change(&id).await.unwrap(), ChangeStatus::InSync);
    assert_eq!(route53("zone").find("Z1").await.unwrap().len(), 1);
}

async fn judge(answer: &Answer, told: Option<&Element>) -> Result<(), TestCaseError> {
    let route53 = route53(answer);
    let told = |root: &str| told.filter(|told| told.name == root);
    let unfounded = |what: &str| TestCaseError::fail(format!("{what}, of what cannot be read"));

    if let Ok(listed) = route53.read(&ZoneId::new("Z1"), &names()).await {
        let told = told("ListResourceRecordSetsResponse").ok_or_else(|| unfounded("listed"))?;
        prop_assert!(matches!(told.text("IsTruncated").map(str::trim), Some("true" | "false")));
        let sets: Vec<&Element> = told
            .child("ResourceRecordSets")
            .into_iter()
            .flat_map(|sets| sets.all("ResourceRecordSet"))
            .collect();
        let named = |name: &RecordName| {
            let name = name.clone();
            sets.iter().filter(move |set| set.text("Name").is_some_and(|text| RecordName::new(text) == name))
        };
        let expected: Vec<&Element> = in_order().iter().flat_map(|name| named(name).copied()).collect();
        prop_assert_eq!(listed.len(), expected.len());
        for (set, told) in listed.iter().zip(expected) {
            stands(set, told)?;
        }
    }
    if let Ok(id) = route53.submit(&batch()).await {
        let told = told("ChangeResourceRecordSetsResponse").ok_or_else(|| unfounded("accepted"))?;
        let stands = told.child("ChangeInfo").and_then(|info| info.text("Id"));
        prop_assert!(stands.is_some_and(|text| !id.0.is_empty() && text.ends_with(&id.0)), "{id:?}");
    }
    if let Ok(status) = route53.change(&ChangeId("C1".to_owned())).await {
        let told = told("GetChangeResponse").ok_or_else(|| unfounded("in sync or not"))?;
        let word = match status {
            ChangeStatus::InSync => "INSYNC",
            ChangeStatus::Pending => "PENDING",
        };
        prop_assert_eq!(told.child("ChangeInfo").and_then(|info| info.text("Status")), Some(word));
    }
    if let Ok(found) = route53.find("Z1").await
        && answer.is_success()
    {
        let told = told("GetHostedZoneResponse").ok_or_else(|| unfounded("found"))?;
        prop_assert_eq!(found, told.child("HostedZone").map(zone).into_iter().collect::<Vec<_>>());
    }
    if let Ok(found) = route53.find("example.com").await
        && answer.is_success()
    {
        let told = told("ListHostedZonesByNameResponse").ok_or_else(|| unfounded("found"))?;
        let zones: Vec<Zone> = told
            .child("HostedZones")
            .into_iter()
            .flat_map(|zones| zones.all("HostedZone"))
            .map(zone)
            .collect();
        prop_assert!(found.iter().all(|zone| zones.contains(zone)), "{found:?} of {zones:?}");
    }
    Ok(())
}

/// Whether a record set is the one that was told, word for word.
fn stands(set: &RecordSet, told: &Element) -> Result<(), TestCaseError> {
    prop_assert_eq!(Some(set.record_type.as_str()), told.text("Type"));
    let number = |name: &str| told.text(name).and_then(|text| text.trim().parse::<i64>().ok());
    let ttl = number("TTL").and_then(|ttl| u32::try_from(ttl).ok());
    prop_assert_eq!(set.ttl_seconds, ttl);
    prop_assert_eq!(set.health_check_id.as_deref(), told.text("HealthCheckId"));
    match &set.routing {
        Routing::Weighted { set_identifier, weight: Weight(weight) } => {
            prop_assert_eq!(Some(set_identifier.as_str()), told.text("SetIdentifier"));
            prop_assert_eq!(Some(i64::from(*weight)), number("Weight"));
        }
        Routing::Simple => {
            prop_assert!(told.child("SetIdentifier").is_none() && told.child("Weight").is_none());
        }
        Routing::Other(field) => prop_assert!(told.child(field).is_some(), "{field}"),
    }
    let values = told.child("ResourceRecords").into_iter().flat_map(|records| records.all("ResourceRecord"));
    let values: Vec<&str> = values.filter_map(|record| record.text("Value")).collect();
    prop_assert_eq!(set.values.iter().map(String::as_str).collect::<Vec<_>>(), values);
    let target = told.child("AliasTarget").map(|target| target.text("DNSName").unwrap_or_default());
    prop_assert_eq!(set.alias.as_ref().map(|alias| alias.dns_name.as_str()), target);
    Ok(())
}

fn zone(told: &Element) -> Zone {
    let text = |name: &str| told.text(name).unwrap_or_default();
    let private = told.child("Config").and_then(|config| config.text("PrivateZone")).map(str::trim);
    Zone {
        id: ZoneId::new(text("Id")),
        name: RecordName::new(text("Name")),
        private: private == Some("true"),
    }
}

fn route53(answer: &Answer) -> Route53 {
    Route53::new(Client::new(&answer.config()))
}

/// A name and its fence, which is listed behind it.
fn in_order() -> [RecordName; 2] {
    let name = RecordName::new("www.example.com");
    [name.clone(), name.fence()]
}

fn names() -> BTreeSet<RecordName> {
    BTreeSet::from(in_order())
}

fn batch() -> Batch {
    let set = RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing: Routing::Weighted { set_identifier: "cloud".to_owned(), weight: Weight(1) },
        ttl_seconds: Some(60),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    };
    let changes = vec![Change { action: Action::Create, set }];
    Batch { zone: ZoneId::new("Z1"), comment: "test".to_owned(), changes }
}
