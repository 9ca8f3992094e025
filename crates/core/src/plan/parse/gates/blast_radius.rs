//! A budget of failed requests.

use super::errors::MOST_REQUESTS;
use crate::plan::{
    BlastRadius,
    parse::cursor::{Cursor, Keys, Read},
};

pub(crate) const BLAST_RADIUS: Keys = Keys { known: &["per_step", "per_shift"], later: &[] };

pub(super) fn blast_radius(at: &Cursor<'_>) -> Read<BlastRadius> {
    let table = at.table(&BLAST_RADIUS)?;
    let requests = |key| table.optional(key, |at: &Cursor<'_>| at.whole(1, MOST_REQUESTS));
    let (per_step, per_shift) = (requests("per_step"), requests("per_shift"));
    let (per_step, per_shift) = (per_step?.map(u64::from), per_shift?.map(u64::from));
    match (per_step, per_shift) {
        (None, None) => {
            let hint =
                "give per_step, per_shift or both, in requests, as in { per_step: 500, per_shift: 2000 }";
            Err(at.refuse("this budget has no number", hint))
        }
        (Some(step), Some(shift)) if step > shift => {
            let message = format!("the shift's budget of {shift} is spent before the step's of {step}");
            Err(at.refuse(message, "let per_step be the smaller one, or leave it out"))
        }
        (Some(_), _) | (None, Some(_)) => Ok(BlastRadius { per_step, per_shift }),
    }
}
