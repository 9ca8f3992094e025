//! On what evidence.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cursor::{Cursor, Keys, Noted, Read, Table, nearest, quote},
    names::{filled, region, slug},
};
use crate::plan::{
    ErrorRate, Errors, Gate, OnFail, Percent, Question, Source, Span, ToleratedIncrease,
    gate::{
        default_burstiness, default_false_alarms_per_day, default_max_error_rate, default_metric_delay,
        default_min_errors, default_min_requests, default_period, default_resolvers,
    },
};

/// Of a gate that asks for errors.
pub(crate) const ERRORS: Keys = Keys {
    known: &[
        "name",
        "error_rate",
        "max_error_rate",
        "tolerated_increase",
        "false_alarms_per_day",
        "min_requests",
        "min_errors",
        "burstiness",
        "resolvers",
        "metric_delay",
        "on_fail",
        "observe_only",
    ],
    later: &["alarms"],
};
pub(crate) const INCREASE: Keys = Keys { known: &["ratio", "points"], later: &[] };
pub(crate) const ERROR_RATE: Keys = Keys { known: &["to", "from"], later: &[] };
pub(crate) const ALB: Keys = Keys { known: &["preset", "load_balancer", "region"], later: &[] };
pub(crate) const CUSTOM: Keys = Keys {
    known: &["preset", "namespace", "dimensions", "errors", "requests", "period", "region"],
    later: &[],
};

const PRESETS: [&str; 2] = ["alb", "custom"];
const LATER_PRESETS: [&str; 5] = ["nlb", "classic-elb", "cloudfront", "api-gateway-rest", "api-gateway-http"];

/// CloudWatch's own bounds.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const LONGEST_METRIC: usize = 255;
const LONGEST_DIMENSION: usize = 1024;
const MOST_DIMENSIONS: usize = 30;

/// Each metric is a query, and queries are what CloudWatch is paid for.
const MOST_METRICS: usize = 10;

/// A service of which half the requests may fail has no use for a gate.
const LARGEST_RATE: f64 = 50.0;

const MOST_REQUESTS: u32 = 1_000_000_000;

/// Below one in a million days nothing would ever fail, and one a day is no promise at all.
const FALSE_ALARMS: (f64, f64) = (0.000_001, 1.0);

/// Between errors that know nothing of each other, and a period that counts for ten requests.
const BURSTINESS: (f64, f64) = (0.000_01, 0.1);

const LONGEST_DELAY_MINUTES: i64 = 15;
const LONGEST_PERIOD_SECONDS: i64 = 300;

pub(super) fn gates(at: &Cursor<'_>) -> Read<Vec<Gate>> {
    let items = at.some("a list of gates")?;
    let mut names = BTreeMap::new();
    let gates: Vec<_> = items.iter().map(|item| gate(item, &mut names)).collect();
    let gates = gates.into_iter().collect::<Read<Vec<Gate>>>()?;
    if gates.iter().all(|gate| gate.observe_only) {
        let hint = "let at least one of them decide, without observe_only";
        return Err(at.refuse("every gate only observes, so that nothing would ever take this back", hint));
    }
    Ok(gates)
}

fn gate(at: &Cursor<'_>, names: &mut BTreeMap<String, u32>) -> Read<Gate> {
    let table = at.table(&ERRORS)?;
    let name = table.required("name", |at| unique(at, names));
    let question = errors(at, &table);
    let on_fail = table.optional("on_fail", on_fail);
    let observe_only = table.optional("observe_only", Cursor::flag);
    Ok(Gate {
        name: name?,
        question: Question::Errors(question?),
        on_fail: on_fail?.unwrap_or_default(),
        observe_only: observe_only?.unwrap_or_default(),
    })
}

fn errors(at: &Cursor<'_>, table: &Table<'_>) -> Read<Errors> {
    // A gate of a kind that is not there yet has been refused for that, and does not lack this.
    let other_kind = at.peek("alarms").is_some() && !table.has("error_rate");
    let error_rate = if other_kind { Err(Noted) } else { table.required("error_rate", error_rate) };
    let has_from = at.peek("error_rate").is_none_or(|at| at.peek("from").is_some());
    let max_error_rate = table.optional("max_error_rate", max_error_rate);
    let increase = table.optional("tolerated_increase", |at| tolerated_increase(at, has_from));
    let false_alarms = table.optional("false_alarms_per_day", |at| between(at, FALSE_ALARMS, "0.01"));
    let min_requests = table.optional("min_requests", |at| at.whole(1, MOST_REQUESTS));
    let min_errors = table.optional("min_errors", |at| at.whole(1, MOST_REQUESTS));
    let burstiness = table.optional("burstiness", |at| between(at, BURSTINESS, "0.001"));
    let resolvers = table.optional("resolvers", |at| at.whole(1, MOST_REQUESTS));
    let metric_delay = table.optional("metric_delay", metric_delay);
    Ok(Errors {
        error_rate: error_rate?,
        max_error_rate: max_error_rate?.unwrap_or_else(default_max_error_rate),
        tolerated_increase: increase?,
        false_alarms_per_day: false_alarms?.unwrap_or_else(default_false_alarms_per_day),
        min_requests: min_requests?.map_or_else(default_min_requests, u64::from),
        min_errors: min_errors?.map_or_else(default_min_errors, u64::from),
        burstiness: burstiness?.unwrap_or_else(default_burstiness),
        resolvers: resolvers?.unwrap_or_else(default_resolvers),
        metric_delay: metric_delay?.unwrap_or_else(default_metric_delay),
    })
}

fn unique(at: &Cursor<'_>, names: &mut BTreeMap<String, u32>) -> Read<String> {
    let name = slug(at)?;
    if let Some(line) = names.insert(name.clone(), at.line()) {
        let hint = format!("the other is on line {line}: rename one of them");
        return Err(at.refuse(format!("two gates are named {name}"), hint));
    }
    Ok(name)
}

fn error_rate(at: &Cursor<'_>) -> Read<ErrorRate> {
    let table = at.table(&ERROR_RATE)?;
    let to = table.required("to", source);
    let from = table.optional("from", source);
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

fn metric_delay(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0 > jiff::SignedDuration::from_mins(LONGEST_DELAY_MINUTES) {
        let message = format!("{span} is too long to wait for a datapoint");
        return Err(at.refuse(message, format!("give at most {LONGEST_DELAY_MINUTES}m; 2m is usual")));
    }
    Ok(span)
}

fn on_fail(at: &Cursor<'_>) -> Read<OnFail> {
    let text = at.text()?;
    match text.as_str() {
        "revert" => Ok(OnFail::Revert),
        "step_back" => Ok(OnFail::StepBack),
        "pause" => Ok(OnFail::Pause),
        _ => Err(at.refuse(
            format!("{} is nothing that a failed gate can do", quote(&text)),
            "choose revert, step_back or pause",
        )),
    }
}

fn source(at: &Cursor<'_>) -> Read<Source> {
    if !at.is_table() {
        return Err(at.wrong("a table such as { preset: alb, load_balancer: app/name/id }"));
    }
    let Some(preset) = at.peek("preset") else { return Err(at.missing("preset")) };
    match preset.text()?.as_str() {
        "alb" => alb(at),
        "custom" => custom(at),
        later if LATER_PRESETS.contains(&later) => Err(preset.refuse(
            format!("the preset {later} is not supported by this version"),
            "use custom, and name the metrics",
        )),
        other => {
            let hint = nearest(other, PRESETS.into_iter().chain(LATER_PRESETS))
                .map(|preset| format!("did you mean {preset}?"))
                .unwrap_or_else(|| format!("the presets are {}", PRESETS.join(" and ")));
            Err(preset.refuse(format!("there is no preset {}", quote(other)), hint))
        }
    }
}

fn alb(at: &Cursor<'_>) -> Read<Source> {
    let table = at.table(&ALB)?;
    let load_balancer = table.required("load_balancer", load_balancer);
    let region = table.optional("region", region);
    Ok(Source::Alb { load_balancer: load_balancer?, region: region? })
}

fn load_balancer(at: &Cursor<'_>) -> Read<String> {
    let text = at.text()?;
    let hint = "give the end of its ARN, as in app/name/50dc6c495c0c9188";
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if let ["app", name, id] = parts.as_slice()
        && plain(name)
        && plain(id)
        && text.len() <= LONGEST_METRIC
    {
        return Ok(text);
    }
    if let Some((_, end)) = text.split_once(":loadbalancer/").filter(|_| text.starts_with("arn:")) {
        let message = "this is the whole ARN of the load balancer";
        return Err(at.refuse(message, format!("take the part after loadbalancer/: {end}")));
    }
    if parts.first() == Some(&"net") {
        let message = format!("{} is a network load balancer", quote(&text));
        return Err(
            at.refuse(message, "the preset alb is for application load balancers, whose ids begin with app/")
        );
    }
    Err(at.refuse(format!("{} is not the id of a load balancer", quote(&text)), hint))
}

fn custom(at: &Cursor<'_>) -> Read<Source> {
    let table = at.table(&CUSTOM)?;
    let namespace = table.required("namespace", |at| filled(at, LONGEST_METRIC));
    let dimensions = table.optional("dimensions", dimensions);
    let errors = table.required("errors", metrics);
    let requests = table.required("requests", metrics);
    let period = table.optional("period", period);
    let region = table.optional("region", region);
    Ok(Source::Custom {
        namespace: namespace?,
        dimensions: dimensions?.unwrap_or_default(),
        errors: errors?,
        requests: requests?,
        period: period?.unwrap_or_else(default_period),
        region: region?,
    })
}

fn dimensions(at: &Cursor<'_>) -> Read<BTreeMap<String, String>> {
    let dimensions = at.map("a table of dimensions", |name, value| {
        if name.is_empty() || name.len() > LONGEST_METRIC {
            let message = format!("a dimension's name has 1 to {LONGEST_METRIC} characters");
            return Err(value.refuse(message, "use the name that the metric has in CloudWatch"));
        }
        filled(value, LONGEST_DIMENSION)
    })?;
    match dimensions.len() {
        0..=MOST_DIMENSIONS => Ok(dimensions),
        count => {
            let message = format!("{count} dimensions are more than the {MOST_DIMENSIONS} a metric can have");
            Err(at.refuse(message, "use the dimensions that the metric has in CloudWatch"))
        }
    }
}

fn metrics(at: &Cursor<'_>) -> Read<Vec<String>> {
    let items = at.some("a list of metrics")?;
    let mut seen = BTreeSet::new();
    let metrics: Vec<_> = items
        .iter()
        .map(|item| {
            let metric = filled(item, LONGEST_METRIC)?;
            if !seen.insert(metric.clone()) {
                let message = format!("{} is there twice, and would be counted twice", quote(&metric));
                return Err(item.refuse(message, "take one of them out"));
            }
            Ok(metric)
        })
        .collect();
    if items.len() > MOST_METRICS {
        let message = format!("{} metrics are more than {MOST_METRICS}", items.len());
        return Err(at.refuse(message, "add them up with metric math, or publish one that counts them all"));
    }
    metrics.into_iter().collect()
}

/// The lengths that CloudWatch keeps for longer than an hour are multiples of a minute.
fn period(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    let seconds = span.0.as_secs();
    let minutes = seconds >= 60 && seconds % 60 == 0 && seconds <= LONGEST_PERIOD_SECONDS;
    if span.0.subsec_nanos() != 0 || !(minutes || matches!(seconds, 5 | 10 | 20 | 30)) {
        let message = format!("CloudWatch has no periods of {span} here");
        return Err(at.refuse(message, "choose 5s, 10s, 20s, 30s, or whole minutes up to 5m"));
    }
    Ok(span)
}
