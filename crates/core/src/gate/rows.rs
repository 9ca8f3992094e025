//! The periods of both sides, side by side.

use super::{
    Fetched, GateData, Period,
    evaluate::{Reading, Row},
};

/// Of periods of `period` seconds, from this time on, which is where a block ends; oldest first.
pub(super) fn since(at: Option<i64>, period: i64, data: &GateData) -> Vec<Row> {
    let mut to = side(&data.to, at, period).peekable();
    let mut from = data.from.iter().flat_map(|from| side(from, at, period)).peekable();
    let mut rows: Vec<Row> = Vec::with_capacity(if at.is_some() { 64 } else { 256 });
    loop {
        let first = match (to.peek(), from.peek()) {
            (Some((to, _)), Some((from, _))) => *to.min(from),
            (Some((start, _)), None) | (None, Some((start, _))) => *start,
            (None, None) => return rows,
        };
        let mut row = Row { start: first, ..Row::default() };
        while let Some((_, more)) = to.next_if(|(start, _)| *start == first) {
            row.to = both(row.to, more);
        }
        while let Some((_, more)) = from.next_if(|(start, _)| *start == first) {
            row.from = both(row.from, more);
        }
        rows.push(row);
    }
}

fn side(side: &Fetched, at: Option<i64>, period: i64) -> impl Iterator<Item = (i64, Reading)> {
    // Errors without requests are a dead endpoint; where data are missing, they are just missing data.
    let counts = |counted: &&Period| side.incomplete.is_none() || counted.requests.is_some();
    side.periods.since(at).filter(counts).map(move |counted| {
        let start = counted.start.as_second().div_euclid(period) * period;
        (start, Reading { requests: counted.requests, errors: counted.errors })
    })
}

fn both(one: Reading, other: Reading) -> Reading {
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    Reading { requests: sum(one.requests, other.requests), errors: sum(one.errors, other.errors) }
}
