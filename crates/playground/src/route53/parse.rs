//! Reading request documents, with the checks Route 53 makes before it looks at any zone.

use super::changes::{Action, Change};
use super::error::ApiError;
use super::xml::{Element, NAMESPACE};
use super::{names, values};
use crate::record::{Alias, GeoLocation, Record};

/// A ChangeBatch as it was sent, names made canonical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeBatch {
    pub(crate) comment: Option<String>,
    pub(crate) changes: Vec<Change>,
}

/// The characters of a batch's or a zone's comment.
const MAX_COMMENT: usize = 256;
/// The largest TTL.
const MAX_TTL: i64 = 2_147_483_647;
/// Routing policies of the real service that this one does not play.
const NOT_EMULATED: [&str; 3] = ["TrafficPolicyInstanceId", "CidrRoutingConfig", "GeoProximityLocation"];

pub(crate) fn root(body: &[u8], expected: &str, first: &str) -> Result<Element, ApiError> {
    let root = Element::parse(body).ok_or_else(|| ApiError::malformed("Could not parse XML"))?;
    if root.name != expected {
        return Err(ApiError::malformed(format!("{first} is not valid, expected {expected}")));
    }
    if root.namespace.as_deref() != Some(NAMESPACE) {
        return Err(ApiError::invalid_input(format!(
            "Invalid XML ; cvc-elt.1: Cannot find the declaration of element '{expected}'."
        )));
    }
    Ok(root)
}

pub(crate) fn change_batch(body: &[u8]) -> Result<ChangeBatch, ApiError> {
    let root = root(body, "ChangeResourceRecordSetsRequest", "ChangeBatch")?;
    let batch = root
        .child("ChangeBatch")
        .ok_or_else(|| incomplete("ChangeResourceRecordSetsRequest", "ChangeBatch"))?;
    let comment = batch.text_of("Comment").map(str::to_owned);
    if comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT) {
        return Err(constraint(
            "Comment",
            "changeBatch.comment",
            "Member must have length less than or equal to 256",
        ));
    }
    let changes = batch.child("Changes").ok_or_else(|| incomplete("ChangeBatch", "Changes"))?;
    if changes.children.is_empty() {
        return Err(incomplete("Changes", "Change"));
    }
    let changes = changes
        .children
        .iter()
        .enumerate()
        .map(|(index, element)| change(index + 1, element))
        .collect::<Result<_, _>>()?;
    Ok(ChangeBatch { comment, changes })
}

fn change(position: usize, element: &Element) -> Result<Change, ApiError> {
    let path = format!("changeBatch.changes.{position}.member");
    let action = match element.text_of("Action") {
        Some("CREATE") => Action::Create,
        Some("DELETE") => Action::Delete,
        Some("UPSERT") => Action::Upsert,
        Some(other) => {
            return Err(constraint(
                other,
                &format!("{path}.action"),
                "Member must satisfy enum value set: [CREATE, DELETE, UPSERT]",
            ));
        }
        None => return Err(incomplete("Change", "Action")),
    };
    let set = element.child("ResourceRecordSet").ok_or_else(|| incomplete("Change", "ResourceRecordSet"))?;
    let record = record(set, &format!("{path}.resourceRecordSet"))?;
    check_shape(action, &record)?;
    Ok(Change { action, record })
}

fn record(set: &Element, path: &str) -> Result<Record, ApiError> {
    if let Some(name) = NOT_EMULATED.iter().find(|name| set.child(name).is_some()) {
        return Err(ApiError::invalid_input(format!(
            "Invalid request: {name} is not emulated by this playground"
        )));
    }
    let name = set.text_of("Name").ok_or_else(|| incomplete("ResourceRecordSet", "Name"))?;
    let record_type = set.text_of("Type").ok_or_else(|| incomplete("ResourceRecordSet", "Type"))?;
    if !values::TYPES.contains(&record_type) {
        return Err(constraint(
            record_type,
            &format!("{path}.type"),
            &format!("Member must satisfy enum value set: [{}]", values::TYPES.join(", ")),
        ));
    }
    let set_identifier = set.text_of("SetIdentifier").map(str::to_owned);
    if let Some(id) = &set_identifier
        && !(1..=128).contains(&id.chars().count())
    {
        return Err(constraint(
            id,
            &format!("{path}.setIdentifier"),
            "Member must have length between 1 and 128",
        ));
    }
    let values = set
        .child("ResourceRecords")
        .map(|list| {
            list.children.iter().filter_map(|value| value.text_of("Value")).map(str::to_owned).collect()
        })
        .unwrap_or_default();
    Ok(Record {
        name: canonical(name)?,
        record_type: record_type.to_owned(),
        ttl: integer(set, "TTL", path, "tTL", MAX_TTL)?.and_then(|ttl| u32::try_from(ttl).ok()),
        values,
        alias: set.child("AliasTarget").map(alias).transpose()?,
        set_identifier,
        weight: integer(set, "Weight", path, "weight", 255)?.and_then(|weight| u8::try_from(weight).ok()),
        region: set.text_of("Region").map(str::to_owned),
        failover: set.text_of("Failover").map(str::to_owned),
        geo_location: set.child("GeoLocation").map(geo_location),
        multi_value_answer: set.text_of("MultiValueAnswer").map(|text| text == "true"),
        health_check_id: set.text_of("HealthCheckId").map(str::to_owned),
    })
}

fn alias(element: &Element) -> Result<Alias, ApiError> {
    let text = |name| element.text_of(name).ok_or_else(|| incomplete("AliasTarget", name));
    Ok(Alias {
        zone_id: zone_id(text("HostedZoneId")?).to_owned(),
        name: canonical(text("DNSName")?)?,
        evaluate_target_health: text("EvaluateTargetHealth")? == "true",
    })
}

fn geo_location(element: &Element) -> GeoLocation {
    let text = |name| element.text_of(name).map(str::to_owned);
    GeoLocation {
        continent_code: text("ContinentCode"),
        country_code: text("CountryCode"),
        subdivision_code: text("SubdivisionCode"),
    }
}

/// Which members may stand together, before any record is looked at.
fn check_shape(action: Action, record: &Record) -> Result<(), ApiError> {
    let action = format!("{action:?}").to_uppercase();
    let change = format!(
        "Change with [Action={action}, Name={}, Type={}, SetIdentifier={}]",
        record.name,
        record.record_type,
        record.set_identifier.as_deref().unwrap_or("null")
    );
    let plain = record.ttl.is_some() && !record.values.is_empty();
    let kinds = usize::from(record.alias.is_some()) + usize::from(plain);
    let found = match kinds {
        1 if record.alias.is_some() && (record.ttl.is_some() || !record.values.is_empty()) => "more than one",
        1 => "",
        0 => "none",
        _ => "more than one",
    };
    if !found.is_empty() {
        return Err(ApiError::invalid_input(format!(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or \
             TrafficPolicyInstanceId], but found {found} in {change}"
        )));
    }
    let policies = [
        record.weight.is_some(),
        record.region.is_some(),
        record.failover.is_some(),
        record.geo_location.is_some(),
        record.multi_value_answer.is_some(),
    ]
    .into_iter()
    .filter(|present| *present)
    .count();
    match (&record.set_identifier, policies) {
        (None, 0) | (Some(_), 1) => Ok(()),
        (None, _) => Err(ApiError::invalid_input(format!(
            "Invalid request: Missing field 'SetIdentifier' in {change}"
        ))),
        (Some(_), count) => Err(ApiError::invalid_input(format!(
            "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer], \
             but found {} in {change}",
            if count == 0 { "none" } else { "more than one" }
        ))),
    }
}

fn integer(
    set: &Element,
    tag: &str,
    path: &str,
    member: &str,
    maximum: i64,
) -> Result<Option<i64>, ApiError> {
    let Some(text) = set.text_of(tag) else { return Ok(None) };
    let path = format!("{path}.{member}");
    match text.parse::<i64>() {
        Ok(value) if value > maximum => {
            Err(constraint(text, &path, &format!("Member must have value less than or equal to {maximum}")))
        }
        Ok(value) if value < 0 => {
            Err(constraint(text, &path, "Member must have value greater than or equal to 0"))
        }
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(ApiError::malformed(format!("'{text}' is not a valid number for {tag}"))),
    }
}

fn canonical(name: &str) -> Result<String, ApiError> {
    names::canonical(name).map_err(|error| {
        ApiError::invalid_batch(vec![format!(
            "FATAL problem: DomainLabelInvalid ({error}) encountered with '{name}'"
        )])
    })
}

/// `/hostedzone/Z1` and `Z1` are the same zone.
pub(crate) fn zone_id(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn incomplete(element: &str, missing: &str) -> ApiError {
    ApiError::invalid_input(format!(
        "Invalid XML ; cvc-complex-type.2.4.b: The content of element '{element}' is not complete. \
         One of '{{\"{NAMESPACE}\":{missing}}}' is expected."
    ))
}

fn constraint(value: &str, path: &str, rule: &str) -> ApiError {
    ApiError::invalid_input(format!(
        "1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: {rule}"
    ))
}
