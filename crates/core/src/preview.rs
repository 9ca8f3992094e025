//! A plan held against the zones it is about: what is there now, what each step would write, and what would go
//! wrong.

pub mod evidence;
mod refusals;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    GroupKey, RecordName, RecordSet, Share, Weight, ZoneId,
    batch::{members, weights_of},
    calendar::Opening,
    gate::StepSensitivity,
    plan::{Mistake, Mistakes, Plan, Records},
    record::Zone,
    weights::{WeightsError, realise, share_of},
};

/// The plan's record groups, each with the index of the `records` entry that names it.
pub type Groups = BTreeMap<GroupKey, usize>;

/// What a plan would find and do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    pub groups: Vec<GroupPreview>,
    pub steps: Vec<StepPreview>,
    /// Sentences about what is allowed and may surprise.
    pub warnings: Vec<String>,
    /// Percentage of the answers that the `to` side gets now: the largest over the groups.
    pub share_now: Option<f64>,
    /// What each gate can see at each step with the traffic that there is now. Nothing is said of a gate whose `from` side
    /// is not known.
    #[serde(default)]
    pub sensitivity: Vec<StepSensitivity>,
    /// When the calendar is open next; `None` where the plan has none.
    #[serde(default)]
    pub openings: Option<Vec<Opening>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupPreview {
    pub key: GroupKey,
    pub members: Vec<MemberPreview>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberPreview {
    pub set_identifier: String,
    /// The alias' target, or the values.
    pub target: String,
    /// Absent for aliases.
    pub ttl_seconds: Option<u32>,
    pub health_check: Option<String>,
    pub weight_now: Weight,
}

/// The same for every group of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepPreview {
    pub share: Share,
    /// By set identifier.
    pub weights: BTreeMap<String, Weight>,
    /// Percentage of the answers that the `to` side gets with these weights.
    pub realised: f64,
    /// Percentage points by which the set identifier that is furthest off misses its share.
    pub error: f64,
}

/// Which zones the plan means. `found` holds, for each distinct `records[].zone` of the plan, the zones that were
/// found under that id or name.
pub fn resolve(plan: &Plan, found: &BTreeMap<String, Vec<Zone>>) -> Result<Groups, Mistakes> {
    let mut groups = Groups::new();
    let mut mistakes = Mistakes::default();
    for (i, records) in plan.records.iter().enumerate() {
        let zones = found.get(&records.zone).map(Vec::as_slice).unwrap_or_default();
        match only_zone(records, zones) {
            Ok(zone) => add_groups(&mut groups, &mut mistakes, zone, records, i),
            Err((key, message, hint)) => {
                mistakes.0.push(Mistake::new(format!("records[{i}].{key}"), message, hint));
            }
        }
    }
    mistakes.or(groups)
}

/// `listed` holds, per zone, every record set at the plan's names, of all types, and at the names of their fences.
/// What the metrics and the calendar say is left to be said.
/// `installation` is the owner in this installation's fences; without it, every fence is somebody else's.
pub fn preview(
    plan: &Plan,
    groups: &Groups,
    listed: &BTreeMap<ZoneId, Vec<RecordSet>>,
    installation: Option<&str>,
) -> Result<Preview, Mistakes> {
    let steps = steps(plan).map_err(|error| {
        Mistakes(vec![Mistake::new("to", error.to_string(), "correct the set identifiers of from and to")])
    })?;
    let found: Vec<Found<'_>> = groups.iter().map(|(key, index)| Found::new(key, *index, listed)).collect();
    let mut mistakes = refusals::refusals(plan, &found, &steps, installation);
    if mistakes.0.is_empty() {
        mistakes = refusals::too_large(plan, groups, listed, &steps, installation);
    }
    mistakes.or(())?;
    Ok(Preview {
        share_now: found
            .iter()
            .filter_map(|group| share_of(&group.weights, &plan.to))
            .max()
            .map(Share::percent),
        warnings: warnings::warnings(plan, &found, &steps),
        groups: found.iter().map(Found::preview).collect(),
        steps,
        sensitivity: Vec::new(),
        openings: None,
    })
}

type Refusal = (&'static str, String, String);

fn only_zone<'z>(records: &Records, zones: &'z [Zone]) -> Result<&'z Zone, Refusal> {
    let zone = match zones {
        [] => {
            let message = format!("there is no zone {} in this account", records.zone);
            return Err(("zone", message, "check the zone and the plan's account".to_owned()));
        }
        [zone] => zone,
        several => {
            let kind = |zone: &Zone| if zone.private { "private" } else { "public" };
            let ids: Vec<_> = several.iter().map(|zone| format!("{} ({})", zone.id, kind(zone))).collect();
            let message = format!("{} zones are named {}", several.len(), records.zone);
            return Err(("zone", message, format!("give the id of one of them: {}", ids.join(", "))));
        }
    };
    if !RecordName::new(&records.name).is_in(&zone.name) {
        let message = format!("{} is not in the zone {}", records.name, zone.name);
        return Err(("name", message, format!("write the whole name, ending in {}", zone.name)));
    }
    Ok(zone)
}

/// A zone may be meant by its id in one place and by its name in another.
fn add_groups(groups: &mut Groups, mistakes: &mut Mistakes, zone: &Zone, records: &Records, index: usize) {
    for record_type in &records.types {
        let name = RecordName::new(&records.name);
        let key = GroupKey { zone: zone.id.clone(), name, record_type: *record_type };
        if let Some(other) = groups.get(&key) {
            let message = format!("{} {record_type} is the same group as in records[{other}]", records.name);
            mistakes.0.push(Mistake::new(format!("records[{index}]"), message, "keep one of them"));
        } else {
            groups.insert(key, index);
        }
    }
}

fn steps(plan: &Plan) -> Result<Vec<StepPreview>, WeightsError> {
    let steps = plan.ramp.steps.iter().map(|step| {
        let realised = realise(step.share, &plan.from, &plan.to)?;
        Ok(StepPreview {
            share: step.share,
            weights: realised.weights,
            realised: realised.share * 100.0,
            error: realised.error * 100.0,
        })
    });
    steps.collect()
}

/// A record group as it is in the zone.
struct Found<'a> {
    key: &'a GroupKey,
    /// Of the `records` entry that names it.
    index: usize,
    sets: Vec<&'a RecordSet>,
    weights: BTreeMap<String, Weight>,
    /// Everything at the plan's names in the same zone.
    listed: &'a [RecordSet],
}

impl<'a> Found<'a> {
    fn new(key: &'a GroupKey, index: usize, listed: &'a BTreeMap<ZoneId, Vec<RecordSet>>) -> Found<'a> {
        let listed = listed.get(&key.zone).map(Vec::as_slice).unwrap_or_default();
        Found { key, index, sets: members(listed, key).collect(), weights: weights_of(listed, key), listed }
    }

    /// As a sentence names it.
    fn title(&self) -> String {
        format!("{} {}", self.key.name, self.key.record_type)
    }

    /// The TTLs that were set; aliases have none.
    fn ttls(&self) -> Vec<u32> {
        let mut ttls: Vec<u32> = self.sets.iter().filter_map(|set| set.ttl_seconds).collect();
        ttls.sort_unstable();
        ttls.dedup();
        ttls
    }

    /// How long resolvers may keep any of the answers, in seconds.
    fn cached_seconds(&self) -> u32 {
        self.sets.iter().map(|set| set.cached_seconds()).max().unwrap_or(0)
    }

    fn preview(&self) -> GroupPreview {
        let members = self.sets.iter().filter_map(|set| {
            Some(MemberPreview {
                set_identifier: set.set_identifier()?.to_owned(),
                target: set
                    .alias
                    .as_ref()
                    .map_or_else(|| set.values.join(", "), |alias| alias.dns_name.clone()),
                ttl_seconds: set.ttl_seconds,
                health_check: set.health_check_id.clone(),
                weight_now: set.weight()?,
            })
        });
        GroupPreview { key: self.key.clone(), members: members.collect() }
    }
}
