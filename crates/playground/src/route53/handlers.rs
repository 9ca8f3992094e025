//! The operations.

use std::collections::HashMap;

use axum::http::{Method, StatusCode, Uri};

use super::changes::{Surroundings, evaluate};
use super::error::ApiError;
use super::parse::{self, ChangeBatch};
use super::xml::Writer;
use super::{names, render};
use crate::journal::{Entry, Outcome};
use crate::record::{Record, RecordKey};
use crate::world::{State, World};
use crate::zone::Zone;

/// A call, recognised but not yet believed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// The zone's or the change's id, where the path has one.
    id: String,
    query: HashMap<String, String>,
    body: Vec<u8>,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    pub(crate) location: Option<String>,
}

/// The most items of a page of any listing.
const MAX_ITEMS: usize = 300;

impl Call {
    pub(crate) fn parse(method: &Method, uri: &Uri, body: Vec<u8>) -> Result<Self, ApiError> {
        let segments: Vec<&str> =
            uri.path().trim_start_matches("/2013-04-01").split('/').filter(|segment| !segment.is_empty()).collect();
        let (operation, id) = match (method.as_str(), segments.as_slice()) {
            ("GET", ["hostedzone"]) => ("ListHostedZones", ""),
            ("POST", ["hostedzone"]) => ("CreateHostedZone", ""),
            ("GET", ["hostedzonesbyname"]) => ("ListHostedZonesByName", ""),
            ("GET", ["hostedzonecount"]) => ("GetHostedZoneCount", ""),
            ("GET", ["hostedzone", id]) => ("GetHostedZone", *id),
            ("DELETE", ["hostedzone", id]) => ("DeleteHostedZone", *id),
            ("GET", ["hostedzone", id, "rrset"]) => ("ListResourceRecordSets", *id),
            ("POST", ["hostedzone", id, "rrset"]) => ("ChangeResourceRecordSets", *id),
            ("GET", ["change", id]) => ("GetChange", *id),
            ("GET", ["healthcheck", id]) => ("GetHealthCheck", *id),
            (method, _) => {
                return Err(ApiError::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotImplemented",
                    format!("{method} {} is not emulated by this playground", uri.path()),
                ));
            }
        };
        let query = axum::extract::Query::try_from_uri(uri)
            .map(|axum::extract::Query(query)| query)
            .map_err(|error| ApiError::invalid_input(error.to_string()))?;
        Ok(Self { operation, id: id.to_owned(), query, body })
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn max_items(&self) -> Result<usize, ApiError> {
        match self.query("maxitems") {
            None => Ok(MAX_ITEMS),
            Some(text) => match text.parse::<usize>() {
                Ok(items) if items > 0 => Ok(items.min(MAX_ITEMS)),
                _ => Err(ApiError::invalid_input(format!("Invalid value for maxitems: '{text}'"))),
            },
        }
    }
}

/// Performs the call. `told` says whether the caller will get the answer.
pub(crate) fn handle(world: &World, call: &Call, told: bool) -> Result<Reply, ApiError> {
    match call.operation {
        "CreateHostedZone" => create_zone(world, call),
        "GetHostedZone" => get_zone(&world.lock(), call),
        "DeleteHostedZone" => delete_zone(world, call),
        "ListHostedZones" => list_zones(&world.lock(), call),
        "ListHostedZonesByName" => list_zones_by_name(&world.lock(), call),
        "GetHostedZoneCount" => {
            let count = world.lock().zones.len();
            Ok(ok(Writer::document("GetHostedZoneCountResponse", |out| out.leaf("HostedZoneCount", count))))
        }
        "ListResourceRecordSets" => list_records(&world.lock(), call),
        "ChangeResourceRecordSets" => change_records(world, call, told),
        "GetChange" => get_change(&world.lock(), call),
        "GetHealthCheck" => get_health_check(&world.lock(), call),
        other => Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", other)),
    }
}

/// A batch that a fault refused before it was looked at belongs in the journal too.
pub(crate) fn record_refused(world: &World, call: &Call, error: &ApiError) {
    if call.operation == "ChangeResourceRecordSets" {
        let outcome = Outcome::Refused { code: error.code.to_owned(), message: error.message.clone() };
        record(&mut world.lock(), call, parse::change_batch(&call.body).ok(), outcome);
    }
}

/// A batch that never got as far as being looked at.
pub(crate) fn record_lost(world: &World, call: &Call) {
    if call.operation == "ChangeResourceRecordSets" {
        record(&mut world.lock(), call, parse::change_batch(&call.body).ok(), Outcome::Lost);
        world.notify();
    }
}

fn change_records(world: &World, call: &Call, told: bool) -> Result<Reply, ApiError> {
    let mut state = world.lock();
    let (batch, applied) = match parse::change_batch(&call.body) {
        Ok(batch) => {
            let applied = apply(&mut state, &call.id, &batch);
            (Some(batch), applied)
        }
        Err(error) => (None, Err(error)),
    };
    let outcome = match &applied {
        Ok((change_id, _)) => Outcome::Applied { change_id: change_id.clone(), answered: told },
        Err(error) => Outcome::Refused { code: error.code.to_owned(), message: error.message.clone() },
    };
    record(&mut state, call, batch, outcome);
    drop(state);
    let (change_id, body) = applied?;
    world.settle_later(change_id);
    Ok(ok(body))
}

fn apply(state: &mut State, zone_id: &str, batch: &ChangeBatch) -> Result<(String, String), ApiError> {
    let zone = zone(state, zone_id)?;
    let unknown = batch
        .changes
        .iter()
        .filter_map(|change| change.record.health_check_id.as_ref())
        .find(|id| !state.health_checks.contains_key(*id));
    if let Some(id) = unknown {
        return Err(ApiError::no_such_health_check(id));
    }
    let surroundings = Surroundings { zone_id: &zone.id, zone_name: &zone.name };
    let effects = evaluate(&zone.records, &surroundings, &batch.changes).map_err(ApiError::invalid_batch)?;
    let change = state.accept(zone_id, batch.comment.clone(), effects);
    let body =
        Writer::document("ChangeResourceRecordSetsResponse", |out| render::change_info(out, &change));
    Ok((change.id, body))
}

fn record(state: &mut State, call: &Call, batch: Option<ChangeBatch>, outcome: Outcome) {
    let (comment, changes) = batch.map(|batch| (batch.comment, batch.changes)).unwrap_or_default();
    let entry = Entry {
        at: state.clock.instant(),
        at_unix: state.clock.unix(),
        zone_id: call.id.clone(),
        comment,
        changes,
        outcome,
    };
    state.journal.push(entry);
}

fn get_change(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let change = state.changes.get(&call.id).ok_or_else(|| ApiError::no_such_change(&call.id))?;
    Ok(ok(Writer::document("GetChangeResponse", |out| render::change_info(out, change))))
}

fn list_records(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let zone = zone(state, &call.id)?;
    let (name, record_type, identifier) = (call.query("name"), call.query("type"), call.query("identifier"));
    if name.is_none() && record_type.is_some() {
        return Err(ApiError::invalid_input("The input is not valid: a type must come with a name"));
    }
    if identifier.is_some() && (name.is_none() || record_type.is_none()) {
        return Err(ApiError::invalid_input("The input is not valid: an identifier must come with a name and a type"));
    }
    let start = name
        .map(|name| parse::canonical(name))
        .transpose()?
        .map(|name| RecordKey::new(&name, record_type.unwrap_or_default(), identifier.unwrap_or_default()));
    let max_items = call.max_items()?;
    let mut rest = zone
        .records
        .iter()
        .filter(|(key, _)| start.as_ref().is_none_or(|start| *key >= start))
        .map(|(_, record)| record);
    let page: Vec<&Record> = rest.by_ref().take(max_items).collect();
    let next = rest.next();
    Ok(ok(Writer::document("ListResourceRecordSetsResponse", |out| {
        out.nested("ResourceRecordSets", |out| page.iter().for_each(|record| render::record(out, record)));
        out.leaf("IsTruncated", next.is_some());
        if let Some(next) = next {
            out.leaf("NextRecordName", &next.name);
            out.leaf("NextRecordType", &next.record_type);
            out.leaf_if("NextRecordIdentifier", next.set_identifier.as_ref());
        }
        out.leaf("MaxItems", max_items);
    })))
}

fn create_zone(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let root = parse::root(&call.body, "CreateHostedZoneRequest", "Name")?;
    let text = |name: &str| root.text_of(name).filter(|text| !text.is_empty());
    let name = text("Name").ok_or_else(|| ApiError::invalid_input("Missing field 'Name'"))?;
    let reference =
        text("CallerReference").ok_or_else(|| ApiError::invalid_input("Missing field 'CallerReference'"))?;
    let canonical = names::canonical(name).map_err(|_| {
        ApiError::new(StatusCode::BAD_REQUEST, "InvalidDomainName", format!("'{name}' is not a valid domain name"))
    })?;
    let mut state = world.lock();
    if state.zones.values().any(|zone| zone.caller_reference == reference) {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "HostedZoneAlreadyExists",
            format!("A hosted zone has already been created with the specified caller reference: {reference}"),
        ));
    }
    let id = state.fresh_id('Z');
    let mut zone = Zone::new(id.clone(), canonical, reference.to_owned());
    if let Some(config) = root.child("HostedZoneConfig") {
        zone.comment = config.text_of("Comment").map(str::to_owned);
        zone.private = config.text_of("PrivateZone") == Some("true");
    }
    zone.private |= root.child("VPC").is_some();
    state.zones.insert(id.clone(), zone);
    let change = state.accept(&id, None, Vec::new());
    let body = Writer::document("CreateHostedZoneResponse", |out| {
        if let Some(zone) = state.zones.get(&id) {
            render::zone(out, zone);
        }
        render::change_info(out, &change);
        render::delegation_set(out);
    });
    drop(state);
    world.settle_later(change.id);
    let location = format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}");
    Ok(Reply { status: StatusCode::CREATED, body, location: Some(location) })
}

fn get_zone(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let zone = zone(state, &call.id)?;
    Ok(ok(Writer::document("GetHostedZoneResponse", |out| {
        render::zone(out, zone);
        if zone.private {
            out.nested("VPCs", |out| {
                out.nested("VPC", |out| {
                    out.leaf("VPCRegion", "us-east-1");
                    out.leaf("VPCId", "vpc-playground");
                });
            });
        } else {
            render::delegation_set(out);
        }
    })))
}

fn delete_zone(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let mut state = world.lock();
    if !zone(&state, &call.id)?.is_empty() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "HostedZoneNotEmpty",
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        ));
    }
    state.zones.remove(&call.id);
    let change = state.accept(&call.id, None, Vec::new());
    drop(state);
    world.settle_later(change.id.clone());
    Ok(ok(Writer::document("DeleteHostedZoneResponse", |out| render::change_info(out, &change))))
}

fn list_zones(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let max_items = call.max_items()?;
    let mut rest = state.zones.values().filter(|zone| call.query("marker").is_none_or(|marker| *zone.id >= *marker));
    let page: Vec<&Zone> = rest.by_ref().take(max_items).collect();
    let next = rest.next();
    Ok(ok(Writer::document("ListHostedZonesResponse", |out| {
        out.nested("HostedZones", |out| page.iter().for_each(|zone| render::zone(out, zone)));
        out.leaf_if("Marker", call.query("marker"));
        out.leaf("IsTruncated", next.is_some());
        out.leaf_if("NextMarker", next.map(|zone| &zone.id));
        out.leaf("MaxItems", max_items);
    })))
}

fn list_zones_by_name(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let max_items = call.max_items()?;
    let start = call.query("dnsname").map(parse::canonical).transpose()?;
    let start_key = start.as_deref().map(names::sort_key).unwrap_or_default();
    let start_id = call.query("hostedzoneid").map(parse::zone_id).unwrap_or_default();
    let mut zones: Vec<(Vec<u8>, &Zone)> =
        state.zones.values().map(|zone| (names::sort_key(&zone.name), zone)).collect();
    zones.sort_by(|(left, a), (right, b)| (left, &a.id).cmp(&(right, &b.id)));
    let mut rest = zones
        .into_iter()
        .filter(|(key, zone)| (key.as_slice(), zone.id.as_str()) >= (start_key.as_slice(), start_id))
        .map(|(_, zone)| zone);
    let page: Vec<&Zone> = rest.by_ref().take(max_items).collect();
    let next = rest.next();
    Ok(ok(Writer::document("ListHostedZonesByNameResponse", |out| {
        out.nested("HostedZones", |out| page.iter().for_each(|zone| render::zone(out, zone)));
        out.leaf_if("DNSName", start.as_ref());
        out.leaf_if("HostedZoneId", call.query("hostedzoneid"));
        out.leaf("IsTruncated", next.is_some());
        out.leaf_if("NextDNSName", next.map(|zone| &zone.name));
        out.leaf_if("NextHostedZoneId", next.map(|zone| &zone.id));
        out.leaf("MaxItems", max_items);
    })))
}

fn get_health_check(state: &State, call: &Call) -> Result<Reply, ApiError> {
    if !state.health_checks.contains_key(&call.id) {
        return Err(ApiError::no_such_health_check(&call.id));
    }
    Ok(ok(Writer::document("GetHealthCheckResponse", |out| {
        out.nested("HealthCheck", |out| {
            out.leaf("Id", &call.id);
            out.leaf("CallerReference", &call.id);
            out.nested("HealthCheckConfig", |out| out.leaf("Type", "HTTPS"));
            out.leaf("HealthCheckVersion", 1);
        });
    })))
}

fn zone<'a>(state: &'a State, id: &str) -> Result<&'a Zone, ApiError> {
    state.zones.get(id).ok_or_else(|| ApiError::no_such_zone(id))
}

fn ok(body: String) -> Reply {
    Reply { status: StatusCode::OK, body, location: None }
}
