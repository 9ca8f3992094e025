//! Between Route 53's types and the core's, without loss: what is listed must be deletable as it was listed.

use aws_sdk_route53::types::{
    AliasTarget as SdkAlias, Change as SdkChange, ChangeAction, ChangeStatus as SdkStatus, ResourceRecord,
    ResourceRecordSet, RrType,
};
use crossfade_core::{
    AliasTarget, RecordName, RecordSet, Routing, Weight,
    batch::{Action, Change},
};
use crossfade_ports::{ZonesError, zones::ChangeStatus};

pub(super) fn record_set(listed: &ResourceRecordSet) -> RecordSet {
    RecordSet {
        name: RecordName::new(listed.name()),
        record_type: listed.r#type().as_str().to_owned(),
        routing: routing(listed),
        ttl_seconds: listed.ttl().and_then(|seconds| u32::try_from(seconds).ok()),
        values: listed.resource_records().iter().map(|record| record.value().to_owned()).collect(),
        alias: listed.alias_target().map(|alias| AliasTarget {
            hosted_zone_id: alias.hosted_zone_id().to_owned(),
            dns_name: alias.dns_name().to_owned(),
            evaluate_target_health: alias.evaluate_target_health(),
        }),
        health_check_id: listed.health_check_id().map(str::to_owned),
        traffic_policy_instance_id: listed.traffic_policy_instance_id().map(str::to_owned),
    }
}

/// What cannot be sent, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwritable {
    #[error(
        "{name} {record_type} is routed by {field}, and only simple and weighted record sets are written"
    )]
    Routing { name: RecordName, record_type: String, field: String },
    #[error("{name} {record_type} is not complete: {what}")]
    Incomplete { name: RecordName, record_type: String, what: String },
}

pub(super) fn change(change: &Change) -> Result<SdkChange, Unwritable> {
    let set = &change.set;
    let incomplete = |what: String| Unwritable::Incomplete {
        name: set.name.clone(),
        record_type: set.record_type.clone(),
        what,
    };
    let action = match change.action {
        Action::Delete => ChangeAction::Delete,
        Action::Create => ChangeAction::Create,
        Action::Upsert => ChangeAction::Upsert,
    };
    let mut out = ResourceRecordSet::builder()
        .name(set.name.as_str())
        .r#type(RrType::from(set.record_type.as_str()))
        .set_ttl(set.ttl_seconds.map(i64::from))
        .set_health_check_id(set.health_check_id.clone())
        .set_traffic_policy_instance_id(set.traffic_policy_instance_id.clone());
    match &set.routing {
        Routing::Simple => {}
        Routing::Weighted { set_identifier, weight } => {
            out = out.set_identifier(set_identifier).weight(i64::from(weight.0));
        }
        Routing::Other(field) => {
            return Err(Unwritable::Routing {
                name: set.name.clone(),
                record_type: set.record_type.clone(),
                field: field.clone(),
            });
        }
    }
    for value in &set.values {
        let record = ResourceRecord::builder().value(value).build();
        out = out.resource_records(record.map_err(|error| incomplete(error.to_string()))?);
    }
    if let Some(alias) = &set.alias {
        let alias = SdkAlias::builder()
            .hosted_zone_id(&alias.hosted_zone_id)
            .dns_name(&alias.dns_name)
            .evaluate_target_health(alias.evaluate_target_health)
            .build();
        out = out.alias_target(alias.map_err(|error| incomplete(error.to_string()))?);
    }
    let set = out.build().map_err(|error| incomplete(error.to_string()))?;
    SdkChange::builder()
        .action(action)
        .resource_record_set(set)
        .build()
        .map_err(|error| incomplete(error.to_string()))
}

pub(super) fn change_status(status: Option<&SdkStatus>) -> Result<ChangeStatus, ZonesError> {
    match status {
        Some(SdkStatus::Insync) => Ok(ChangeStatus::InSync),
        Some(SdkStatus::Pending) => Ok(ChangeStatus::Pending),
        other => Err(ZonesError::Unavailable(format!("a change has the unknown status {other:?}"))),
    }
}

fn routing(listed: &ResourceRecordSet) -> Routing {
    let others = [
        ("Region", listed.region().is_some()),
        ("GeoLocation", listed.geo_location().is_some()),
        ("Failover", listed.failover().is_some()),
        ("MultiValueAnswer", listed.multi_value_answer().is_some()),
        ("CidrRoutingConfig", listed.cidr_routing_config().is_some()),
        ("GeoProximityLocation", listed.geo_proximity_location().is_some()),
    ];
    if let Some((field, _)) = others.into_iter().find(|(_, present)| *present) {
        return Routing::Other(field.to_owned());
    }
    match (listed.set_identifier(), listed.weight(), listed.weight().map(u8::try_from)) {
        (None, None, _) => Routing::Simple,
        (Some(id), Some(_), Some(Ok(weight))) => {
            Routing::Weighted { set_identifier: id.to_owned(), weight: Weight(weight) }
        }
        // A policy that this program does not know; never to be taken for a simple one.
        (Some(_), None, _) => Routing::Other("SetIdentifier".to_owned()),
        (_, Some(_), _) => Routing::Other("Weight".to_owned()),
    }
}
