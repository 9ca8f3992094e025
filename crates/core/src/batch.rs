//! Change batches: a whole write to one zone, which Route 53 applies entirely or not at all.
//!
//! A batch deletes what was listed and creates it again with other weights, and does the same to the fence. That
//! makes it a compare-and-swap: if anything it deletes is no longer as listed, Route 53 refuses the whole batch.

mod apply;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    GroupKey, RecordName, RecordSet, Weight, ZoneId,
    fence::{self, Fence},
};

pub use self::apply::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    Delete,
    Create,
    Upsert,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub action: Action,
    pub set: RecordSet,
}

/// One `ChangeResourceRecordSets` call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub zone: ZoneId,
    /// Shown by `GetChange` and CloudTrail; at most 256 characters.
    pub comment: String,
    pub changes: Vec<Change>,
}

impl Batch {
    /// Whether it is refused when the fence that it was made on is gone.
    pub fn replaces_a_fence(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.action == Action::Delete && Fence::decode(&change.set).is_some())
    }
}

/// Weights that a write is to leave behind, by group and set identifier.
pub type GroupWeights = BTreeMap<GroupKey, BTreeMap<String, Weight>>;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error(
        "the weights of {0} would add up to zero, and Route 53 would then answer with every record set alike"
    )]
    AllZero(GroupKey),
    #[error("{group} has no record set with the identifier {set_identifier}")]
    Missing { group: GroupKey, set_identifier: String },
    #[error(
        "the write needs {records} record changes and {characters} characters of values in zone {zone}; one batch \
         may hold {RECORDS_MAX} and {CHARACTERS_MAX}"
    )]
    TooLarge { zone: ZoneId, records: usize, characters: usize },
}

/// `ResourceRecord` elements in one request, aliases included, an UPSERT counted twice.
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
pub const RECORDS_MAX: usize = 1_000;

/// Characters over all values of one request, an UPSERT counted twice. Same source.
pub const CHARACTERS_MAX: usize = 32_000;

const COMMENT_MAX: usize = 256;

/// The normal write: everything it touches is first deleted exactly as listed.
///
/// `fences` are the next fences by record name. `missing` are whole record sets (the baseline's) to be created
/// where the listing has lost them; without one, a weight for a record set that is not there is an error.
pub fn compare_and_swap(
    zone: &ZoneId,
    comment: &str,
    listed: &[RecordSet],
    weights: &GroupWeights,
    fences: &BTreeMap<RecordName, Fence>,
    missing: &BTreeMap<GroupKey, Vec<RecordSet>>,
) -> Result<Batch, BatchError> {
    let mut deletes = Vec::new();
    let mut creates = Vec::new();
    for (group, wanted) in weights.iter().filter(|(group, _)| group.zone == *zone) {
        let members: Vec<&RecordSet> = members(listed, group).collect();
        for set_identifier in wanted.keys() {
            if !members.iter().any(|set| set.set_identifier() == Some(set_identifier)) {
                creates.push(lost_member(group, set_identifier, wanted, missing)?);
            }
        }
        for set in members {
            // A member that nobody named keeps its weight, but takes part in the comparison.
            let after = set
                .set_identifier()
                .and_then(|id| wanted.get(id))
                .and_then(|weight| set.with_weight(*weight))
                .unwrap_or_else(|| set.clone());
            deletes.push(set.clone());
            creates.push(after);
        }
        refuse_all_zero(group, &creates)?;
    }
    for (name, next) in fences {
        deletes.extend(fence::find(listed, name).cloned());
        creates.push(next.record_set(name));
    }
    let changes = deletes
        .into_iter()
        .map(|set| Change { action: Action::Delete, set })
        .chain(creates.into_iter().map(|set| Change { action: Action::Create, set }))
        .collect();
    sized(zone, comment, changes)
}

/// The last resort of a revert whose compare-and-swap was refused again and again: whatever is there now is
/// overwritten with the baseline's weights.
pub fn overwrite(
    zone: &ZoneId,
    comment: &str,
    listed: &[RecordSet],
    weights: &GroupWeights,
    fences: &BTreeMap<RecordName, Fence>,
    baseline: &BTreeMap<GroupKey, Vec<RecordSet>>,
) -> Result<Batch, BatchError> {
    let mut sets = Vec::new();
    for (group, wanted) in weights.iter().filter(|(group, _)| group.zone == *zone) {
        for (set_identifier, weight) in wanted {
            let current =
                members(listed, group).find(|set| set.set_identifier() == Some(set_identifier.as_str()));
            sets.push(match current.and_then(|set| set.with_weight(*weight)) {
                Some(set) => set,
                None => lost_member(group, set_identifier, wanted, baseline)?,
            });
        }
        refuse_all_zero(group, &sets)?;
    }
    sets.extend(fences.iter().map(|(name, next)| next.record_set(name)));
    let changes = sets.into_iter().map(|set| Change { action: Action::Upsert, set }).collect();
    sized(zone, comment, changes)
}

/// Gives names up: deletes these fences as listed and touches nothing else. `None` when there is none.
pub fn release<'a>(
    zone: &ZoneId,
    comment: &str,
    fences: impl Iterator<Item = &'a RecordSet>,
) -> Option<Batch> {
    let changes: Vec<Change> =
        fences.map(|set| Change { action: Action::Delete, set: set.clone() }).collect();
    (!changes.is_empty()).then(|| Batch { zone: zone.clone(), comment: shortened(comment), changes })
}

/// The record sets of a group among listed ones.
pub fn members<'a>(listed: &'a [RecordSet], group: &GroupKey) -> impl Iterator<Item = &'a RecordSet> {
    let (name, record_type) = (group.name.clone(), group.record_type.as_str());
    listed.iter().filter(move |set| set.name == name && set.record_type == record_type)
}

/// Weights by set identifier, as listed.
pub fn weights_of(listed: &[RecordSet], group: &GroupKey) -> BTreeMap<String, Weight> {
    members(listed, group).filter_map(|set| Some((set.set_identifier()?.to_owned(), set.weight()?))).collect()
}

fn lost_member(
    group: &GroupKey,
    set_identifier: &str,
    wanted: &BTreeMap<String, Weight>,
    whole: &BTreeMap<GroupKey, Vec<RecordSet>>,
) -> Result<RecordSet, BatchError> {
    whole
        .get(group)
        .into_iter()
        .flatten()
        .find(|set| set.set_identifier() == Some(set_identifier))
        .and_then(|set| set.with_weight(*wanted.get(set_identifier)?))
        .ok_or_else(|| BatchError::Missing {
            group: group.clone(),
            set_identifier: set_identifier.to_owned(),
        })
}

fn refuse_all_zero(group: &GroupKey, after: &[RecordSet]) -> Result<(), BatchError> {
    if weights_of(after, group).values().all(|weight| weight.0 == 0) {
        return Err(BatchError::AllZero(group.clone()));
    }
    Ok(())
}

fn sized(zone: &ZoneId, comment: &str, changes: Vec<Change>) -> Result<Batch, BatchError> {
    let (mut records, mut characters) = (0, 0);
    for change in &changes {
        let factor = if change.action == Action::Upsert { 2 } else { 1 };
        records += factor * change.set.values.len().max(1);
        characters += factor * change.set.values.iter().map(String::len).sum::<usize>();
    }
    if records > RECORDS_MAX || characters > CHARACTERS_MAX {
        return Err(BatchError::TooLarge { zone: zone.clone(), records, characters });
    }
    Ok(Batch { zone: zone.clone(), comment: shortened(comment), changes })
}

fn shortened(comment: &str) -> String {
    comment.chars().take(COMMENT_MAX).collect()
}
