//! `revert --direct`: break glass. Straight to Route 53, with no daemon and no database.
//!
//! The fence beside the record keeps the baseline weights. The write is the one that the daemon would make, with the
//! next generation, so that a late batch of the daemon can no longer land; a daemon that comes back finds the fence and
//! knows what happened.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    time::Duration,
};

use crossfade_core::{
    GroupKey, RecordName, RecordSet, ZoneId,
    batch::{self, Batch, BatchError, GroupWeights},
    event::ChangeId,
    fence::{self, Fence},
};
use crossfade_ports::{SubmitError, Zones, ZonesError, zones::ChangeStatus};
use tokio::time::Instant;

use super::Context;
use crate::{
    args::{Access, Output},
    compose,
    failure::{Exit, Failure},
    render,
};

/// After so many refusals the weights are written over whatever is there: the person who asks has decided.
const REFUSALS: u32 = 3;

/// Of all kinds, reading and writing. More says that something else than a race is wrong.
const ATTEMPTS: u32 = 10;

/// Route 53 asks for that much after a throttled request.
const PAUSE: Duration = Duration::from_secs(1);

/// Usually a minute at most; the change is accepted by then in any case.
const IN_SYNC: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_secs(2);

/// How often something may still be tried.
struct Attempts(u32);

/// What is known of a name before a write.
struct Found {
    listed: Vec<RecordSet>,
    fence: Fence,
    weights: GroupWeights,
}

pub async fn revert(
    context: &Context,
    zone: &str,
    record: &str,
    access: &Access,
    reason: Option<String>,
) -> Result<Exit, Failure> {
    let loaded = super::config::load(context, &access.config)?;
    let route53 = compose::route53(&loaded.config, &access.account).await?;
    let (zones, mut attempts) = (&route53, Attempts(ATTEMPTS));
    let name = RecordName::new(record);
    let zone = only_zone(zones, zone, &mut attempts).await?;
    let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let comment = format!("crossfade revert --direct by {}{why}", context.global.actor);
    let (found, change) = write(zones, &zone, &name, &comment, &mut attempts).await?;
    answer(context, &zone, &name, &found, change.as_ref())?;
    if let Some(change) = &change {
        in_sync(zones, change).await?;
    }
    render::note(format!(
        "The shift {} may have other records; each is reverted by a call of its own. A daemon that comes back finds \
         out by itself.",
        found.fence.shift
    ));
    Ok(Exit::Done)
}

impl Attempts {
    /// Lets it be tried again, and says why; after the last attempt, this is the failure.
    fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            let hint = "repeat the command, or set the weights in the AWS console";
            return Err(failure.notes([format!("given up after {ATTEMPTS} attempts")]).hint(hint));
        }
        let why = failure.source().map_or_else(String::new, |why| format!(" ({why})"));
        render::note(format!("{failure}{why}; trying again"));
        Ok(())
    }
}

async fn only_zone(zones: &dyn Zones, id_or_name: &str, attempts: &mut Attempts) -> Result<ZoneId, Failure> {
    let found = answered(id_or_name, attempts, async || zones.find(id_or_name).await).await?;
    match found.as_slice() {
        [zone] => Ok(zone.id.clone()),
        [] => Err(Failure::failed(format!("there is no hosted zone {id_or_name} in this account"))
            .hint("--account names an account of the configuration; AWS_PROFILE works too")),
        several => Err(Failure::failed(format!("{} zones are named {id_or_name}", several.len()))
            .notes(
                several
                    .iter()
                    .map(|zone| format!("{} ({})", zone.id, if zone.private { "private" } else { "public" })),
            )
            .hint("give one of these ids as --zone")),
    }
}

/// The change is `None` where the answer was lost and the fence told.
async fn write(
    zones: &dyn Zones,
    zone: &ZoneId,
    name: &RecordName,
    comment: &str,
    attempts: &mut Attempts,
) -> Result<(Found, Option<ChangeId>), Failure> {
    let names = BTreeSet::from([name.clone(), name.fence()]);
    let mut refusals = 0;
    let mut sent: Option<u64> = None;
    loop {
        let listed = answered(&zone.0, attempts, async || zones.read(zone, &names).await).await;
        let found = look(listed.map_err(|failure| warned(failure, sent))?, zone, name)?;
        if sent == Some(found.fence.generation) && is_there(&found) {
            return Ok((found, None));
        }
        let batch = batch(&found, zone, name, comment, refusals >= REFUSALS)?;
        match zones.submit(&batch).await {
            Ok(change) => return Ok((found, Some(change))),
            Err(error @ SubmitError::Refused(_)) => {
                refusals += 1;
                let failure = Failure::new(Exit::Refused, "Route 53 refused the write").because(error);
                attempts.again(warned(failure, sent))?;
            }
            Err(error @ SubmitError::Denied(_)) => {
                return Err(Failure::new(Exit::NotAllowed, "AWS does not allow the write").because(error));
            }
            Err(error @ SubmitError::NoSuchZone(_)) => {
                return Err(Failure::failed("the write was not taken").because(error));
            }
            Err(
                error @ (SubmitError::Throttled(_)
                | SubmitError::Busy(_)
                | SubmitError::Unanswered(_)
                | SubmitError::NotSent(_)),
            ) => {
                sent = Some(found.fence.generation + 1);
                let failure =
                    Failure::new(Exit::Unreachable, "the write was not acknowledged").because(error);
                attempts.again(warned(failure, sent))?;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Asks Route 53 until it answers.
async fn answered<T>(
    zone: &str,
    attempts: &mut Attempts,
    ask: impl AsyncFn() -> Result<T, ZonesError>,
) -> Result<T, Failure> {
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let retryable = error.is_retryable();
        let failure = unread(error, zone);
        if !retryable {
            return Err(failure);
        }
        attempts.again(failure)?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whoever reads of the failure should know that something was sent.
fn warned(failure: Failure, sent: Option<u64>) -> Failure {
    match sent {
        Some(_) => failure.notes(["a write that had no answer may have been applied, or be applied yet"]),
        None => failure,
    }
}

fn look(listed: Vec<RecordSet>, zone: &ZoneId, name: &RecordName) -> Result<Found, Failure> {
    let fence = fence::find(&listed, name).and_then(Fence::decode).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{name} has no fence in zone {zone}: no shift has written to it"))
            .hint(format!("the fence is the TXT record {}; --name is the record that moves", name.fence()))
    })?;
    if fence.baseline.is_empty() {
        return Err(Failure::new(
            Exit::Refused,
            "the baseline was too long for the fence, which does not have it",
        )
        .hint(format!("the history of {} has it: the event `baseline_taken`", fence.shift)));
    }
    let weights = still_there(&listed, zone, name, &fence);
    Ok(Found { listed, fence, weights })
}

/// The baseline weights of the record sets that are there. One that is gone cannot be made again from a weight.
fn still_there(listed: &[RecordSet], zone: &ZoneId, name: &RecordName, fence: &Fence) -> GroupWeights {
    let group = |(record_type, weights): (&crossfade_core::RecordType, &BTreeMap<_, _>)| {
        let key = GroupKey { zone: zone.clone(), name: name.clone(), record_type: *record_type };
        let now = batch::weights_of(listed, &key);
        let (there, gone): (BTreeMap<String, _>, BTreeMap<String, _>) =
            weights.clone().into_iter().partition(|(id, _)| now.contains_key(id));
        for id in gone.keys() {
            render::note(format!("warning: {name} {record_type} {id} is gone, and stays so"));
        }
        (key, there)
    };
    fence.baseline.iter().map(group).filter(|(_, weights)| !weights.is_empty()).collect()
}

fn is_there(found: &Found) -> bool {
    found.weights.iter().all(|(group, weights)| {
        let now = batch::weights_of(&found.listed, group);
        weights.iter().all(|(id, weight)| now.get(id) == Some(weight))
    })
}

fn batch(
    found: &Found,
    zone: &ZoneId,
    name: &RecordName,
    comment: &str,
    over_everything: bool,
) -> Result<Batch, Failure> {
    let next = Fence { generation: found.fence.generation + 1, ..found.fence.clone() };
    let fences = BTreeMap::from([(name.clone(), next)]);
    let nothing = BTreeMap::new();
    let made = match over_everything {
        true => batch::overwrite(zone, comment, &found.listed, &found.weights, &fences, &nothing),
        false => batch::compare_and_swap(zone, comment, &found.listed, &found.weights, &fences, &nothing),
    };
    made.map_err(|error| match error {
        BatchError::AllZero(_) | BatchError::Missing { .. } | BatchError::TooLarge { .. } => {
            Failure::new(Exit::Refused, "the baseline cannot be written").because(error)
        }
    })
}

fn answer(
    context: &Context,
    zone: &ZoneId,
    name: &RecordName,
    found: &Found,
    change: Option<&ChangeId>,
) -> Result<(), Failure> {
    if context.global.output != Output::Table {
        let weights: BTreeMap<_, _> =
            found.weights.iter().map(|(group, weights)| (group.record_type, weights)).collect();
        return render::json(
            &serde_json::json!({
                "zone": zone, "name": name, "shift": found.fence.shift, "change": change, "weights": weights,
            }),
            context.global.output,
        );
    }
    for (group, weights) in &found.weights {
        let now = batch::weights_of(&found.listed, group);
        let changes: Vec<String> = weights
            .iter()
            .map(|(id, weight)| {
                format!("{id} {} → {weight}", now.get(id).map_or_else(String::new, ToString::to_string))
            })
            .collect();
        render::line(format!("{} {}: {}", group.name, group.record_type, changes.join(", ")))?;
    }
    let cached = found.listed.iter().filter(|set| set.name == *name).map(RecordSet::cached_seconds).max();
    render::line(format!("written; caches drain within {} s of INSYNC", cached.unwrap_or(0)))
}

async fn in_sync(zones: &dyn Zones, change: &ChangeId) -> Result<(), Failure> {
    let deadline = Instant::now() + IN_SYNC;
    loop {
        match zones.change(change).await {
            Ok(ChangeStatus::InSync) => {
                render::note("INSYNC: all name servers of Route 53 answer with the baseline weights");
                return Ok(());
            }
            Ok(ChangeStatus::Pending) => {}
            Err(error) if error.is_retryable() => render::note(format!("{error}; asking again")),
            Err(error) => {
                render::note(format!(
                    "the weights are written; whether they are INSYNC cannot be known: {error}"
                ));
                return Ok(());
            }
        }
        if Instant::now() > deadline {
            return Err(Failure::new(Exit::TimedOut, "the weights are written, and not INSYNC yet")
                .hint(format!("aws route53 get-change --id {}", change.0)));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A zone that could not be read.
pub(super) fn unread(error: ZonesError, zone: &str) -> Failure {
    let exit = match error {
        ZonesError::Denied(_) => Exit::NotAllowed,
        ZonesError::Throttled(_) | ZonesError::Unavailable(_) => Exit::Unreachable,
        ZonesError::NoSuchZone(_) | ZonesError::NoSuchChange(_) => Exit::Failed,
    };
    Failure::new(exit, format!("the zone {zone} could not be read")).because(error)
}
