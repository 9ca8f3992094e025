//! Cutovers that should be completed, whatever the rule makes of them.

use crate::{
    compare::{SIZES, Sample, at, design_runs, rules, sample},
    design::{self, Figures},
    simulation::{
        cutover::{End, Story},
        traffic::Traffic,
    },
    table::{Cell, Table, percent},
};

/// The design does not say what its day was like. With this one the rules of others do what they did there, all but
/// Kayenta, whose cutovers take a quarter of a day.
const TIDES: [(f64, f64); 2] = [(0.2, 1.8), (0.68, 2.72)];

type Case = (&'static str, fn(f64) -> Traffic, Story);

pub(crate) const CASES: [Case; 8] = [
    ("healthy", Traffic::new, Story::Healthy),
    ("2 min of 5%", Traffic::new, Story::Blip(0.05)),
    ("2 min of 20%", Traffic::new, Story::Blip(0.2)),
    ("by the hour", tidal, Story::Healthy),
    ("both sides 5%, 10 min", Traffic::new, Story::SharedEarly(0.05)),
    ("both sides 20%, 10 min", Traffic::new, Story::SharedEarly(0.2)),
    ("both sides 5%, at 100%", Traffic::new, Story::SharedLate(0.05)),
    ("cloud at 0.5%, tolerated", Traffic::new, Story::Worse(0.005)),
];

fn tidal(requests_per_second: f64) -> Traffic {
    Traffic { tides: TIDES, ..Traffic::new(requests_per_second) }
}

pub(crate) fn tables(runs: u64) -> Vec<Table> {
    let figures = Figures::read(include_str!("design/reverted.md"), 2);
    let head = |first: &[&'static str]| {
        first.iter().copied().chain(rules().map(|(name, _)| name)).collect::<Vec<_>>()
    };
    let mut reverted =
        Table::new(format!("Reverted without need, of {runs} cutovers each"), head(&["cutover", "req/s"]));
    let mut took =
        Table::new("Minutes a healthy cutover takes: median / 95th percentile".to_owned(), head(&["req/s"]));
    for (name, traffic, story) in CASES {
        for size in SIZES {
            let labels = [name, &size.to_string()];
            let samples: Vec<(&str, Sample)> =
                rules().map(|(rule, new)| (rule, sample(traffic(size), story, new, runs))).collect();
            reverted.add(
                &labels,
                samples.iter().map(|(rule, sample)| reverts(sample, &figures, &labels, rule, story)),
            );
            if story == Story::Healthy && name == "healthy" {
                let minutes = samples.iter().map(|(_, sample)| {
                    let minutes = sample.minutes_to_complete();
                    Cell::from(format!("{:.0} / {:.0}", at(0.5, &minutes), at(0.95, &minutes)))
                });
                took.add(&labels[1..], minutes);
            }
        }
    }
    vec![reverted, took]
}

pub(crate) fn reverts(
    sample: &Sample,
    figures: &Figures,
    labels: &[&str],
    column: &str,
    story: Story,
) -> Cell {
    let part = sample.part(End::Reverted);
    let design = figures.get(labels, column).zip(figures.number(labels, column)).map(|(text, figure)| {
        (text, design::of_shares(part, sample.runs(), figure, design_runs(column, story)))
    });
    Cell::beside(percent(part), design)
}
