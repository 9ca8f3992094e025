//! What follows from a shift's state alone, worked out once for each state.

use jiff::SignedDuration;

use crate::{
    Share,
    event::Hash,
    shift::Shift,
    weights::{share_of, split},
};

/// The head stands for the whole history, and so for the state.
#[derive(Debug)]
pub(super) struct Derived {
    head: Hash,
    pub(super) ttl: SignedDuration,
    /// The share that the weights which were last left give to the `to` side: in the group where it is least, and where
    /// it is most.
    pub(super) given: Option<(Share, Share)>,
    /// How the next step would lower a group.
    pub(super) lowered: Option<String>,
}

impl Derived {
    /// Of this shift, anew unless it is known.
    pub(super) fn of<'a>(shift: &Shift, memory: &'a mut Option<Derived>) -> &'a Derived {
        let known = memory.take().filter(|known| known.head == shift.head);
        memory.insert(known.unwrap_or_else(|| Derived {
            head: shift.head.clone(),
            ttl: shift.ttl(),
            given: given(shift),
            lowered: lowered_by_the_next_step(shift),
        }))
    }
}

fn given(shift: &Shift) -> Option<(Share, Share)> {
    let groups = shift.set_weights();
    let shares: Vec<Share> = groups.values().filter_map(|group| share_of(group, &shift.plan.to)).collect();
    Some((*shares.iter().min()?, *shares.iter().max()?))
}

/// A step goes up. One that would lower a group is of a plan that was changed since the records were as they are.
fn lowered_by_the_next_step(shift: &Shift) -> Option<String> {
    let plan = &shift.plan;
    let step = plan.step(shift.next_step()?)?;
    let after = shift.weights_for(step.share);
    let remembered = shift.set_weights();
    remembered.iter().find_map(|(group, before)| {
        let (part, whole) = split(before, &plan.to);
        let (part_after, whole_after) = split(after.get(group)?, &plan.to);
        (part * whole_after > part_after * whole).then(|| {
            format!(
                "the next step, {}, would lower {} {}, which gives the to side {} already; change the plan to begin \
                 above that",
                step.share,
                group.name,
                group.record_type,
                Share::of(part, whole)
            )
        })
    })
}
