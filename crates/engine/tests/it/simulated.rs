//! Lives of the simulator, a few in each build. Longer runs are made by `crossfade-sim`.

use crossfade_engine::sim::{Options, Tally, live};

const SEEDS: u64 = 24;

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in [1, 7] {
        let options = Options { timeline: true, ..Options::default() };
        let (first, second) = (live(seed, &options), live(seed, &options));
        assert_eq!(first.hash, second.hash, "seed {seed}");
        assert_eq!(first.timeline, second.timeline, "seed {seed}");
    }
    assert_ne!(live(1, &Options::default()).hash, live(2, &Options::default()).hash);
}

#[test]
fn nothing_that_must_not_happen_happens_and_enough_was_seen_to_say_so() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let life = live(seed, &Options::default());
        if let Some(violation) = life.violation {
            let life = live(seed, &Options { timeline: true, ..Options::default() });
            let tail = life.timeline.len().saturating_sub(40);
            panic!(
                "{}\nseed {seed} violates {violation}\nreplay: cargo run --release -p crossfade-engine \
                 --features simulator --bin crossfade-sim -- --seed {seed} --verbose",
                life.timeline[tail..].join("\n")
            );
        }
        tally.add(&life.tally);
    }
    let faults: std::collections::BTreeSet<_> = tally.faults.keys().map(|(fault, _)| *fault).collect();
    assert_eq!(faults.len(), crossfade_engine::sim::Fault::ALL.len(), "{faults:?}");
    assert!(tally.reverts_demanded > 0, "{}", tally.report(1.0));
    assert_eq!(tally.completions_demanded, SEEDS, "{}", tally.report(1.0));
}

#[test]
fn a_zone_that_does_not_compare_fences_is_found() {
    let mut options = Options::default();
    options.mutations.ignores_fences = true;
    assert_eq!(found(&options), Some(4));
}

#[test]
fn a_lease_that_is_trusted_too_long_is_found() {
    let mut options = Options::default();
    options.mutations.trusts_too_long = true;
    assert_eq!(found(&options), Some(17));
}

/// The number of the first invariant that a life violates.
fn found(options: &Options) -> Option<u8> {
    (0..100).find_map(|seed| live(seed, options).violation).map(|violation| violation.number)
}
