//! Record sets at some names, in as few requests as possible.
//!
//! A listing begins at a name and goes on to the end of the zone, a page at a time. The fence of a name is listed right
//! behind it, so ordinarily one page answers for both, and both are as they were at one moment.

use std::collections::BTreeSet;

use aws_sdk_route53::{Client, types::RrType};
use crossfade_core::{RecordName, RecordSet, ZoneId};
use crossfade_ports::ZonesError;

use super::{convert, error::of_read, order};
use crate::call::observed;

/// The most that Route 53 gives at once.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html>
const PAGE_MAX: i32 = 300;

/// For a name and its fence, which are together. It has room for weights of several types; of the hundreds of other record
/// sets behind them nothing is wanted, and zones are read all the time.
const PAGE_OF_ONE: i32 = 40;

pub(super) async fn read(
    client: &Client,
    zone: &ZoneId,
    names: &BTreeSet<RecordName>,
) -> Result<Vec<RecordSet>, ZonesError> {
    let mut wanted: Vec<&RecordName> = names.iter().collect();
    wanted.sort_by(|a, b| order::compare(a, b));
    // Several names may be anywhere: a long page may have them all.
    let size = if wanted.len() <= 2 { PAGE_OF_ONE } else { PAGE_MAX };
    let mut found = Vec::new();
    let mut last: Option<Page> = None;
    for name in wanted {
        if let Some(sets) = last.as_ref().and_then(|page| page.at(name)) {
            found.extend(sets);
            continue;
        }
        let mut from = Position { name: name.clone(), record_type: None, set_identifier: None };
        loop {
            let page = list(client, zone, from, size).await?;
            found.extend(page.sets.iter().filter(|set| set.name == *name).cloned());
            // Whatever the order, the record sets of one name are together, and the listing began with them.
            let next = page.next.clone().filter(|next| next.name == *name);
            last = Some(page);
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    Ok(found)
}

/// Where a listing begins.
#[derive(Clone, Debug, PartialEq)]
struct Position {
    name: RecordName,
    record_type: Option<RrType>,
    set_identifier: Option<String>,
}

struct Page {
    from: RecordName,
    sets: Vec<RecordSet>,
    /// Where the listing goes on; none at the end of the zone.
    next: Option<Position>,
}

impl Page {
    /// All record sets at the name, if this page is sure to have them all.
    fn at(&self, name: &RecordName) -> Option<Vec<RecordSet>> {
        if self.next.as_ref().is_some_and(|next| next.name == *name) {
            return None;
        }
        let sets: Vec<RecordSet> = self.sets.iter().filter(|set| set.name == *name).cloned().collect();
        let covered = order::certainly_before(&self.from, name)
            && self.next.as_ref().is_none_or(|next| order::certainly_before(name, &next.name));
        (!sets.is_empty() || covered).then_some(sets)
    }
}

async fn list(client: &Client, zone: &ZoneId, from: Position, size: i32) -> Result<Page, ZonesError> {
    let call = client
        .list_resource_record_sets()
        .hosted_zone_id(&zone.0)
        .start_record_name(from.name.as_str())
        .set_start_record_type(from.record_type.clone())
        .set_start_record_identifier(from.set_identifier.clone())
        .max_items(size);
    let answer = observed("ListResourceRecordSets", call.send()).await;
    let answer = answer.map_err(|error| of_read(&error, &zone.0))?;
    let sets = answer.resource_record_sets().iter().map(convert::record_set).collect();
    let next = match (answer.is_truncated(), answer.next_record_name()) {
        (false, _) => None,
        (true, Some(name)) => Some(Position {
            name: RecordName::new(name),
            record_type: answer.next_record_type().cloned(),
            set_identifier: answer.next_record_identifier().map(str::to_owned),
        }),
        (true, None) => {
            return Err(ZonesError::Unavailable(format!("a listing of zone {zone} broke off in the middle")));
        }
    };
    if next.as_ref() == Some(&from) {
        return Err(ZonesError::Unavailable(format!("a listing of zone {zone} does not get on")));
    }
    Ok(Page { from: from.name, sets, next })
}
