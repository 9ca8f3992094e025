//! The worst case of the gate's promise: a cloud whose error rate is exactly at the limit, watched for a day in the
//! first step, which it never leaves: what is at the limit is not proven to be below it.

use crossfade_core::gate::{Code, Config, State, evaluate};

use crate::{
    compare::{DESIGN_RUNS, SIZES},
    design::{self, Figures},
    simulation::{
        ours::config,
        random::Random,
        traffic::{Fault, TICK, Traffic, World},
    },
    table::{Cell, Table, percent},
};

const WEIGHT: f64 = 0.01;

const HOUR: usize = 60;
const DAY: usize = 24 * HOUR;

pub(crate) fn tables(runs: u64) -> Vec<Table> {
    // A day is the length of twenty cutovers.
    let runs = (runs / 4).max(1);
    let figures = Figures::read(include_str!("design/at_limit.md"), 1);
    let mut table = Table::new(
        format!(
            "Reverted in a day exactly at the limit, of {runs} days each; 1% is promised where minutes are independent"
        ),
        ["case", "10", "100", "1000", "10000"],
    );
    let alone = Config { tolerated_increase: None, ..config() };
    for (name, config, rate, sticky) in [
        ("limit 1%, independent minutes", &alone, 0.01, 0.0),
        ("limit 0.6%, independent minutes", &config(), 0.006, 0.0),
        ("limit 1%, 30 % as the one before", &alone, 0.01, 0.3),
        ("limit 0.6%, 30 % as the one before", &config(), 0.006, 0.3),
    ] {
        let cells = SIZES.map(|size| {
            let column = size.to_string();
            let traffic = Traffic { sticky, ..Traffic::new(size) };
            let reverted = (0..runs).filter(|seed| is_reverted(traffic, config, rate, *seed)).count();
            let part = reverted as f64 / runs as f64;
            let design = figures.get(&[name], &column).zip(figures.number(&[name], &column));
            let beside = design
                .map(|(text, figure)| (text, design::of_shares(part, runs as f64, figure, DESIGN_RUNS)));
            Cell::beside(percent(part), beside)
        });
        table.add(&[name], cells);
    }
    vec![table]
}

fn is_reverted(traffic: Traffic, config: &Config, rate: f64, seed: u64) -> bool {
    let mut world = World::new(traffic, Random::new(seed));
    world.fault = Fault { rate, from: 0, until: i64::MAX, ..Fault::default() };
    world.set(WEIGHT, -86_400);
    for tick in 0..6 * (HOUR + DAY) as i64 {
        world.tick(TICK * tick);
    }
    let mut state = State {
        moved_at: 60 * HOUR as i64,
        settled_at: None,
        weight: WEIGHT,
        bakes_until: None,
        waits_until: None,
    };
    let mut first = 0;
    for closed in HOUR + 1..=HOUR + DAY {
        let now = 60 * closed as i64 + config.metric_delay;
        let told = evaluate(config, &state, &world.rows[first..closed], now);
        if told.code == Code::Errors {
            return true;
        }
        if told.score == 0.0 {
            // An empty meter remembers nothing, and the usual rate an hour.
            state.moved_at = 60 * closed as i64;
            first = closed - HOUR;
        }
    }
    false
}
