//! Whether what reached Route 53 and what the history tells are the same story.

use std::collections::BTreeMap;

use crossfade_core::{
    event::{Event, Happened},
    shift::Purpose,
};
use crossfade_playground::{Action, Entry};

use super::{Process, World};

/// A batch that Route 53 applied, as its records say it.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    generation: u64,
    epoch: u64,
    weights: BTreeMap<String, u8>,
}

struct Intended {
    purpose: Purpose,
    share: f64,
    weights: BTreeMap<String, u8>,
}

/// Every batch that was applied is one that the history intended, with these weights and no others, once in each zone
/// and in order; each zone shows the last of them; and the history is whole. `shares` are those of the applied batches.
pub(crate) async fn assert_told(world: &World, daemon: &Process, shift: &str, shares: &[f64]) {
    let history = daemon.history(shift).await;
    let stays = |event: &Event| matches!(event.what, Happened::Intended { purpose: Purpose::Stay, .. });
    assert!(!history.iter().any(stays), "a step was dropped: {}", summary(&history));
    assert_story(world, &history, shares);
    daemon.done(&["history", "verify", shift]).await;
}

/// The same but for the wholeness of the history, and a step may have been dropped and taken again.
pub(crate) fn assert_story(world: &World, history: &[Event], shares: &[f64]) {
    let told = format!("{}\n{:#?}", summary(history), world.playground.world().journal());
    for zone in world.zones() {
        let intended: BTreeMap<u64, _> = history.iter().filter_map(|event| intention(event, zone)).collect();
        let written = written(world, zone);
        let mut applied = Vec::new();
        for Written { generation, epoch: _, weights } in &written {
            let wanted = intended.get(generation).unwrap_or_else(|| panic!("unexplained: {told}"));
            assert_eq!(weights, &wanted.weights, "write {generation}: {told}");
            assert!(weights.values().any(|weight| *weight > 0), "write {generation}: {told}");
            if wanted.purpose == Purpose::Stay {
                // A step was dropped while it was not known whether it had landed: if it had, this took it back.
                let kept = applied.iter().rposition(|share| *share == wanted.share);
                applied.truncate(kept.map_or(0, |last| last + 1));
            } else {
                applied.push(wanted.share);
            }
        }
        assert_eq!(applied, shares, "{told}");
        let last = written.last().unwrap();
        assert_eq!(world.weights_in(zone), last.weights, "{told}");
        let fence = world.fence_in(zone).unwrap();
        assert_eq!(field(&fence, "generation"), Some(last.generation), "{fence}: {told}");
    }
    assert_fences_rise(world);
    assert_steps(history, &told);
}

/// No step twice, none left out, and each but the first with the numbers that let it be taken, unless a person
/// waived them. A step that a hold drops before it is confirmed is to be taken again.
fn assert_steps(history: &[Event], told: &str) {
    let (mut next, mut waived) = (0, true);
    let mut open = None;
    for event in history {
        if let Happened::Confirmed { .. } = &event.what {
            open = None;
        }
        if let Happened::Intended { purpose: Purpose::Stay, .. } = &event.what
            && let Some(dropped) = open.take()
        {
            (next, waived) = (dropped, dropped == 0);
        }
        if let Happened::AdvanceRequested {} = &event.what {
            waived = true;
        }
        if let Happened::Intended { purpose: Purpose::Step { index }, gates, .. } = &event.what {
            assert_eq!(*index, next, "{told}");
            let proven = gates.iter().all(|gate| {
                let numbers = gate.errors().unwrap();
                numbers.step.requests >= numbers.min_requests
            });
            assert!(!gates.is_empty() && (proven || waived), "{told}");
            open = Some(next);
            (next, waived) = (next + 1, false);
        }
    }
}

/// What a write was to leave in a zone, by its generation.
fn intention(event: &Event, zone: &str) -> Option<(u64, Intended)> {
    let Happened::Intended { generation, purpose, share, weights, .. } = &event.what else { return None };
    let here = weights.iter().filter(|(group, _)| group.zone.0 == zone);
    let members = here.flat_map(|(_, members)| members).map(|(id, weight)| (id.clone(), weight.0));
    let (purpose, share) = (*purpose, share.percent());
    Some((*generation, Intended { purpose, share, weights: members.collect() }))
}

/// What fences never do, whatever else happened: each batch that was applied shows a higher write than the one before,
/// and no daemon before the one that wrote last.
pub(crate) fn assert_fences_rise(world: &World) {
    for zone in world.zones() {
        let written = written(world, zone);
        for pair in written.windows(2) {
            let rises = pair[0].generation < pair[1].generation && pair[0].epoch <= pair[1].epoch;
            assert!(rises, "{pair:?}: {:#?}", world.playground.world().journal());
        }
    }
}

fn written(world: &World, zone: &str) -> Vec<Written> {
    let journal = world.playground.world().journal();
    journal.iter().filter(|entry| entry.zone_id == zone && entry.is_applied()).map(read).collect()
}

fn read(entry: &Entry) -> Written {
    let created = || entry.changes.iter().filter(|change| change.action != Action::Delete);
    let fence = created().find(|change| change.record.record_type == "TXT").unwrap();
    let fence = fence.record.values.concat();
    let weights =
        created().filter_map(|change| Some((change.record.set_identifier.clone()?, change.record.weight?)));
    Written {
        generation: field(&fence, "generation").unwrap(),
        epoch: field(&fence, "epoch").unwrap(),
        weights: weights.collect(),
    }
}

/// A number of the fence, read without the code that wrote it.
fn field(fence: &str, name: &str) -> Option<u64> {
    let mut fields = fence.trim_matches('"').split(' ');
    fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn summary(history: &[Event]) -> String {
    let line = |event: &Event| {
        let (kind, mut data) = event.what.to_parts().unwrap();
        data.truncate(200);
        format!("{} {} {kind} {data}", event.seq, event.at)
    };
    history.iter().map(line).collect::<Vec<_>>().join("\n")
}
