//! What each part of the meter is there for: the gate beside others that lack it.

use crate::{
    ablated::{Ablated, Kind},
    compare::{GATE, NewRule, ORACLE, design_runs, sample},
    design::{self, Figures},
    reverts,
    simulation::{cutover::Story, ours::config, traffic::Traffic},
    table::{Cell, Table},
};

const RULES: [(&str, NewRule); 7] = [
    GATE,
    ("four minutes", || Box::new(Ablated::new(Kind::FourMinutes, config()))),
    ("no cap", || Box::new(Ablated::new(Kind::NoCap, config()))),
    ("all staked", || Box::new(Ablated::new(Kind::AllStaked, config()))),
    ("naive", || Box::new(Ablated::new(Kind::Naive, config()))),
    ("betting", || Box::new(Ablated::new(Kind::Betting, config()))),
    ("mSPRT", || Box::new(Ablated::new(Kind::Mixture, config()))),
];

const REVERTED: [(&str, Story); 4] = [
    ("healthy", Story::Healthy),
    ("2 min of 5%", Story::Blip(0.05)),
    ("both sides 5%, 10 min", Story::SharedEarly(0.05)),
    ("cloud at 0.5%, tolerated", Story::Worse(0.005)),
];

const HARM: [(&str, Story, f64); 6] = [
    ("breaks to 1%", Story::Breaks(0.01), 1_000.0),
    ("breaks to 2%", Story::Breaks(0.02), 1_000.0),
    ("breaks to 5%", Story::Breaks(0.05), 1_000.0),
    ("breaks to 20%", Story::Breaks(0.2), 1_000.0),
    ("breaks to 5%", Story::Breaks(0.05), 10.0),
    ("5% on and off", Story::BreaksOnAndOff(0.05), 1_000.0),
];

pub(crate) fn tables(runs: u64) -> Vec<Table> {
    let figures = Figures::read(include_str!("design/ablations.md"), 2);
    let head = || ["cutover", "req/s"].into_iter().chain(RULES.map(|(name, _)| name));
    let mut reverted =
        Table::new(format!("The meter with parts left out: reverted without need, of {runs} each"), head());
    for (name, story) in REVERTED {
        for size in [10.0, 1_000.0] {
            let labels = [name, &size.to_string()];
            let cells = RULES.map(|(column, rule)| {
                let sample = sample(Traffic::new(size), story, rule, runs);
                reverts::reverts(&sample, &figures, &labels, column, story)
            });
            reverted.add(&labels, cells);
        }
    }
    let mut harm = Table::new(format!("…errors served over the oracle's, {runs} each"), head());
    for (name, story, size) in HARM {
        let labels = [name, &size.to_string()];
        let of = |rule| sample(Traffic::new(size), story, rule, runs).with_fault();
        let oracle = of(ORACLE.1);
        let least = oracle.mean_harm();
        let cells = RULES.map(|(column, rule)| {
            let sample = of(rule);
            let ratio = sample.mean_harm() / least;
            let deviation = sample.deviation_of_harm().hypot(ratio * oracle.deviation_of_harm()) / least;
            let design = figures.get(&labels, column).zip(figures.number(&labels, column));
            let beside = design.map(|(text, figure)| {
                (text, design::of_means(ratio, deviation, sample.runs(), figure, design_runs(column, story)))
            });
            Cell::beside(format!("{ratio:.2}"), beside)
        });
        harm.add(&labels, cells);
    }
    vec![reverted, harm]
}
