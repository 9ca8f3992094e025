//! The figures of the simulation that the gate was designed with, which is another program, and how far ours are from
//! them, in standard deviations of the difference that chance makes between two samples.

use std::collections::HashMap;

/// A table as it stands in the design, found by the labels of a row and the name of a column.
pub(crate) struct Figures {
    cells: HashMap<(Vec<String>, String), String>,
}

impl Figures {
    /// With so many labels in front of each row.
    pub(crate) fn read(text: &str, labels: usize) -> Figures {
        let mut rows = text.lines().map(|line| {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        });
        let head = rows.next().unwrap_or_default();
        let mut cells = HashMap::new();
        for row in rows {
            for (column, cell) in head.iter().zip(&row).skip(labels) {
                cells.insert((row[..labels].to_vec(), column.clone()), cell.clone());
            }
        }
        Figures { cells }
    }

    pub(crate) fn get(&self, labels: &[&str], column: &str) -> Option<&str> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.cells.get(&(labels, column.to_owned())).map(String::as_str)
    }

    /// The part of a cell before a bracket.
    pub(crate) fn number(&self, labels: &[&str], column: &str) -> Option<Rounded> {
        Rounded::read(self.get(labels, column)?.split(['(', '[']).next()?)
    }

    /// The ratio in a cell's round brackets.
    pub(crate) fn ratio(&self, labels: &[&str], column: &str) -> Option<Rounded> {
        Rounded::read(self.get(labels, column)?.split_once('(')?.1.split_once(')')?.0)
    }

    /// Median and 95th percentile.
    pub(crate) fn quantiles(&self, labels: &[&str], column: &str) -> Option<[Rounded; 2]> {
        let cell = self.get(labels, column)?.split(['(', '[']).next()?;
        let (median, most) = cell.split_once('/')?;
        Some([Rounded::read(median)?, Rounded::read(most)?])
    }
}

/// A number that was printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounded {
    pub(crate) value: f64,
    /// One in its last digit.
    pub(crate) unit: f64,
}

impl Rounded {
    /// `0`, `1.62%`, `34.8k`, `1.6M`, `9.3 min`.
    pub(crate) fn read(text: &str) -> Option<Rounded> {
        let text = text.trim().trim_end_matches(" min");
        let (digits, times) = match text.as_bytes().last()? {
            b'%' => (&text[..text.len() - 1], 0.01),
            b'k' => (&text[..text.len() - 1], 1e3),
            b'M' => (&text[..text.len() - 1], 1e6),
            _ => (text, 1.0),
        };
        let value: f64 = digits.parse().ok()?;
        let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
        // A zero without digits is no run at all.
        let unit = if digits == "0" { 0.0 } else { times / 10_f64.powi(places as i32) };
        Some(Rounded { value: value * times, unit })
    }

    /// What rounding adds to the variance.
    fn variance(self) -> f64 {
        self.unit * self.unit / 12.0
    }
}

/// Between two shares of so many runs each. By the arcsine, which is right for few and for none, too.
pub(crate) fn of_shares(part: f64, runs: f64, design: Rounded, design_runs: f64) -> f64 {
    let angle = |part: f64, runs: f64| 2.0 * ((part * runs + 0.375) / (runs + 0.75)).sqrt().asin();
    let (ours, theirs) = (angle(part, runs), angle(design.value, design_runs));
    let spread = (design.value * (1.0 - design.value)).max(1.0 / design_runs);
    let variance = 1.0 / runs + 1.0 / design_runs + design.variance() / spread;
    (ours - theirs) / variance.sqrt()
}

/// Between two means of so many runs each, whose standard deviation is ours.
pub(crate) fn of_means(mean: f64, deviation: f64, runs: f64, design: Rounded, design_runs: f64) -> f64 {
    let variance = deviation * deviation * (1.0 / runs + 1.0 / design_runs) + design.variance();
    (mean - design.value) / variance.sqrt()
}

/// Between the quantile of the design and ours: how many of our runs are below it, against how many should be.
pub(crate) fn of_quantiles(sorted: &[f64], quantile: f64, design: Rounded, design_runs: f64) -> f64 {
    let runs = sorted.len() as f64;
    let below = |value: f64| sorted.partition_point(|one| *one < value) as f64 / runs;
    // Delays are multiples of ten seconds, and printed in tenths of a minute.
    let (least, most) = (below(design.value - 0.51 * design.unit), below(design.value + 0.51 * design.unit));
    let deviation = (quantile * (1.0 - quantile) * (1.0 / runs + 1.0 / design_runs)).sqrt();
    if quantile < least {
        (quantile - least) / deviation
    } else if quantile > most {
        (quantile - most) / deviation
    } else {
        0.0
    }
}
