//! The budget of failed requests: how many more than usual have failed so far, and whether that is enough.
//!
//! It asks neither for a rate nor for doubt: what has failed has failed. Counts are of closed periods, in which
//! `requests × the from side's usual rate` would have failed anyway; while the `from` side is failing itself, its rate
//! of that very period counts. Periods that are better than usual make up for worse ones, but the sum is never below
//! zero. Where no usual rate is known, it is zero, and every failed request counts.

use std::collections::BTreeSet;

use super::{
    clean,
    evaluate::{Config, Row, State},
    limits::Baseline,
    sentence::grouped,
};
use crate::plan::{BlastRadius, Errors};

/// Failed requests of the `to` side that would not have failed on the `from` side, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// Since resolvers began to answer with the step's weights; `None` while those are being written.
    pub(super) step: Option<u64>,
    /// Since traffic was first moved.
    pub(super) shift: u64,
}

/// A period counts if any of it is in the time asked about. Where the data of the `to` side are not `complete`, a
/// period whose errors are not there is left out instead of being taken for a good one.
pub(super) fn excess(config: &Config, state: &State, rows: &[Row], complete: bool, now: i64) -> Excess {
    let unknown: BTreeSet<i64> =
        rows.iter().filter(|row| !complete && row.to.errors.is_none()).map(|row| row.start).collect();
    let step_began = state.settled_at.map(|settled| settled.saturating_sub(config.ttl).max(state.moved_at));
    let mut baseline = Baseline::default();
    let (mut shift, mut step) = (0.0, 0.0);
    for period in clean::closed(config, rows, now) {
        let to = period.to.unwrap_or_default();
        baseline.add(period.from, to.requests);
        let ends = period.start.saturating_add(config.period);
        if ends <= state.moved_at || unknown.contains(&period.start) {
            continue;
        }
        let more = to.errors as f64 - to.requests as f64 * baseline.excused().unwrap_or(0.0);
        shift += more;
        if step_began.is_some_and(|began| ends > began) {
            step += more;
        }
    }
    Excess { step: step_began.map(|_| whole(step)), shift: whole(shift) }
}

/// Whether a gate's budget is spent by now, of complete data; for looking back.
pub fn is_spent(errors: &Errors, config: &Config, state: &State, rows: &[Row], now: i64) -> bool {
    let Some(budget) = &errors.blast_radius else { return false };
    let excess = excess(config, state, rows, true, now);
    spent(budget, excess, errors.error_rate.from.is_some()).is_some()
}

/// Which budget is spent, in a sentence.
pub(super) fn spent(budget: &BlastRadius, excess: Excess, compares: bool) -> Option<String> {
    let more = if compares { " more than usual" } else { "" };
    let over =
        |spent: Option<u64>, budget: Option<u64>| spent.zip(budget).filter(|(spent, budget)| spent > budget);
    if let Some((spent, budget)) = over(excess.step, budget.per_step) {
        let (spent, budget) = (grouped(spent), grouped(budget));
        return Some(format!("{spent} requests{more} failed at this step; its budget is {budget}"));
    }
    let (spent, budget) = over(Some(excess.shift), budget.per_shift)?;
    let (spent, budget) = (grouped(spent), grouped(budget));
    Some(format!("{spent} requests{more} failed since traffic was moved; the shift's budget is {budget}"))
}

fn whole(sum: f64) -> u64 {
    // What is left of a sum of fractions is no request.
    (sum - 1e-6).ceil().max(0.0) as u64
}
