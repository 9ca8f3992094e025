//! What is allowed and may surprise.

use super::{Found, StepPreview};
use jiff::SignedDuration;

use crate::{
    RecordSet, Share,
    plan::{Gate, Plan, Side, Span},
    record::ALIAS_TTL_SECONDS,
    weights::split,
};

/// Longer, and every step takes as long to take effect as most people hold one.
const LONG_TTL_SECONDS: u32 = 300;

/// Percentage points. Less is not seen among the noise of resolvers and caches.
const NOTABLE_ERROR: f64 = 0.1;

pub(super) fn warnings(plan: &Plan, found: &[Found<'_>], steps: &[StepPreview]) -> Vec<String> {
    let of_groups = found.iter().flat_map(|group| {
        [mixed_alias(group), long_ttl(group), zero_is_not_off(plan, group), already(plan, group)]
    });
    of_groups.chain(steps.iter().map(rounded)).chain([short_comparison(plan)]).flatten().collect()
}

fn mixed_alias(group: &Found<'_>) -> Option<String> {
    let alias = group.sets.iter().find(|set| set.alias.is_some())?;
    let ttl = group.ttls().into_iter().find(|ttl| *ttl != ALIAS_TTL_SECONDS)?;
    Some(format!(
        "{}: {} is an alias, whose TTL is {ALIAS_TTL_SECONDS} s, beside record sets with a TTL of {ttl} s; set \
         that to {ALIAS_TTL_SECONDS} s, or resolvers favour the side that they keep for longer",
        group.title(),
        alias.set_identifier().unwrap_or_default(),
    ))
}

fn long_ttl(group: &Found<'_>) -> Option<String> {
    let ttl = group.cached_seconds();
    (ttl > LONG_TTL_SECONDS).then(|| {
        format!(
            "{}: resolvers keep its answers for {ttl} s, so that each step, and a revert, takes at least {} min to \
             reach everybody; lower the TTL some time before the start",
            group.title(),
            ttl.div_ceil(60),
        )
    })
}

fn zero_is_not_off(plan: &Plan, group: &Found<'_>) -> Option<String> {
    let checked = |set: &RecordSet| {
        set.health_check_id.is_some() || set.alias.as_ref().is_some_and(|alias| alias.evaluate_target_health)
    };
    let on = |side: &Side, set: &RecordSet| set.set_identifier().is_some_and(|id| side.contains_key(id));
    let to = group.sets.iter().find(|set| on(&plan.to, set) && checked(set))?.set_identifier()?;
    let from = group.sets.iter().find(|set| on(&plan.from, set) && !checked(set))?.set_identifier()?;
    Some(format!(
        "{}: {to} is checked for health and {from} is not, so that Route 53 answers with {from}, even at weight 0, \
         whenever everything with a weight is unhealthy",
        group.title(),
    ))
}

fn already(plan: &Plan, group: &Found<'_>) -> Option<String> {
    let (part, whole) = split(&group.weights, &plan.to);
    (part > 0 && whole > 0).then(|| {
        format!(
            "{}: the to side gets {:.1} % already; a revert goes back to that and not to 0",
            group.title(),
            part as f64 / whole as f64 * 100.0,
        )
    })
}

/// At 100 % there is nothing left to compare with: an outage of something that both sides need looks like the cloud's.
fn short_comparison(plan: &Plan) -> Option<String> {
    let compares = plan.gates.iter().filter_map(Gate::errors).any(|errors| errors.error_rate.from.is_some());
    let last = plan.ramp.steps.len().checked_sub(1)?;
    let whole = plan.step(last).is_some_and(|step| step.share.ppm() == Share::WHOLE);
    let before = last.checked_sub(1);
    let (held, bake) = (before.map_or(SignedDuration::ZERO, |step| plan.hold(step)), plan.bake());
    (compares && whole && held < bake).then(|| {
        let now = match before.and_then(|step| plan.step(step)) {
            Some(step) => format!("{} is held for {} and 100 % for {}", step.share, Span(held), Span(bake)),
            None => format!("100 % is the only step, held for {}", Span(bake)),
        };
        format!(
            "{now}, when no live legacy side is left to compare with; let the last step before it, such as 90, be held \
             for {} or longer",
            Span(bake)
        )
    })
}

fn rounded(step: &StepPreview) -> Option<String> {
    (step.error > NOTABLE_ERROR).then(|| {
        format!(
            "step {}: the nearest weights give the to side {:.2} %, and miss some set identifier by {:.2} points",
            step.share, step.realised, step.error,
        )
    })
}
