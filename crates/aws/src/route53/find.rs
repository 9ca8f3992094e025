//! Hosted zones by id or by name.

use aws_sdk_route53::{Client, types::HostedZone};
use crossfade_core::{RecordName, ZoneId};
use crossfade_ports::{Zone, ZonesError};

use super::error::of_read;
use crate::call::observed;

/// The most that `ListHostedZonesByName` gives at once.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>
const PAGE: i32 = 100;

pub(super) async fn find(client: &Client, id_or_name: &str) -> Result<Vec<Zone>, ZonesError> {
    let id = ZoneId::new(id_or_name);
    if is_id(&id.0) { by_id(client, &id).await } else { by_name(client, &RecordName::new(id_or_name)).await }
}

/// Capitals and digits after a `Z`. A name has a dot, or is written in small letters.
fn is_id(text: &str) -> bool {
    text.strip_prefix('Z').is_some_and(|tail| {
        !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

async fn by_id(client: &Client, id: &ZoneId) -> Result<Vec<Zone>, ZonesError> {
    let answer = observed("GetHostedZone", client.get_hosted_zone().id(&id.0).send()).await;
    match answer {
        Ok(answer) => Ok(answer.hosted_zone().map(zone).into_iter().collect()),
        Err(error) => match of_read(&error, &id.0) {
            ZonesError::NoSuchZone(_) => Ok(Vec::new()),
            other @ (ZonesError::NoSuchChange(_)
            | ZonesError::Denied(_)
            | ZonesError::Throttled(_)
            | ZonesError::Unavailable(_)) => Err(other),
        },
    }
}

/// Zones are listed in the order of their names, from the name asked for: once another comes, there are no more.
async fn by_name(client: &Client, name: &RecordName) -> Result<Vec<Zone>, ZonesError> {
    let mut found: Vec<Zone> = Vec::new();
    let mut after: Option<String> = None;
    if name.as_str().is_empty() {
        return Ok(found);
    }
    loop {
        let call = client.list_hosted_zones_by_name().dns_name(name.as_str()).max_items(PAGE);
        let answer = observed("ListHostedZonesByName", call.set_hosted_zone_id(after.clone()).send()).await;
        let page = match answer {
            Ok(page) => page,
            // What cannot be a name cannot be a zone's.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_invalid_domain_name()) => {
                return Ok(found);
            }
            Err(error) => return Err(of_read(&error, name.as_str())),
        };
        found.extend(page.hosted_zones().iter().map(zone).filter(|zone| zone.name == *name));
        let more =
            page.is_truncated() && page.next_dns_name().is_some_and(|next| RecordName::new(next) == *name);
        let next = page.next_hosted_zone_id().map(str::to_owned);
        if !more || next.is_none() {
            return Ok(found);
        }
        if next == after {
            return Err(ZonesError::Unavailable(format!("the list of zones named {name} does not end")));
        }
        after = next;
    }
}

fn zone(listed: &HostedZone) -> Zone {
    Zone {
        id: ZoneId::new(listed.id()),
        name: RecordName::new(listed.name()),
        private: listed.config().is_some_and(|config| config.private_zone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        for id in ["Z0123456789ABC", "ZONE"] {
            assert!(is_id(id), "{id}");
        }
        for name in ["example.com", "Z", "Zebra.example", "z0123", "zone", "Z1.EXAMPLE"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
