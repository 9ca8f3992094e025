//! Which record groups move, and between which sides.

use std::collections::BTreeMap;

use super::{
    cursor::{Cursor, Keys, Noted, Read, Table, nearest, quote},
    names::{domain_name, same_zone, zone},
};
use crate::{
    RecordName, RecordType,
    plan::{Records, Side},
    weights::MOST_MEMBERS,
};

pub(crate) const RECORDS: Keys = Keys { known: &["zone", "name", "types"], later: &[] };

/// What Route 53 takes for a set identifier.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
const LONGEST_SET_IDENTIFIER: usize = 128;

/// A million parts are finer than any weights.
const LARGEST_RELATIVE_SHARE: u32 = 1_000_000;

/// The beginning of the names where fences are kept.
const FENCES: &str = "_crossfade.";

pub(super) fn records(at: &Cursor<'_>) -> Read<Vec<Records>> {
    let items = at.some("a list of records")?;
    let mut seen = Seen::default();
    let records: Vec<_> = items.iter().map(|item| one(item, &mut seen)).collect();
    records.into_iter().collect()
}

/// The groups so far: by zone and name, their types and where those are written.
type Seen<'a> = BTreeMap<(String, RecordName), Vec<(RecordType, Cursor<'a>)>>;

fn one<'a>(at: &Cursor<'a>, seen: &mut Seen<'a>) -> Read<Records> {
    let table = at.table(&RECORDS)?;
    let zone = table.required("zone", zone);
    let name = table.required("name", name);
    let types = table.required("types", |at| at.some("a list of record types"));
    let types: Read<Vec<_>> = types.and_then(|types| {
        let types: Vec<_> = types.into_iter().map(|at| Ok((record_type(&at)?, at))).collect();
        types.into_iter().collect()
    });
    let (zone, name, types) = (zone?, name?, types?);
    let others = seen.entry((same_zone(&zone), RecordName::new(&name))).or_default();
    let mut all = Ok(());
    for (record_type, at) in &types {
        all = clash(*record_type, at, others, &name).and(all);
        others.push((*record_type, at.clone()));
    }
    all?;
    Ok(Records { zone, name, types: types.into_iter().map(|(record_type, _)| record_type).collect() })
}

fn clash(
    record_type: RecordType,
    at: &Cursor<'_>,
    others: &[(RecordType, Cursor<'_>)],
    name: &str,
) -> Read<()> {
    for (other, there) in others {
        if *other == record_type {
            let message = format!("the group {name} {record_type} is named twice");
            let hint =
                format!("it is at {} on line {} already: keep one of them", there.path(), there.line());
            return Err(at.refuse(message, hint));
        }
        if *other == RecordType::Cname || record_type == RecordType::Cname {
            let beside = if *other == RecordType::Cname { record_type } else { *other };
            let message = format!("{name} cannot have CNAME and {beside} records");
            return Err(at.refuse(message, "a CNAME stands alone: name the types that the zone has"));
        }
    }
    Ok(())
}

fn name(at: &Cursor<'_>) -> Read<String> {
    let name = domain_name(at)?;
    if RecordName::new(&name).as_str().starts_with(FENCES) {
        let message = format!("{name} is where Crossfade keeps a fence");
        return Err(at.refuse(message, "name the records that carry traffic"));
    }
    Ok(name)
}

fn record_type(at: &Cursor<'_>) -> Read<RecordType> {
    let text = at.text()?;
    text.parse().map_err(|_| {
        let names = || RecordType::ALL.into_iter().map(RecordType::as_str);
        let hint = nearest(&text, names())
            .map(|name| format!("did you mean {name}?"))
            .unwrap_or_else(|| format!("the types are {}", names().collect::<Vec<_>>().join(", ")));
        at.refuse(format!("{} is not a record type that Route 53 can weight", quote(&text)), hint)
    })
}

/// One side by itself.
pub(super) fn side(at: &Cursor<'_>) -> Read<Side> {
    let side = at.map("set identifiers with their relative shares, as in { cloud: 1 }", |id, share| {
        if id.is_empty() || id.chars().count() > LONGEST_SET_IDENTIFIER {
            let message = format!("a set identifier has 1 to {LONGEST_SET_IDENTIFIER} characters");
            return Err(share.refuse(message, "use the set identifier of the record set in the zone"));
        }
        share.whole(0, LARGEST_RELATIVE_SHARE)
    })?;
    if side.values().all(|share| *share == 0) {
        let message = "no set identifier has a relative share above zero";
        return Err(at.refuse(message, "give one of them at least 1"));
    }
    Ok(side)
}

/// Both sides together.
pub(super) fn sides(plan: &Table<'_>, from: &Side, to: &Side) -> Result<(), Noted> {
    let Some(at) = plan.get("to") else { return Ok(()) };
    let count = from.len() + to.len();
    if count > MOST_MEMBERS {
        let message = format!("both sides together have {count} set identifiers");
        return Err(at.refuse(message, format!("a record group of Route 53 has at most {MOST_MEMBERS}")));
    }
    let mut all = Ok(());
    for (id, at) in to.keys().filter(|id| from.contains_key(*id)).filter_map(|id| Some((id, at.peek(id)?))) {
        let message = format!("the set identifier {} is on both sides", quote(id));
        let hint = "each record set belongs to one side: take it out of from or of to";
        all = Err(at.refuse(message, hint));
    }
    all
}
