//! The operations on hosted zones.

use axum::http::StatusCode;

use super::error::ApiError;
use super::handlers::{Call, Reply, ok, start_name, zone};
use super::xml::Writer;
use super::{names, parse, render};
use crate::world::{State, World};
use crate::zone::Zone;

pub(crate) fn create(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let root = parse::root(&call.body, "CreateHostedZoneRequest", "Name")?;
    let text = |name: &str| root.text_of(name).filter(|text| !text.is_empty());
    let name = text("Name").ok_or_else(|| ApiError::invalid_input("Missing field 'Name'"))?;
    let reference =
        text("CallerReference").ok_or_else(|| ApiError::invalid_input("Missing field 'CallerReference'"))?;
    let canonical = names::canonical(name).map_err(|_| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "InvalidDomainName",
            format!("'{name}' is not a valid domain name"),
        )
    })?;
    let mut state = world.lock();
    if state.zones.values().any(|zone| zone.caller_reference == reference) {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "HostedZoneAlreadyExists",
            format!(
                "A hosted zone has already been created with the specified caller reference: {reference}"
            ),
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

pub(crate) fn get(state: &State, call: &Call) -> Result<Reply, ApiError> {
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

pub(crate) fn delete(world: &World, call: &Call) -> Result<Reply, ApiError> {
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

pub(crate) fn list(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let max_items = call.max_items()?;
    let mut rest =
        state.zones.values().filter(|zone| call.query("marker").is_none_or(|marker| *zone.id >= *marker));
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

pub(crate) fn list_by_name(state: &State, call: &Call) -> Result<Reply, ApiError> {
    let max_items = call.max_items()?;
    let start = call.query("dnsname").map(start_name).transpose()?;
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
