//! Where metrics are: presets for AWS's endpoints, and metrics of one's own.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    cursor::{Cursor, Keys, Read, nearest, quote},
    names::{filled, region},
};
use crate::plan::{
    Source, Span, Unit,
    gate::{CLOUDFRONT_REGION, default_period},
};

pub(crate) const ALB: Keys = Keys { known: &["preset", "load_balancer", "region"], later: &[] };
pub(crate) const NLB: Keys = Keys { known: &["preset", "load_balancer", "region"], later: &[] };
pub(crate) const CLASSIC_ELB: Keys = Keys { known: &["preset", "load_balancer", "region"], later: &[] };
pub(crate) const CLOUDFRONT: Keys = Keys { known: &["preset", "distribution"], later: &[] };
pub(crate) const API_REST: Keys = Keys { known: &["preset", "api_name", "stage", "region"], later: &[] };
pub(crate) const API_HTTP: Keys = Keys { known: &["preset", "api_id", "stage", "region"], later: &[] };
pub(crate) const PROMETHEUS: Keys =
    Keys { known: &["preset", "errors", "requests", "latency", "period"], later: &[] };
pub(crate) const CUSTOM: Keys = Keys {
    known: &[
        "preset",
        "namespace",
        "dimensions",
        "errors",
        "requests",
        "latency",
        "unit",
        "period",
        "region",
    ],
    later: &[],
};

type Reader = fn(&Cursor<'_>, Measured) -> Read<Source>;

const PRESETS: [(&str, Reader); 8] = [
    ("alb", alb),
    ("nlb", nlb),
    ("classic-elb", classic_elb),
    ("cloudfront", cloudfront),
    ("api-gateway-rest", api_gateway_rest),
    ("api-gateway-http", api_gateway_http),
    ("prometheus", prometheus),
    ("custom", custom),
];

/// What a source is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measured {
    Errors,
    Latency,
}

/// CloudWatch's own bounds.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>
const LONGEST_METRIC: usize = 255;
const LONGEST_DIMENSION: usize = 1024;
const MOST_DIMENSIONS: usize = 30;

/// Each metric is a query, and queries are what CloudWatch is paid for.
const MOST_METRICS: usize = 10;

const LONGEST_PERIOD_SECONDS: i64 = 300;

/// Longer ones belong into a recording rule.
const LONGEST_EXPRESSION: usize = 2_000;

pub(super) fn source(at: &Cursor<'_>, measured: Measured) -> Read<Source> {
    if !at.is_table() {
        return Err(at.wrong("a table such as { preset: alb, load_balancer: app/name/id }"));
    }
    let Some(preset) = at.peek("preset") else { return Err(at.missing("preset")) };
    let name = preset.text()?;
    if let Some((_, read)) = PRESETS.iter().find(|(known, _)| *known == name) {
        return read(at, measured);
    }
    let names = || PRESETS.iter().map(|(name, _)| *name);
    let hint = nearest(&name, names())
        .map(|preset| format!("did you mean {preset}?"))
        .unwrap_or_else(|| format!("the presets are {}", names().collect::<Vec<_>>().join(", ")));
    Err(preset.refuse(format!("there is no preset {}", quote(&name)), hint))
}

fn alb(at: &Cursor<'_>, _: Measured) -> Read<Source> {
    let table = at.table(&ALB)?;
    let load_balancer = table.required("load_balancer", |at| load_balancer(at, "app", "alb"));
    let region = table.optional("region", region);
    Ok(Source::Alb { load_balancer: load_balancer?, region: region? })
}

fn nlb(at: &Cursor<'_>, measured: Measured) -> Read<Source> {
    let table = at.table(&NLB)?;
    let load_balancer = table.required("load_balancer", |at| load_balancer(at, "net", "nlb"));
    let region = table.optional("region", region);
    let hint = "it sees connections, not requests: measure what is behind it, with preset custom";
    has_latency(at, measured, "a network load balancer", hint)?;
    Ok(Source::Nlb { load_balancer: load_balancer?, region: region? })
}

fn classic_elb(at: &Cursor<'_>, _: Measured) -> Read<Source> {
    let table = at.table(&CLASSIC_ELB)?;
    let load_balancer = table.required("load_balancer", |at| {
        let text = filled(at, LONGEST_METRIC)?;
        if text.contains(['/', ':', '.']) {
            let message = format!("{} is not the name of a classic load balancer", quote(&text));
            return Err(at.refuse(
                message,
                "give its name alone; those with app/ or net/ are of the presets alb and nlb",
            ));
        }
        Ok(text)
    });
    let region = table.optional("region", region);
    Ok(Source::ClassicElb { load_balancer: load_balancer?, region: region? })
}

fn cloudfront(at: &Cursor<'_>, measured: Measured) -> Read<Source> {
    if let Some(region) = at.peek("region") {
        let message = format!("CloudFront publishes its metrics in {CLOUDFRONT_REGION} alone");
        return Err(region.refuse(message, "leave the region out"));
    }
    let table = at.table(&CLOUDFRONT)?;
    let distribution = table.required("distribution", |at| {
        let text = filled(at, LONGEST_METRIC)?;
        if text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Ok(text);
        }
        let message = format!("{} is not the id of a distribution", quote(&text));
        Err(at.refuse(message, "give its id, as in E2QWRUHAPOMQZL, not its domain name"))
    });
    let hint = "its OriginLatency leaves out what the cache answers: measure the origin itself";
    has_latency(at, measured, "CloudFront", hint)?;
    Ok(Source::Cloudfront { distribution: distribution? })
}

fn api_gateway_rest(at: &Cursor<'_>, _: Measured) -> Read<Source> {
    let table = at.table(&API_REST)?;
    let api_name = table.required("api_name", |at| filled(at, LONGEST_METRIC));
    let stage = table.optional("stage", |at| filled(at, LONGEST_METRIC));
    let region = table.optional("region", region);
    Ok(Source::ApiGatewayRest { api_name: api_name?, stage: stage?, region: region? })
}

fn api_gateway_http(at: &Cursor<'_>, _: Measured) -> Read<Source> {
    let table = at.table(&API_HTTP)?;
    let api_id = table.required("api_id", |at| filled(at, LONGEST_METRIC));
    let stage = table.optional("stage", |at| filled(at, LONGEST_METRIC));
    let region = table.optional("region", region);
    Ok(Source::ApiGatewayHttp { api_id: api_id?, stage: stage?, region: region? })
}

fn prometheus(at: &Cursor<'_>, measured: Measured) -> Read<Source> {
    let table = at.table(&PROMETHEUS)?;
    let text = |key: &str, wanted: bool| match wanted {
        true => table.required(key, expression).map(Some),
        false => table.optional(key, expression),
    };
    let errors = text("errors", measured == Measured::Errors);
    // A latency of too few requests says nothing.
    let requests = text("requests", true);
    let latency = text("latency", measured == Measured::Latency);
    let period = table.optional("period", period);
    Ok(Source::Prometheus {
        errors: errors?,
        requests: requests?,
        latency: latency?,
        period: period?.unwrap_or_else(default_period),
    })
}

fn expression(at: &Cursor<'_>) -> Read<String> {
    let text = filled(at, LONGEST_EXPRESSION)?;
    if text.trim_end().ends_with(']') && !text.contains("$period") {
        let message = format!("{} ends with a range", quote(&text));
        return Err(at.refuse(message, "leave the range out, or write the whole expression with [$period]"));
    }
    Ok(text)
}

/// Of a source whose metrics have no percentiles, or none that would say how fast it answers.
fn has_latency(at: &Cursor<'_>, measured: Measured, what: &str, hint: &str) -> Read<()> {
    if measured == Measured::Errors {
        return Ok(());
    }
    Err(at.refuse(format!("{what} has no metric of latency"), hint))
}

/// The end of an ARN: `kind/name/id`.
fn load_balancer(at: &Cursor<'_>, kind: &str, preset: &str) -> Read<String> {
    let text = at.text()?;
    let hint = format!("give the end of its ARN, as in {kind}/name/50dc6c495c0c9188");
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if let [first, name, id] = parts.as_slice()
        && *first == kind
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
    let other = match parts.first() {
        Some(&"net") => Some(("a network load balancer", "nlb")),
        Some(&"app") => Some(("an application load balancer", "alb")),
        Some(_) | None => None,
    };
    if let Some((what, right)) = other.filter(|(_, right)| *right != preset) {
        return Err(at.refuse(format!("{} is {what}", quote(&text)), format!("its preset is {right}")));
    }
    Err(at.refuse(format!("{} is not the id of a load balancer", quote(&text)), hint))
}

fn custom(at: &Cursor<'_>, measured: Measured) -> Read<Source> {
    let table = at.table(&CUSTOM)?;
    let namespace = table.required("namespace", |at| filled(at, LONGEST_METRIC));
    let dimensions = table.optional("dimensions", dimensions);
    let counters = |key| match measured {
        Measured::Errors => table.required(key, metrics).map(Some),
        Measured::Latency => table.optional(key, metrics),
    };
    let (errors, requests) = (counters("errors"), counters("requests"));
    let counted = namespace.as_deref().unwrap_or_default();
    let latency = match measured {
        Measured::Latency => table.required("latency", |at| distribution(at, counted)).map(Some),
        Measured::Errors => table.optional("latency", |at| distribution(at, counted)),
    };
    let unit = table.optional("unit", unit);
    let period = table.optional("period", period);
    let region = table.optional("region", region);
    Ok(Source::Custom {
        dimensions: dimensions?.unwrap_or_default(),
        errors: errors?.unwrap_or_default(),
        requests: requests?.unwrap_or_default(),
        latency: latency?,
        unit: unit?.unwrap_or_default(),
        period: period?.unwrap_or_else(default_period),
        region: region?,
        namespace: namespace?,
    })
}

/// Which metrics of AWS's own are published value by value, so that they have percentiles.
const DISTRIBUTIONS: [(&str, &[&str]); 5] = [
    ("AWS/ApplicationELB", &["TargetResponseTime"]),
    ("AWS/ELB", &["Latency"]),
    ("AWS/ApiGateway", &["Latency", "IntegrationLatency"]),
    ("AWS/NetworkELB", &[]),
    ("AWS/CloudFront", &[]),
];

fn distribution(at: &Cursor<'_>, namespace: &str) -> Read<String> {
    let metric = filled(at, LONGEST_METRIC)?;
    let known = DISTRIBUTIONS.iter().find(|(of, _)| *of == namespace).map(|(_, metrics)| *metrics);
    let Some(metrics) = known.filter(|metrics| !metrics.contains(&metric.as_str())) else {
        return Ok(metric);
    };
    let hint = match metrics {
        [] => "it has no metric of latency: measure what is behind it".to_owned(),
        metrics => format!("use {}", metrics.join(" or ")),
    };
    Err(at.refuse(format!("{} of {namespace} has no percentiles of a latency", quote(&metric)), hint))
}

fn unit(at: &Cursor<'_>) -> Read<Unit> {
    match at.text()?.as_str() {
        "ms" => Ok(Unit::Milliseconds),
        "s" => Ok(Unit::Seconds),
        other => Err(at.refuse(format!("{} is no unit of a latency", quote(other)), "choose ms or s")),
    }
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
