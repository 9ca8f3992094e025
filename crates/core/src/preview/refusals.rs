//! What a plan must not be started on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Groups, StepPreview};
use crate::{
    RecordName, RecordSet, Routing, ZoneId,
    batch::{BatchError, GroupWeights, compare_and_swap},
    fence::{self, Fence},
    plan::{Mistake, Mistakes, Plan},
    weights::split,
};

/// As long as the identifier of an installation gets.
const LONGEST_OWNER: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn refusals(
    plan: &Plan,
    found: &[Found<'_>],
    steps: &[StepPreview],
    installation: Option<&str>,
) -> Mistakes {
    let mut refused = Refused::default();
    for group in found {
        if group.sets.is_empty() {
            refused.group(group, not_there(group));
        } else if let Some(why) = not_weighted(group) {
            refused.group(group, Some(why));
        } else {
            refused.group(group, set_identifiers(plan, group));
            refused.group(group, one_ttl(group));
            refused.group(group, weights(plan, group, steps, installation));
        }
    }
    for groups in by_name(found).values() {
        let Some(first) = groups.first() else { continue };
        refused.group(first, same_ttl(groups));
        refused.group(first, fenced(plan, first, installation));
    }
    refused.0.0.sort_by(|a, b| a.path.cmp(&b.path));
    refused.0
}

/// Whether each zone's write fits into one batch; a step that needs two is not atomic.
pub(super) fn too_large(
    plan: &Plan,
    groups: &Groups,
    listed: &BTreeMap<ZoneId, Vec<RecordSet>>,
    steps: &[StepPreview],
    installation: Option<&str>,
) -> Mistakes {
    let mut refused = Refused::default();
    let Some(step) = steps.first() else { return refused.0 };
    let weights: GroupWeights = groups.keys().map(|key| (key.clone(), step.weights.clone())).collect();
    for (zone, sets) in listed {
        let here = || groups.iter().filter(|(key, _)| key.zone == *zone);
        let Some((_, index)) = here().next() else { continue };
        let names: BTreeSet<&RecordName> = here().map(|(key, _)| &key.name).collect();
        let fences: BTreeMap<_, _> = names
            .iter()
            .map(|name| ((*name).clone(), largest_fence(plan, groups, name, installation)))
            .collect();
        // Every write but the first also deletes the fences of the one before.
        let mut sets = sets.clone();
        for (name, fence) in &fences {
            if fence::find(&sets, name).is_none() {
                sets.push(fence.record_set(name));
            }
        }
        match compare_and_swap(zone, "", &sets, &weights, &fences, &BTreeMap::new()) {
            Ok(_) => {}
            Err(error @ BatchError::TooLarge { .. }) => {
                refused.add(*index, error.to_string(), "make two plans of it, each with a part of the names");
            }
            Err(error @ (BatchError::AllZero(_) | BatchError::Missing { .. })) => {
                refused.add(*index, error.to_string(), "look at the records in the zone");
            }
        }
    }
    refused.0
}

type Why = Option<(String, String)>;

#[derive(Default)]
struct Refused(Mistakes);

impl Refused {
    fn group(&mut self, group: &Found<'_>, why: impl IntoIterator<Item = (String, String)>) {
        for (message, hint) in why {
            self.add(group.index, message, hint);
        }
    }

    fn add(&mut self, index: usize, message: String, hint: impl Into<String>) {
        let mistake = Mistake::new(format!("records[{index}]"), message, hint);
        // Groups of one entry often share a mistake in the same words.
        if !self.0.0.contains(&mistake) {
            self.0.0.push(mistake);
        }
    }
}

fn not_there(group: &Found<'_>) -> Why {
    let types: BTreeSet<&str> = group
        .listed
        .iter()
        .filter(|set| set.name == group.key.name)
        .map(|set| set.record_type.as_str())
        .collect();
    let message = format!("there is no record {} in zone {}", group.title(), group.key.zone);
    let hint = if types.is_empty() {
        "nothing is at that name: correct the name or the zone, or create the records first".to_owned()
    } else {
        let types: Vec<_> = types.into_iter().collect();
        format!("at that name there are: {}", types.join(", "))
    };
    Some((message, hint))
}

fn not_weighted(group: &Found<'_>) -> Why {
    let title = group.title();
    if group.sets.iter().any(|set| set.traffic_policy_instance_id.is_some()) {
        let message = format!("{title} was made by a traffic policy");
        return Some((
            message,
            "only the policy can change it: delete the policy's record and create weighted ones".into(),
        ));
    }
    group.sets.iter().find_map(|set| match &set.routing {
        Routing::Weighted { .. } => None,
        Routing::Simple => Some((
            format!("{title} is a simple record, without weights"),
            "in one batch, delete it and create a weighted record for each side, the cloud side with weight 0".to_owned(),
        )),
        Routing::Other(field) => Some((
            format!("{title} is not weighted: Route 53 chooses its answers by {field}"),
            "only weighted records can be moved step by step".to_owned(),
        )),
    })
}

fn set_identifiers(plan: &Plan, group: &Found<'_>) -> Vec<(String, String)> {
    let named: BTreeSet<&String> = plan.from.keys().chain(plan.to.keys()).collect();
    let there: BTreeSet<&String> = group.weights.keys().collect();
    let listed = |ids: &BTreeSet<&String>| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    let missing = named.difference(&there).map(|id| {
        let message = format!("{} has no record set with the identifier {id}", group.title());
        (message, format!("create it with weight 0, or name one of those that are there: {}", listed(&there)))
    });
    let left_over = there.difference(&named).map(|id| {
        let message = format!("{} has a record set {id} that the plan does not name", group.title());
        (message, "put it on a side (a relative share of 0 gives it no traffic), or delete it".to_owned())
    });
    missing.chain(left_over).collect()
}

/// Resolvers keep one TTL per name and type, and which one is not known.
fn one_ttl(group: &Found<'_>) -> Why {
    let ttls = group.ttls();
    let listed: Vec<_> = ttls.iter().map(|ttl| format!("{ttl} s")).collect();
    (ttls.len() > 1).then(|| {
        let message =
            format!("the record sets of {} have different TTLs: {}", group.title(), listed.join(", "));
        (message, "give all of them the same, 60 s or less".to_owned())
    })
}

/// The types of one name move in one batch, and would settle at different times.
fn same_ttl(groups: &[&Found<'_>]) -> Why {
    let present: Vec<_> = groups.iter().filter(|group| !group.sets.is_empty()).collect();
    let ttls: BTreeSet<u32> = present.iter().map(|group| group.cached_seconds()).collect();
    let first = present.first().filter(|_| ttls.len() > 1)?;
    let listed: Vec<_> = present
        .iter()
        .map(|group| format!("{} {} s", group.key.record_type, group.cached_seconds()))
        .collect();
    let message = format!("the types of {} have different TTLs: {}", first.key.name, listed.join(", "));
    Some((message, "give all of them the same; an alias to AWS has 60 s".to_owned()))
}

fn weights(plan: &Plan, group: &Found<'_>, steps: &[StepPreview], installation: Option<&str>) -> Why {
    let (part, whole) = split(&group.weights, &plan.to);
    if whole == 0 {
        let message =
            format!("all weights of {} are zero now: Route 53 answers with all alike", group.title());
        return Some((message, "give the from side its weight first".to_owned()));
    }
    let now = part as f64 / whole as f64 * 100.0;
    let above = |step: &&StepPreview| {
        let (step_part, step_whole) = split(&step.weights, &plan.to);
        part * step_whole > step_part * whole
    };
    if let Some(last) = steps.last().filter(above) {
        let message = format!(
            "{} gives the to side {now:.1} % already, more than the last step, {}",
            group.title(),
            last.share
        );
        return Some((message, "add a higher step, or lower the weights of the to side first".to_owned()));
    }
    // Where the plan's shift has written, the records stand at one of its steps.
    let fence = fence::find(group.listed, &group.key.name).and_then(Fence::decode);
    if fence.is_some_and(|fence| installation == Some(fence.owner.as_str()) && fence.shift == plan.name) {
        return None;
    }
    let first = steps.first().filter(above)?;
    let message = format!(
        "{} gives the to side {now:.1} % already, more than the first step, {}, which would lower it; and a revert \
         would raise it again",
        group.title(),
        first.share
    );
    Some((message, "begin the ramp above that, or lower the weights of the to side first".to_owned()))
}

fn fenced(plan: &Plan, group: &Found<'_>, installation: Option<&str>) -> Why {
    let set = fence::find(group.listed, &group.key.name)?;
    let Some(fence) = Fence::decode(set) else {
        let message = format!("at {}, where the fence goes, is a TXT record that is none", set.name);
        return Some((message, "delete it, if nothing needs it".to_owned()));
    };
    if installation == Some(fence.owner.as_str()) && fence.shift == plan.name {
        return None;
    }
    let (whose, remedy) = match installation {
        Some(ours) if ours == fence.owner => {
            ("of this installation".to_owned(), format!("finalize or cancel {} first", fence.shift))
        }
        Some(_) | None => (
            format!("of the installation {}", fence.owner),
            format!(
                "finalize or cancel {} there; if that installation is gone, delete {}",
                fence.shift, set.name
            ),
        ),
    };
    let message = format!("{} belongs to the shift {} {whose}", group.key.name, fence.shift);
    Some((message, remedy))
}

/// Which groups share a name, and so a fence.
fn by_name<'f, 'a>(found: &'f [Found<'a>]) -> BTreeMap<(&'a ZoneId, &'a RecordName), Vec<&'f Found<'a>>> {
    let mut names: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for group in found {
        names.entry((&group.key.zone, &group.key.name)).or_default().push(group);
    }
    names
}

fn largest_fence(plan: &Plan, groups: &Groups, name: &RecordName, installation: Option<&str>) -> Fence {
    let ids = || plan.from.keys().chain(plan.to.keys());
    let heaviest = || ids().map(|id| (id.clone(), crate::Weight(u8::MAX))).collect();
    let types = groups.keys().filter(|key| key.name == *name).map(|key| key.record_type);
    Fence {
        owner: installation.unwrap_or(LONGEST_OWNER).to_owned(),
        shift: plan.name.clone(),
        generation: u64::MAX,
        epoch: u64::MAX,
        baseline: types.map(|record_type| (record_type, heaviest())).collect(),
    }
}
