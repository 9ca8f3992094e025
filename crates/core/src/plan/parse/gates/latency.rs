//! Whether the `to` side answers as fast as it should.

use super::{
    super::cursor::{Cursor, Keys, Read, Table},
    metric_delay,
    sources::{Measured, source},
};
use crate::plan::{Latency, LatencySides, Percentile, Question, SlowerBy, Span, gate::default_metric_delay};

pub(crate) const LATENCY: Keys = Keys {
    known: &[
        "name",
        "latency",
        "percentile",
        "max_latency",
        "tolerated_increase",
        "metric_delay",
        "on_fail",
        "observe_only",
    ],
    later: &[],
};
pub(crate) const SIDES: Keys = Keys { known: &["to", "from"], later: &[] };
pub(crate) const SLOWER: Keys = Keys { known: &["ratio"], later: &[] };

pub(super) fn question(at: &Cursor<'_>, table: &Table<'_>) -> Read<Question> {
    let latency = table.required("latency", sides);
    let has_from = at.peek("latency").is_none_or(|at| !at.is_table() || at.peek("from").is_some());
    let percentile = table.optional("percentile", percentile);
    let max_latency = table.optional("max_latency", max_latency);
    let increase = table.optional("tolerated_increase", |at| slower_by(at, has_from));
    let metric_delay = table.optional("metric_delay", metric_delay);
    let gate = Latency {
        latency: latency?,
        percentile: percentile?.unwrap_or_default(),
        max_latency: max_latency?,
        tolerated_increase: increase?,
        metric_delay: metric_delay?.unwrap_or_else(default_metric_delay),
    };
    if gate.max_latency.is_none() && gate.latency.from.is_none() {
        let hint = "give max_latency, or name the legacy side as latency.from";
        return Err(at.refuse("there is nothing to measure the latency by", hint));
    }
    Ok(Question::Latency(gate))
}

fn sides(at: &Cursor<'_>) -> Read<LatencySides> {
    let table = at.table(&SIDES)?;
    let to = table.required("to", |at| source(at, Measured::Latency));
    let from = table.optional("from", |at| source(at, Measured::Latency));
    Ok(LatencySides { to: to?, from: from? })
}

fn percentile(at: &Cursor<'_>) -> Read<Percentile> {
    at.text()?.parse().map_err(|message: String| at.refuse(message, "write it as in p50, p99 or p99.9"))
}

fn max_latency(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0.is_zero() {
        return Err(at.refuse("nothing is answered in no time", "allow some, as in 800ms"));
    }
    Ok(span)
}

fn slower_by(at: &Cursor<'_>, has_from: bool) -> Read<SlowerBy> {
    let table = at.table(&SLOWER)?;
    if !has_from {
        return Err(at.refuse("there is nothing to compare with", "name the legacy side as latency.from"));
    }
    let wanted = "a number of at least 1";
    let ratio = table.required("ratio", |at| {
        let ratio = at.number(wanted)?;
        if ratio >= 1.0 { Ok(ratio) } else { Err(at.wrong(wanted)) }
    });
    Ok(SlowerBy { ratio: ratio? })
}
