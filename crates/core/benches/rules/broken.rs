//! A cloud that breaks: what it costs under every rule, and how near the gate comes to what is possible.

use crate::{
    compare::{
        DESIGN_BROKEN_RUNS, GATE, HOLDING_FIRST, NewRule, ORACLE, PATIENT_ORACLE, SIZES, Sample, at,
        design_runs, rules, sample,
    },
    design::{self, Figures, Rounded},
    simulation::{
        cutover::{End, Story},
        traffic::Traffic,
    },
    table::{Cell, Table, number, percent},
    wald,
};

/// Rates of the broken cloud.
const RATES: [(f64, &str); 5] = [(0.01, "1%"), (0.02, "2%"), (0.05, "5%"), (0.2, "20%"), (1.0, "100%")];

fn all() -> impl Iterator<Item = (&'static str, NewRule)> {
    [ORACLE].into_iter().chain(rules())
}

fn head(first: &[&'static str]) -> Vec<&'static str> {
    first.iter().copied().chain(all().map(|(name, _)| name)).collect()
}

fn bounds() -> Figures {
    Figures::read(include_str!("design/bounds.md"), 3)
}

/// Under every rule, in the 25 % step.
pub(crate) fn mid(runs: u64) -> Vec<Table> {
    let (harms, delays, bounds) = (
        Figures::read(include_str!("design/harm.md"), 2),
        Figures::read(include_str!("design/delay.md"), 2),
        bounds(),
    );
    let mut harm = Table::new(
        format!(
            "Cloud breaks in the 25 % step: errors served above the usual, mean (over the oracle's), {runs} each"
        ),
        head(&["req/s", "errors"]),
    );
    let mut delay = Table::new(
        "…minutes until reverted: median / 95th percentile [completed unnoticed]".to_owned(),
        head(&["req/s", "errors"]),
    );
    let mut possible = possible("in the 25 % step");
    for size in SIZES {
        for (rate, label) in RATES {
            let of = |rule| sample(Traffic::new(size), Story::Breaks(rate), rule, runs).with_fault();
            let samples: Vec<(&str, Sample)> = all().map(|(name, rule)| (name, of(rule))).collect();
            let labels = [&*size.to_string(), label];
            let oracle = samples[0].1.mean_harm();
            let theirs = bounds.number(&["mid", labels[0], labels[1]], "oracle");
            let story = Story::Breaks(rate);
            harm.add(
                &labels,
                samples.iter().map(|(rule, sample)| {
                    let mean = sample.mean_harm();
                    let design = theirs.and_then(|oracle| {
                        let ratio = if *rule == "oracle" {
                            Some(Rounded { value: 1.0, unit: 0.0 })
                        } else {
                            harms.ratio(&labels, rule)
                        };
                        let mean = product(ratio?, oracle);
                        Some((number(mean.value), mean))
                    });
                    let cell = format!("{} ({:.2})", number(mean), mean / oracle);
                    let beside = design.as_ref().map(|(text, figure)| {
                        (text.as_str(), distance(sample, *figure, design_runs(rule, story)))
                    });
                    Cell::beside(cell, beside)
                }),
            );
            delay.add(
                &labels,
                samples.iter().map(|(rule, sample)| delayed(sample, &delays, &labels, rule, story)),
            );
            let bound = wald::bound(size, rate, 3, 30);
            let samples = [&samples[0].1, &of(PATIENT_ORACLE.1), &samples[1].1, &of(HOLDING_FIRST.1)];
            bounded(&mut possible, &bounds, &["mid", labels[0], labels[1]], &bound, samples);
        }
    }
    vec![harm, delay, possible]
}

/// From the first step on: the gate and what is possible.
pub(crate) fn start(runs: u64) -> Vec<Table> {
    let mut possible = possible("from the start");
    for size in SIZES {
        for (rate, label) in RATES {
            let of = |(_, rule): (&str, NewRule)| {
                sample(Traffic::new(size), Story::BrokenFromTheStart(rate), rule, runs)
            };
            let bound = wald::bound(size, rate, 0, 1);
            let samples = [of(ORACLE), of(PATIENT_ORACLE), of(GATE), of(HOLDING_FIRST)];
            bounded(
                &mut possible,
                &bounds(),
                &["start", &size.to_string(), label],
                &bound,
                samples.each_ref(),
            );
        }
    }
    vec![possible]
}

pub(crate) fn on_and_off(runs: u64) -> Vec<Table> {
    vec![harm_of(
        "Cloud breaks to 5 % in every other minute",
        |_| Story::BreaksOnAndOff(0.05),
        &[(0.05, "5%")],
        runs,
    )]
}

pub(crate) fn with_load(runs: u64) -> Vec<Table> {
    vec![harm_of(
        "Cloud errs the more the more traffic it has, by so much at 100 %",
        Story::WorseWithLoad,
        &RATES,
        runs,
    )]
}

fn harm_of(what: &str, story: impl Fn(f64) -> Story, rates: &[(f64, &str)], runs: u64) -> Table {
    let mut table = Table::new(
        format!("{what}: errors served, mean (over the oracle's) [completed unnoticed], {runs} each"),
        head(&["req/s", "errors"]),
    );
    for size in SIZES {
        for (rate, label) in rates {
            let of = |(_, rule): (&str, NewRule)| {
                sample(Traffic::new(size), story(*rate), rule, runs).with_fault()
            };
            let samples: Vec<Sample> = all().map(of).collect();
            let oracle = samples[0].mean_harm();
            let cells = samples.iter().map(|sample| {
                let harm = sample.mean_harm();
                Cell::from(format!("{} ({:.2}){}", number(harm), harm / oracle, unnoticed(sample)))
            });
            table.add(&[&size.to_string(), label], cells);
        }
    }
    table
}

fn possible(when: &str) -> Table {
    let head =
        ["from", "req/s", "errors", "Wald", "oracle", "oracle-blip", "gate", "gate/Wald", "gate/oracle"];
    let more = ["gate/oracle-blip", "Wald min", "oracle min", "oracle-blip min", "gate min"];
    let more = more.into_iter().chain([HOLDING_FIRST.0, "holding first min"]);
    Table::new(
        format!(
            "What is possible, broken {when}: errors served, mean, and minutes until reverted (Wald: mean; else median)"
        ),
        head.into_iter().chain(more),
    )
}

fn bounded(
    table: &mut Table,
    figures: &Figures,
    labels: &[&str; 3],
    bound: &wald::Bound,
    samples: [&Sample; 4],
) {
    const NAMES: [&str; 3] = ["oracle", "oracle-blip", "gate"];
    let harms = samples.map(Sample::mean_harm);
    let mut cells = vec![Cell::near(number(bound.harm), figures.get(labels, "Wald"))];
    let harm = |sample: &Sample, name: &str| {
        let design = figures.get(labels, name).zip(figures.number(labels, name));
        let beside = design.map(|(text, figure)| (text, distance(sample, figure, DESIGN_BROKEN_RUNS)));
        Cell::beside(number(sample.mean_harm()), beside)
    };
    let delay = |sample: &Sample, name: &str| {
        let (delays, column) = (sample.delays(), format!("{name} min"));
        let design = figures.get(labels, &column).zip(figures.number(labels, &column));
        let beside = design
            .map(|(text, figure)| (text, design::of_quantiles(&delays, 0.5, figure, DESIGN_BROKEN_RUNS)));
        Cell::beside(format!("{:.1}", at(0.5, &delays)), beside)
    };
    cells.extend(samples.iter().zip(NAMES).map(|(sample, name)| harm(sample, name)));
    cells
        .extend([bound.harm, harms[0], harms[1]].map(|least| Cell::from(format!("{:.2}", harms[2] / least))));
    cells.push(Cell::near(format!("{:.1}", bound.delay / 60.0), figures.get(labels, "Wald min")));
    cells.extend(samples.iter().zip(NAMES).map(|(sample, name)| delay(sample, name)));
    cells.extend([harm(samples[3], "gate"), delay(samples[3], "gate")]);
    table.add(labels, cells);
}

fn delayed(sample: &Sample, figures: &Figures, labels: &[&str], rule: &str, story: Story) -> Cell {
    let delays = sample.delays();
    let text = format!("{:.1} / {:.1}{}", at(0.5, &delays), at(0.95, &delays), unnoticed(sample));
    let beside =
        figures.get(labels, rule).zip(figures.quantiles(labels, rule)).map(|(text, [median, most])| {
            let runs = design_runs(rule, story);
            let off = [(0.5, median), (0.95, most)]
                .map(|(quantile, figure)| design::of_quantiles(&delays, quantile, figure, runs));
            (text, if off[0].abs() > off[1].abs() { off[0] } else { off[1] })
        });
    Cell::beside(text, beside)
}

pub(crate) fn distance(sample: &Sample, figure: Rounded, runs: f64) -> f64 {
    design::of_means(sample.mean_harm(), sample.deviation_of_harm(), sample.runs(), figure, runs)
}

pub(crate) fn product(ratio: Rounded, mean: Rounded) -> Rounded {
    Rounded {
        value: ratio.value * mean.value,
        unit: (ratio.unit * mean.value).hypot(mean.unit * ratio.value),
    }
}

fn unnoticed(sample: &Sample) -> String {
    match sample.part(End::Completed) {
        0.0 => String::new(),
        part => format!(" [{}]", percent(part)),
    }
}
