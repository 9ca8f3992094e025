//! Batches: what lands, and what is refused whole.

use std::collections::BTreeMap;

use crossfade_core::{
    RecordName, RecordSet, Weight, ZoneId,
    batch::{self, Action, Batch, Change, GroupWeights},
    event::ChangeId,
    fence::{self, Fence},
};

use super::{
    WWW, ZONE, ZonesWorld, fence, group, listed, owned, reading::alias, sorted, split, swap, weights,
};
use crate::{
    fake::zones::{simple, weighted},
    zones::{ChangeStatus, SubmitError, ZonesError},
};

pub async fn a_change_is_pending_until_it_is_in_sync(world: &impl ZonesWorld) {
    let zone = split(world).await;
    let before = listed(world, &zone, &[WWW]).await;
    let change = submit(world, &swap(&zone, WWW, &before, &[("legacy", 75), ("cloud", 25)], 1)).await;
    assert_eq!(world.zones().change(&change).await, Ok(ChangeStatus::Pending));
    // What is still on its way is read all the same.
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 25), ("legacy", 75)]));
    world.settle().await;
    assert_eq!(world.zones().change(&change).await, Ok(ChangeStatus::InSync));
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 25), ("legacy", 75)]));
}

pub async fn a_swap_changes_weights_and_nothing_else(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let before = vec![
        RecordSet {
            ttl_seconds: Some(17),
            values: vec!["192.0.2.9".to_owned(), "192.0.2.1".to_owned()],
            health_check_id: Some("0a0a0a0a-1111-2222-3333-444444444444".to_owned()),
            ..weighted(WWW, "legacy", 255, "")
        },
        alias(WWW, "cloud", 0),
        RecordSet { ttl_seconds: Some(17), ..weighted(WWW, "third party / \"7\" & <8>", 3, "192.0.2.4") },
    ];
    for set in &before {
        world.put(&zone, set.clone()).await;
    }
    let seen = listed(world, &zone, &[WWW]).await;
    assert_eq!(sorted(seen.clone()), sorted(before.clone()));
    submit(world, &swap(&zone, WWW, &seen, &[("legacy", 128), ("cloud", 127)], 1)).await;
    let mut after: Vec<RecordSet> = before
        .iter()
        .filter_map(|set| match set.set_identifier()? {
            "legacy" => set.with_weight(Weight(128)),
            "cloud" => set.with_weight(Weight(127)),
            _ => Some(set.clone()),
        })
        .collect();
    after.push(fence(1).record_set(&RecordName::new(WWW)));
    assert_eq!(sorted(listed(world, &zone, &[WWW]).await), sorted(after));
}

pub async fn a_swap_of_wildcards_finds_what_it_deletes(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let name = "*.example.com";
    world.put(&zone, weighted(name, "legacy", 90, "192.0.2.1")).await;
    world.put(&zone, weighted(name, "cloud", 10, "192.0.2.2")).await;
    for generation in 1..=2 {
        let seen = listed(world, &zone, &[name]).await;
        let weight = u8::try_from(generation).unwrap_or(0);
        submit(world, &swap(&zone, name, &seen, &[("legacy", 90), ("cloud", weight)], generation)).await;
        assert_eq!(weights(world, &zone, name).await, owned(&[("cloud", weight), ("legacy", 90)]));
    }
    let seen = listed(world, &zone, &[name]).await;
    let read = batch::members(&seen, &group(&zone, name)).count();
    assert_eq!((read, seen.iter().find_map(Fence::decode)), (2, Some(fence(2))));
}

pub async fn a_stale_weight_is_refused(world: &impl ZonesWorld) {
    stale(world, weighted(WWW, "cloud", 11, "192.0.2.2")).await;
}

pub async fn a_stale_value_is_refused(world: &impl ZonesWorld) {
    stale(world, weighted(WWW, "cloud", 10, "192.0.2.22")).await;
}

pub async fn a_stale_health_check_is_refused(world: &impl ZonesWorld) {
    let health_check_id = Some("0a0a0a0a-1111-2222-3333-444444444444".to_owned());
    stale(world, RecordSet { health_check_id, ..weighted(WWW, "cloud", 10, "192.0.2.2") }).await;
}

pub async fn a_stale_ttl_is_refused(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    world.put(&zone, weighted(WWW, "cloud", 10, "192.0.2.2")).await;
    let seen = listed(world, &zone, &[WWW]).await;
    world.put(&zone, RecordSet { ttl_seconds: Some(61), ..weighted(WWW, "cloud", 10, "192.0.2.2") }).await;
    refused(world, &swap(&zone, WWW, &seen, &[("cloud", 25)], 1)).await;
}

/// Somebody else writes `edit` after the zone was read: what was decided on the reading must not land.
async fn stale(world: &impl ZonesWorld, edit: RecordSet) {
    let zone = split(world).await;
    let seen = listed(world, &zone, &[WWW]).await;
    world.put(&zone, edit.clone()).await;
    refused(world, &swap(&zone, WWW, &seen, &[("legacy", 75), ("cloud", 25)], 1)).await;
    let now = listed(world, &zone, &[WWW]).await;
    assert_eq!(sorted(now), sorted(vec![weighted(WWW, "legacy", 90, "192.0.2.1"), edit]));
}

pub async fn an_overtaken_fence_is_refused(world: &impl ZonesWorld) {
    let zone = split(world).await;
    let first = listed(world, &zone, &[WWW]).await;
    let slow = swap(&zone, WWW, &first, &[("legacy", 50), ("cloud", 50)], 1);
    // Another writer comes first, and puts every weight back: only the fence tells.
    submit(world, &swap(&zone, WWW, &first, &[("legacy", 90), ("cloud", 10)], 1)).await;
    refused(world, &slow).await;
    let second = listed(world, &zone, &[WWW]).await;
    let slow = swap(&zone, WWW, &second, &[("legacy", 50), ("cloud", 50)], 2);
    submit(world, &swap(&zone, WWW, &second, &[("legacy", 90), ("cloud", 10)], 3)).await;
    refused(world, &slow).await;
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 10), ("legacy", 90)]));
}

pub async fn a_batch_is_applied_whole_or_not_at_all(world: &impl ZonesWorld) {
    let zone = split(world).await;
    let before = listed(world, &zone, &[WWW]).await;
    let mut batch = swap(&zone, WWW, &before, &[("legacy", 75), ("cloud", 25)], 1);
    batch.changes.push(create(simple("elsewhere.example.org", "A", &["192.0.2.7"])));
    refused(world, &batch).await;
    batch.changes.pop();
    batch
        .changes
        .push(Change { action: Action::Delete, set: simple("none.example.com", "A", &["192.0.2.7"]) });
    refused(world, &batch).await;
    assert_eq!(sorted(listed(world, &zone, &[WWW]).await), sorted(before));
}

pub async fn what_exists_cannot_be_created(world: &impl ZonesWorld) {
    let zone = split(world).await;
    refused(world, &of(&zone, vec![create(weighted(WWW, "cloud", 50, "192.0.2.2"))])).await;
    // Neither beside another policy, nor with another TTL than the group's.
    refused(world, &of(&zone, vec![create(simple(WWW, "A", &["192.0.2.5"]))])).await;
    let other_ttl = RecordSet { ttl_seconds: Some(30), ..weighted(WWW, "third", 5, "192.0.2.5") };
    refused(world, &of(&zone, vec![create(other_ttl)])).await;
    submit(world, &of(&zone, vec![create(weighted(WWW, "third", 5, "192.0.2.5"))])).await;
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 10), ("legacy", 90), ("third", 5)]));
}

pub async fn a_simple_record_set_can_be_made_a_group(world: &impl ZonesWorld) {
    let zone = world.create_zone(ZONE, false).await;
    let lone = simple(WWW, "A", &["192.0.2.1"]);
    world.put(&zone, lone.clone()).await;
    let creates = [weighted(WWW, "legacy", 255, "192.0.2.1"), weighted(WWW, "cloud", 0, "192.0.2.2")];
    let mut changes = vec![Change { action: Action::Delete, set: lone }];
    changes.extend(creates.map(create));
    submit(world, &of(&zone, changes)).await;
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 0), ("legacy", 255)]));
}

pub async fn an_overwrite_asks_for_nothing(world: &impl ZonesWorld) {
    let zone = split(world).await;
    let seen = listed(world, &zone, &[WWW]).await;
    world.put(&zone, weighted(WWW, "cloud", 99, "192.0.2.2")).await;
    world.put(&zone, fence(41).record_set(&RecordName::new(WWW))).await;
    let wanted = BTreeMap::from([("legacy".to_owned(), Weight(100)), ("cloud".to_owned(), Weight(0))]);
    let wanted = GroupWeights::from([(group(&zone, WWW), wanted)]);
    let fences = BTreeMap::from([(RecordName::new(WWW), fence(2))]);
    let batch = batch::overwrite(&zone, "conformance", &seen, &wanted, &fences, &BTreeMap::new());
    let Ok(batch) = batch else { panic!("no batch can be made: {batch:?}") };
    submit(world, &batch).await;
    assert_eq!(weights(world, &zone, WWW).await, owned(&[("cloud", 0), ("legacy", 100)]));
}

pub async fn a_release_deletes_the_fence_only(world: &impl ZonesWorld) {
    let zone = split(world).await;
    let before = listed(world, &zone, &[WWW]).await;
    world.put(&zone, fence(3).record_set(&RecordName::new(WWW))).await;
    let seen = listed(world, &zone, &[WWW]).await;
    let Some(batch) =
        batch::release(&zone, "conformance", fence::find(&seen, &RecordName::new(WWW)).into_iter())
    else {
        panic!("there is a fence to be deleted in {seen:?}")
    };
    submit(world, &batch).await;
    assert_eq!(sorted(listed(world, &zone, &[WWW]).await), sorted(before));
}

pub async fn an_unknown_zone_cannot_be_written(world: &impl ZonesWorld) {
    let zone = ZoneId("Z0000000000000000000".to_owned());
    let answer = world.zones().submit(&of(&zone, vec![create(simple(WWW, "A", &["192.0.2.1"]))])).await;
    assert_eq!(answer, Err(SubmitError::NoSuchZone(zone.0)));
}

pub async fn an_unknown_change_is_told_apart(world: &impl ZonesWorld) {
    let id = "C0000000000000000000".to_owned();
    assert_eq!(world.zones().change(&ChangeId(id.clone())).await, Err(ZonesError::NoSuchChange(id)));
}

pub(super) async fn submit(world: &impl ZonesWorld, batch: &Batch) -> ChangeId {
    match world.zones().submit(batch).await {
        Ok(change) => change,
        Err(error) => panic!("{error}, but it should be applied: {batch:?}"),
    }
}

async fn refused(world: &impl ZonesWorld, batch: &Batch) {
    match world.zones().submit(batch).await {
        Err(SubmitError::Refused(why)) => assert!(!why.is_empty(), "a refusal says why"),
        other => panic!("{other:?}, but it should be refused: {batch:?}"),
    }
}

fn create(set: RecordSet) -> Change {
    Change { action: Action::Create, set }
}

fn of(zone: &ZoneId, changes: Vec<Change>) -> Batch {
    Batch { zone: zone.clone(), comment: "conformance".to_owned(), changes }
}
