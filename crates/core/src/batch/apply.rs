//! What Route 53 makes of a batch: every change in its order, all of them or none.
//!
//! For rehearsals, simulations and tests: whatever imitates Route 53 in this program imitates it here. The playground
//! does not; it is the other opinion.

use super::{Action, Batch, Change};
use crate::{RecordSet, Routing};

/// Why a batch changes nothing, in Route 53's words as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Tried to delete resource record set {0} but it was not found")]
    NotFound(String),
    #[error(
        "Tried to delete resource record set {0} but the values provided do not match the current values"
    )]
    Stale(String),
    #[error("Tried to create resource record set {0} but it already exists")]
    Exists(String),
}

impl Batch {
    /// The record sets of a zone that had these. What was created comes last.
    pub fn apply_to(&self, sets: &[RecordSet]) -> Result<Vec<RecordSet>, Refusal> {
        let mut after = sets.to_vec();
        self.changes.iter().try_for_each(|change| change.apply_to(&mut after))?;
        Ok(after)
    }
}

impl Change {
    /// One change alone. Nothing is changed by one that is refused.
    pub fn apply_to(&self, sets: &mut Vec<RecordSet>) -> Result<(), Refusal> {
        let Change { action, set } = self;
        let current = sets.iter_mut().find(|other| is_same_member(other, set));
        match (action, current) {
            (Action::Delete, None) => Err(Refusal::NotFound(set.described())),
            (Action::Delete, Some(current)) if !is_equal(current, set) => {
                Err(Refusal::Stale(set.described()))
            }
            (Action::Delete, Some(_)) => {
                sets.retain(|other| !is_same_member(other, set));
                Ok(())
            }
            (Action::Create, Some(_)) => Err(Refusal::Exists(set.described())),
            (Action::Upsert, Some(current)) => {
                *current = set.clone();
                Ok(())
            }
            (Action::Create | Action::Upsert, None) => {
                sets.push(set.clone());
                Ok(())
            }
        }
    }
}

impl RecordSet {
    /// As Route 53 names it in refusals.
    pub fn described(&self) -> String {
        let identifier =
            self.set_identifier().map(|id| format!(", set-identifier='{id}'")).unwrap_or_default();
        format!("[name='{}.', type='{}'{identifier}]", self.name, self.record_type)
    }
}

/// Whether both stand for one place in a zone.
fn is_same_member(a: &RecordSet, b: &RecordSet) -> bool {
    let member = match (&a.routing, &b.routing) {
        (Routing::Weighted { set_identifier: a, .. }, Routing::Weighted { set_identifier: b, .. }) => a == b,
        // Their identifiers are not kept, and nothing else tells them apart.
        (Routing::Other(one), Routing::Other(other)) => one == other && a.values == b.values,
        (Routing::Simple, Routing::Simple) => true,
        (Routing::Simple | Routing::Weighted { .. } | Routing::Other(_), _) => false,
    };
    member && a.name == b.name && a.record_type == b.record_type
}

/// As a DELETE compares: everything, but the order of the values.
fn is_equal(a: &RecordSet, b: &RecordSet) -> bool {
    let sorted = |set: &RecordSet| {
        let mut set = set.clone();
        set.values.sort();
        set
    };
    a == b || (a.values.len() > 1 && sorted(a) == sorted(b))
}

#[cfg(test)]
mod tests;
