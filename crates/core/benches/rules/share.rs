//! The check of the observed share: how often it holds a step of twenty minutes, where the weights are followed and
//! where they are not. It expects 50 resolvers. A side without requests publishes zeros here: where it publishes nothing,
//! as load balancers do, a legacy side that gets nothing at all looks like missing metrics.

use crossfade_core::gate::{State, evaluate};

use crate::{
    compare::DESIGN_RUNS,
    design::{self, Figures},
    simulation::{
        ours::config,
        random::Random,
        traffic::{TICK, Traffic, World},
    },
    table::{Cell, Table, percent},
};

/// What is meant, and what the cloud gets.
const CASES: [(f64, f64); 19] = [
    (0.01, 0.01),
    (0.05, 0.05),
    (0.1, 0.1),
    (0.25, 0.25),
    (0.5, 0.5),
    (0.75, 0.75),
    (1.0, 1.0),
    (0.01, 0.1),
    (0.01, 0.5),
    (0.05, 0.25),
    (0.05, 0.0),
    (0.1, 0.0),
    (0.1, 0.5),
    (0.25, 0.0),
    (0.25, 0.75),
    (0.5, 0.1),
    (0.5, 1.0),
    (1.0, 0.8),
    (1.0, 0.9),
];

const RESOLVERS: [(f64, &str); 3] = [(30.0, "30"), (50.0, "50"), (100.0, "100")];

const MINUTES: i64 = 20;

pub(crate) fn tables(runs: u64) -> Vec<Table> {
    let figures = Figures::read(include_str!("design/share.md"), 3);
    let mut table = Table::new(
        format!("Held for an odd share within 20 minutes, with so many resolvers, of {runs} each"),
        ["req/s", "weight", "share"].into_iter().chain(RESOLVERS.map(|(_, name)| name)),
    );
    for size in [10.0, 1_000.0] {
        for (weight, share) in CASES {
            let whole = |part: f64| format!("{:.0}%", 100.0 * part);
            let labels = [&*size.to_string(), &whole(weight), &whole(share)];
            let cells = RESOLVERS.map(|(resolvers, column)| {
                let traffic = Traffic { resolvers, publishes_zeros: true, ..Traffic::new(size) };
                let held = (0..runs).filter(|seed| is_held(traffic, weight, share, *seed)).count();
                let part = held as f64 / runs as f64;
                let design = figures.get(&labels, column).zip(figures.number(&labels, column));
                let beside = design
                    .map(|(text, figure)| (text, design::of_shares(part, runs as f64, figure, DESIGN_RUNS)));
                Cell::beside(percent(part), beside)
            });
            table.add(&labels, cells);
        }
    }
    vec![table]
}

fn is_held(traffic: Traffic, weight: f64, share: f64, seed: u64) -> bool {
    let config = config();
    let mut world = World::new(traffic, Random::new(seed));
    world.set(share, -86_400);
    for tick in 0..=6 * MINUTES {
        world.tick(TICK * tick);
    }
    let state =
        State { moved_at: 0, settled_at: Some(config.ttl), weight, bakes_until: None, waits_until: None };
    (1..=MINUTES).any(|minute| {
        let closed = world.rows.partition_point(|row| row.start + 60 + config.metric_delay <= 60 * minute);
        let observed = evaluate(&config, &state, &world.rows[..closed], 60 * minute).observed;
        observed.is_some_and(|seen| (seen.share - weight).abs() > seen.tolerance)
    })
}
