//! Whether the `to` side makes more errors than it may.

use super::{
    super::cursor::{Cursor, Keys, Read, Table},
    blast_radius::blast_radius,
    metric_delay,
    sources::{Measured, source},
};
use crate::plan::{
    ErrorRate, Errors, Percent, Question, ToleratedIncrease,
    gate::{
        default_burstiness, default_false_alarms_per_day, default_max_error_rate, default_metric_delay,
        default_min_errors, default_min_requests, default_resolvers,
    },
};

pub(crate) const ERRORS: Keys = Keys {
    known: &[
        "name",
        "error_rate",
        "max_error_rate",
        "tolerated_increase",
        "false_alarms_per_day",
        "min_requests",
        "min_errors",
        "blast_radius",
        "burstiness",
        "resolvers",
        "metric_delay",
        "on_fail",
        "observe_only",
    ],
    later: &[],
};
pub(crate) const INCREASE: Keys = Keys { known: &["ratio", "points"], later: &[] };
pub(crate) const ERROR_RATE: Keys = Keys { known: &["to", "from"], later: &[] };

/// A service of which half the requests may fail has no use for a gate.
const LARGEST_RATE: f64 = 50.0;

pub(super) const MOST_REQUESTS: u32 = 1_000_000_000;

/// Below one in a million days nothing would ever fail, and one a day is no promise at all.
const FALSE_ALARMS: (f64, f64) = (0.000_001, 1.0);

/// Between errors that know nothing of each other, and a period that counts for ten requests.
const BURSTINESS: (f64, f64) = (0.000_01, 0.1);

pub(super) fn question(at: &Cursor<'_>, table: &Table<'_>) -> Read<Question> {
    let error_rate = table.required("error_rate", error_rate);
    let has_from = at.peek("error_rate").is_none_or(|at| at.peek("from").is_some());
    let max_error_rate = table.optional("max_error_rate", max_error_rate);
    let increase = table.optional("tolerated_increase", |at| tolerated_increase(at, has_from));
    let false_alarms = table.optional("false_alarms_per_day", |at| between(at, FALSE_ALARMS, "0.01"));
    let min_requests = table.optional("min_requests", |at| at.whole(1, MOST_REQUESTS));
    let min_errors = table.optional("min_errors", |at| at.whole(1, MOST_REQUESTS));
    let blast_radius = table.optional("blast_radius", blast_radius);
    let burstiness = table.optional("burstiness", |at| between(at, BURSTINESS, "0.001"));
    let resolvers = table.optional("resolvers", |at| at.whole(1, MOST_REQUESTS));
    let metric_delay = table.optional("metric_delay", metric_delay);
    Ok(Question::Errors(Errors {
        error_rate: error_rate?,
        max_error_rate: max_error_rate?.unwrap_or_else(default_max_error_rate),
        tolerated_increase: increase?,
        false_alarms_per_day: false_alarms?.unwrap_or_else(default_false_alarms_per_day),
        min_requests: min_requests?.map_or_else(default_min_requests, u64::from),
        min_errors: min_errors?.map_or_else(default_min_errors, u64::from),
        blast_radius: blast_radius?,
        burstiness: burstiness?.unwrap_or_else(default_burstiness),
        resolvers: resolvers?.unwrap_or_else(default_resolvers),
        metric_delay: metric_delay?.unwrap_or_else(default_metric_delay),
    }))
}

fn error_rate(at: &Cursor<'_>) -> Read<ErrorRate> {
    let table = at.table(&ERROR_RATE)?;
    let to = table.required("to", |at| source(at, Measured::Errors));
    let from = table.optional("from", |at| source(at, Measured::Errors));
    Ok(ErrorRate { to: to?, from: from? })
}

fn max_error_rate(at: &Cursor<'_>) -> Read<Percent> {
    let percent = at.percent()?;
    if percent.0 <= 0.0 {
        return Err(
            at.refuse("a single error would fail this gate", "allow at least a little, as in \"0.1%\"")
        );
    }
    if percent.0 > LARGEST_RATE {
        let message = format!("{percent} of errors would be let through");
        return Err(at.refuse(message, format!("allow at most {LARGEST_RATE}%; 1% is usual")));
    }
    Ok(percent)
}

fn tolerated_increase(at: &Cursor<'_>, has_from: bool) -> Read<ToleratedIncrease> {
    let table = at.table(&INCREASE)?;
    if !has_from {
        return Err(at.refuse("there is nothing to compare with", "name the legacy side as error_rate.from"));
    }
    let ratio = table.optional("ratio", |at| {
        let ratio = at.number("a number of at least 1")?;
        if ratio >= 1.0 { Ok(ratio) } else { Err(at.wrong("a number of at least 1")) }
    });
    let points = table.optional("points", Cursor::percent);
    let usual = ToleratedIncrease::default();
    Ok(ToleratedIncrease { ratio: ratio?.unwrap_or(usual.ratio), points: points?.unwrap_or(usual.points) })
}

fn between(at: &Cursor<'_>, (least, most): (f64, f64), usual: &str) -> Read<f64> {
    let wanted = format!("a number from {least} to {most}, such as {usual}");
    let number = at.number(&wanted)?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(at.wrong(&wanted)) }
}
