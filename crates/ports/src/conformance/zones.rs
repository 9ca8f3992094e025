//! What every implementation of [`Zones`] must do.
//!
//! A backend implements [`ZonesWorld`] and calls `zones_suite!` with an expression that makes a fresh one.

pub mod faults;
pub mod reading;
pub mod writing;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use crossfade_core::{
    GroupKey, RecordName, RecordSet, RecordType, Weight, ZoneId,
    batch::{self, Batch, GroupWeights},
    fence::Fence,
};

use crate::zones::Zones;

/// A backend, and what can be done to it from behind.
#[async_trait]
pub trait ZonesWorld: Send + Sync {
    fn zones(&self) -> &dyn Zones;

    async fn create_zone(&self, name: &str, private: bool) -> ZoneId;

    /// Creates or replaces a record set as somebody else would, in sync at once. Its health check exists.
    async fn put(&self, zone: &ZoneId, set: RecordSet);

    /// Creates a record set that is routed by latency.
    async fn put_latency(&self, zone: &ZoneId, name: &str);

    /// Makes every change in sync. Until then, changes stay PENDING.
    async fn settle(&self);

    /// The next batch meets this fault.
    async fn fault(&self, fault: Fault);
}

/// What can happen to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Throttled,
    Busy,
    Denied,
    /// 500, and nothing applied.
    InternalError,
    /// No answer, and nothing applied.
    LostBeforeApply,
    /// Applied, and no answer.
    LostAfterApply,
}

/// One named test for each case. The expression is awaited for a fresh [`ZonesWorld`] in each.
#[macro_export]
macro_rules! zones_suite {
    (@cases $world:expr; $($module:ident::$case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::conformance::zones::$module::$case(&$world.await).await;
            }
        )+
    };
    ($world:expr) => {
        $crate::zones_suite! { @cases $world;
            reading::zones_are_found_by_id,
            reading::public_and_private_zones_are_found_by_name,
            reading::what_is_no_zone_is_not_found,
            reading::every_type_at_the_names_is_read_and_nothing_else,
            reading::a_fence_is_read_beside_its_name,
            reading::a_zone_of_hundreds_of_names_is_read_at_any_of_them,
            reading::hundreds_of_record_sets_at_one_name_are_read_whole,
            reading::wildcards_and_escaped_names_have_one_spelling,
            reading::neighbours_in_the_listing_are_told_apart,
            reading::other_routing_policies_are_not_taken_for_simple,
            reading::an_unknown_zone_cannot_be_read,
            writing::a_change_is_pending_until_it_is_in_sync,
            writing::a_swap_changes_weights_and_nothing_else,
            writing::a_swap_of_wildcards_finds_what_it_deletes,
            writing::a_stale_weight_is_refused,
            writing::a_stale_value_is_refused,
            writing::a_stale_ttl_is_refused,
            writing::a_stale_health_check_is_refused,
            writing::an_overtaken_fence_is_refused,
            writing::a_batch_is_applied_whole_or_not_at_all,
            writing::what_exists_cannot_be_created,
            writing::a_simple_record_set_can_be_made_a_group,
            writing::an_overwrite_asks_for_nothing,
            writing::a_release_deletes_the_fence_only,
            writing::an_unknown_zone_cannot_be_written,
            writing::an_unknown_change_is_told_apart,
            faults::a_throttled_batch_is_not_applied,
            faults::a_busy_zone_says_so,
            faults::a_forbidden_batch_is_not_applied,
            faults::a_failing_server_leaves_it_open,
            faults::a_lost_batch_is_unanswered,
            faults::a_lost_answer_is_unanswered_and_the_batch_shows,
        }
    };
}

const ZONE: &str = "example.com";
const WWW: &str = "www.example.com";

fn names(names: &[&str]) -> BTreeSet<RecordName> {
    names.iter().map(|name| RecordName::new(name)).collect()
}

/// The names and their fences, as the engine reads them.
async fn listed(world: &impl ZonesWorld, zone: &ZoneId, wanted: &[&str]) -> Vec<RecordSet> {
    let mut all = names(wanted);
    all.extend(wanted.iter().map(|name| RecordName::new(name).fence()));
    match world.zones().read(zone, &all).await {
        Ok(sets) => sets,
        Err(error) => panic!("{wanted:?} cannot be read: {error}"),
    }
}

/// A zone with `www` split 90 to 10.
async fn split(world: &impl ZonesWorld) -> ZoneId {
    let zone = world.create_zone(ZONE, false).await;
    world.put(&zone, crate::fake::zones::weighted(WWW, "legacy", 90, "192.0.2.1")).await;
    world.put(&zone, crate::fake::zones::weighted(WWW, "cloud", 10, "192.0.2.2")).await;
    zone
}

fn group(zone: &ZoneId, name: &str) -> GroupKey {
    GroupKey { zone: zone.clone(), name: RecordName::new(name), record_type: RecordType::A }
}

fn fence(generation: u64) -> Fence {
    let (owner, shift) = ("here".to_owned(), "www".to_owned());
    Fence { owner, shift, generation, epoch: 1, baseline: BTreeMap::new() }
}

/// What the engine would write after having read `listed`.
fn swap(zone: &ZoneId, name: &str, listed: &[RecordSet], weights: &[(&str, u8)], generation: u64) -> Batch {
    let wanted = weights.iter().map(|(id, weight)| ((*id).to_owned(), Weight(*weight))).collect();
    let wanted = GroupWeights::from([(group(zone, name), wanted)]);
    let fences = BTreeMap::from([(RecordName::new(name), fence(generation))]);
    match batch::compare_and_swap(zone, "conformance", listed, &wanted, &fences, &BTreeMap::new()) {
        Ok(batch) => batch,
        Err(error) => panic!("no batch can be made: {error}"),
    }
}

/// The weights of the group of `name`, as `(identifier, weight)` in the order of the identifiers.
async fn weights(world: &impl ZonesWorld, zone: &ZoneId, name: &str) -> Vec<(String, u8)> {
    let sets = listed(world, zone, &[name]).await;
    batch::weights_of(&sets, &group(zone, name)).into_iter().map(|(id, weight)| (id, weight.0)).collect()
}

fn owned(weights: &[(&str, u8)]) -> Vec<(String, u8)> {
    weights.iter().map(|(id, weight)| ((*id).to_owned(), *weight)).collect()
}

/// In an order that does not depend on the backend.
fn sorted(mut sets: Vec<RecordSet>) -> Vec<RecordSet> {
    sets.sort_by_key(|set| {
        (set.name.clone(), set.record_type.clone(), set.set_identifier().map(str::to_owned))
    });
    sets
}
