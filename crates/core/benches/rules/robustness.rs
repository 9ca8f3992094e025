//! The gate where the traffic is not what it takes it for, and with more or fewer false alarms allowed.

use crossfade_core::gate::{Config, Increase};

use crate::{
    broken::distance,
    compare::{DESIGN_BROKEN_RUNS, DESIGN_RUNS, SIZES, Sample, at, sample_of},
    design::{self, Figures, Rounded},
    oracle::Oracle,
    simulation::{
        cutover::{End, Rule, Story},
        ours::{Gate, config},
        traffic::Traffic,
    },
    table::{Cell, Table, number, percent},
};

/// Of the size for which times and costs are told.
const SIZE: f64 = 1_000.0;

/// A kind of traffic, and the gate that looks at it.
struct Case {
    name: &'static str,
    traffic: Traffic,
    config: Config,
    /// How much worse it is than the oracle can be told: the oracle's limit is that of the usual traffic.
    has_oracle: bool,
}

fn cases() -> Vec<Case> {
    let usual = Traffic::new(SIZE);
    let case = |name, traffic| Case { name, traffic, config: config(), has_oracle: true };
    let increase = |points| Some(Increase { ratio: 1.5, points });
    vec![
        case("independent errors", Traffic { burstiness: 0.0, ..usual }),
        case("burstiness 0.003", Traffic { burstiness: 0.003, ..usual }),
        case("burstiness 0.01", Traffic { burstiness: 0.01, ..usual }),
        Case {
            config: Config { burstiness: 0.01, ..config() },
            ..case("burstiness 0.01, and the gate knows", Traffic { burstiness: 0.01, ..usual })
        },
        case("70 % of the minutes as the one before", Traffic { sticky: 0.7, ..usual }),
        case("burstiness 0.003, and 70 %", Traffic { burstiness: 0.003, sticky: 0.7, ..usual }),
        case("errors by threes", Traffic { clump: 3, ..usual }),
        case("errors by fives", Traffic { clump: 5, ..usual }),
        Case {
            config: Config { min_errors: 20, ..config() },
            ..case("errors by fives, min_errors 20", Traffic { clump: 5, ..usual })
        },
        case("30 resolvers", Traffic { resolvers: 30.0, ..usual }),
        case("5 % of the datapoints lost, 10 % late", Traffic { lost: 0.05, late: 0.1, ..usual }),
        case("traffic in gusts of 50 %", Traffic { gusts: 0.5, ..usual }),
        Case {
            config: Config { max_error_rate: Some(0.05), ..config() },
            has_oracle: false,
            ..case("usual rate 2 %, limit 5 %", Traffic { usual: 0.02, ..usual })
        },
        Case {
            config: Config { max_error_rate: Some(0.001), tolerated_increase: increase(0.0005), ..config() },
            has_oracle: false,
            ..case("usual rate 0.01 %, 0.05 points, limit 0.1 %", Traffic { usual: 0.0001, ..usual })
        },
        Case {
            config: Config { ttl: 300, ..config() },
            ..case("a TTL of 300 s", Traffic { ttl: 300, ..usual })
        },
        Case {
            config: Config { metric_delay: 180, ..config() },
            ..case("a metric delay of 180 s", Traffic { metric_delay: 180, ..usual })
        },
        case("the first minute is shown", Traffic { shows_first_minute: true, ..usual }),
    ]
}

pub(crate) fn tables(runs: u64) -> Vec<Table> {
    let figures = Figures::read(include_str!("design/robustness.md"), 1);
    let mut table = Table::new(
        format!(
            "The gate on other traffic, of {runs} each: healthy cutovers reverted; and at {SIZE} req/s minutes to complete \
             (median), and errors served over the oracle's when the cloud breaks to 5 or 100 % (or minutes to revert, median)"
        ),
        ["traffic", "10", "100", "1000", "10000", "complete", "5%", "100%"],
    );
    for case in cases() {
        let labels = [case.name];
        let gate = || -> Box<dyn Rule> { Box::new(Gate::new(case.config.clone())) };
        let mut cells = Vec::new();
        let mut took = Vec::new();
        for requests_per_second in SIZES {
            let traffic = Traffic { requests_per_second, ..case.traffic };
            let sample = sample_of(traffic, Story::Healthy, gate, runs);
            let column = requests_per_second.to_string();
            cells.push(share(&sample, &figures, &labels, &column));
            if requests_per_second == SIZE {
                took = sample.minutes_to_complete();
            }
        }
        let design = figures.get(&labels, "complete").zip(figures.number(&labels, "complete"));
        let beside =
            design.map(|(text, figure)| (text, design::of_quantiles(&took, 0.5, figure, DESIGN_RUNS)));
        cells.push(Cell::beside(format!("{:.0}", at(0.5, &took)), beside));
        for (rate, column) in [(0.05, "5%"), (1.0, "100%")] {
            cells.push(cost(&case, rate, &figures, column, runs));
        }
        table.add(&labels, cells);
    }
    vec![table]
}

fn share(sample: &Sample, figures: &Figures, labels: &[&str], column: &str) -> Cell {
    let part = sample.part(End::Reverted);
    let design = figures.get(labels, column).zip(figures.number(labels, column));
    let beside =
        design.map(|(text, figure)| (text, design::of_shares(part, sample.runs(), figure, DESIGN_RUNS)));
    Cell::beside(percent(part), beside)
}

fn cost(case: &Case, rate: f64, figures: &Figures, column: &str, runs: u64) -> Cell {
    let of = |rule: &dyn Fn() -> Box<dyn Rule>| {
        sample_of(case.traffic, Story::Breaks(rate), rule, runs).with_fault()
    };
    let gate = of(&|| Box::new(Gate::new(case.config.clone())));
    let design = figures.get(&[case.name], column).zip(figures.number(&[case.name], column));
    if !case.has_oracle {
        let delays = gate.delays();
        let beside = design
            .map(|(text, figure)| (text, design::of_quantiles(&delays, 0.5, figure, DESIGN_BROKEN_RUNS)));
        return Cell::beside(format!("{:.1} min", at(0.5, &delays)), beside);
    }
    let oracle = of(&|| Box::new(Oracle::new(false, case.traffic.burstiness)));
    let (served, least) = (gate.mean_harm(), oracle.mean_harm());
    let ratio = served / least;
    // Both waver, here and there.
    let deviation = gate.deviation_of_harm().hypot(ratio * oracle.deviation_of_harm()) / least;
    let beside = design.map(|(text, figure)| {
        (text, design::of_means(ratio, deviation, gate.runs(), figure, DESIGN_BROKEN_RUNS))
    });
    Cell::beside(format!("{ratio:.2}"), beside)
}

/// What a stricter gate costs.
pub(crate) fn alarms(runs: u64) -> Vec<Table> {
    let figures = Figures::read(include_str!("design/alarms.md"), 2);
    const RATES: [(f64, &str); 4] = [(0.01, "1%"), (0.02, "2%"), (0.05, "5%"), (0.2, "20%")];
    let mut table = Table::new(
        format!(
            "With more or fewer false alarms allowed: errors served when the cloud breaks in the 25 % step, {runs} each"
        ),
        ["false alarms a day", "req/s"].into_iter().chain(RATES.map(|(_, name)| name)),
    );
    for allowed in [0.001, 0.01, 0.05] {
        for size in [100.0, 10_000.0] {
            let labels = [&*allowed.to_string(), &size.to_string()];
            let config = Config { false_alarms_per_day: allowed, ..config() };
            let cells = RATES.map(|(rate, column)| {
                let gate = || -> Box<dyn Rule> { Box::new(Gate::new(config.clone())) };
                let sample = sample_of(Traffic::new(size), Story::Breaks(rate), gate, runs).with_fault();
                let design: Option<(&str, Rounded)> =
                    figures.get(&labels, column).zip(figures.number(&labels, column));
                let beside =
                    design.map(|(text, figure)| (text, distance(&sample, figure, DESIGN_BROKEN_RUNS)));
                Cell::beside(number(sample.mean_harm()), beside)
            });
            table.add(&labels, cells);
        }
    }
    vec![table]
}
