//! The operations.

use std::collections::HashMap;

use axum::http::{Method, StatusCode, Uri};

use super::changes::{Surroundings, evaluate};
use super::error::ApiError;
use super::parse::{self, ChangeBatch};
use super::xml::Writer;
use super::{names, render, zones};
use crate::journal::{Entry, Outcome};
use crate::record::{Record, RecordKey};
use crate::world::{State, World};
use crate::zone::Zone;

/// A call, recognised but not yet believed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    /// The zone's or the change's id, where the path has one.
    pub(crate) id: String,
    query: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
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
        let segments: Vec<&str> = uri
            .path()
            .trim_start_matches("/2013-04-01")
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
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

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn max_items(&self) -> Result<usize, ApiError> {
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
        "CreateHostedZone" => zones::create(world, call),
        "GetHostedZone" => zones::get(&world.lock(), call),
        "DeleteHostedZone" => zones::delete(world, call),
        "ListHostedZones" => zones::list(&world.lock(), call),
        "ListHostedZonesByName" => zones::list_by_name(&world.lock(), call),
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
    let body = Writer::document("ChangeResourceRecordSetsResponse", |out| render::change_info(out, &change));
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
        return Err(ApiError::invalid_input(
            "The input is not valid: an identifier must come with a name and a type",
        ));
    }
    let start = name
        .map(start_name)
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

/// Where a listing starts; unlike in a batch, a bad name is the caller's input.
pub(crate) fn start_name(name: &str) -> Result<String, ApiError> {
    names::canonical(name).map_err(|error| ApiError::invalid_input(error.to_string()))
}

pub(crate) fn zone<'a>(state: &'a State, id: &str) -> Result<&'a Zone, ApiError> {
    state.zones.get(id).ok_or_else(|| ApiError::no_such_zone(id))
}

pub(crate) fn ok(body: String) -> Reply {
    Reply { status: StatusCode::OK, body, location: None }
}
