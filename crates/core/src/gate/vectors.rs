//! Judgements with known answers: `vectors.json`. Whoever writes this gate in another language can use the same file.

use serde_json::Value;

use super::{
    Verdict,
    evaluate::{Config, Evaluation, Reading, Row, State, evaluate},
    limits::Increase,
};

const VECTORS: &str = include_str!("vectors.json");

/// A gate as a plan has it that names both sides and nothing else.
pub(super) fn defaults() -> Config {
    Config {
        period: 60,
        metric_delay: 120,
        ttl: 60,
        max_error_rate: Some(0.01),
        tolerated_increase: Some(Increase { ratio: 1.5, points: 0.005 }),
        false_alarms_per_day: 0.01,
        gates: 1,
        min_requests: 100,
        min_errors: 10,
        burstiness: 0.001,
        resolvers: 50,
    }
}

#[test]
fn every_vector() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let tolerance = file["tolerance"].as_f64().unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 25);
    let mut wrong = Vec::new();
    for vector in vectors {
        let (found, wanted) = (found(vector), &vector["expect"]);
        let mut differs = |what: &str, found: Value, wanted: &Value| {
            wrong.push(format!("{} {what}: {found} instead of {wanted}", vector["name"]));
        };
        let verdict = match found.code.verdict() {
            Verdict::Pass => "advance",
            Verdict::Wait => "observe",
            Verdict::Hold => "hold",
            Verdict::Fail => "revert",
        };
        for (what, found) in [("verdict", verdict), ("code", found.code.as_str())] {
            if wanted[what] != found {
                differs(what, found.into(), &wanted[what]);
            }
        }
        for (what, found) in [
            ("score", Some(found.score)),
            ("limit", found.limit),
            ("upper_bound", found.upper_bound),
            ("advance_limit", found.advance_limit),
        ] {
            let Some(wanted) = wanted.get(what) else { continue };
            let same = match (found, wanted.as_f64()) {
                (Some(found), Some(wanted)) => (found - wanted).abs() <= tolerance * wanted.abs().max(1.0),
                (found, wanted) => found == wanted,
            };
            if !same {
                differs(what, found.into(), wanted);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The worst of the vector's series.
fn found(vector: &Value) -> Evaluation {
    let now = vector["now"].as_i64().unwrap();
    let series: Vec<&Value> = match vector["series"].as_object() {
        Some(series) => series.values().collect(),
        None => vec![&vector["periods"]],
    };
    let of = |key: &str, otherwise: i64| vector["config"][key].as_i64().unwrap_or(otherwise);
    let config = config(&vector["config"], series.len());
    let begun = vector["state"]["step_started_at"].as_i64().unwrap();
    let state = State {
        moved_at: vector["state"]["cutover_started_at"].as_i64().unwrap(),
        settled_at: Some(begun + config.ttl),
        weight: vector["state"]["weight"].as_f64().unwrap(),
        bakes_until: Some(begun + of("bake_s", 600)),
        waits_until: Some(begun + of("max_step_wait_s", 7_200)),
    };
    let judged = series.into_iter().map(|rows| evaluate(&config, &state, &expanded(rows), now));
    judged.max_by_key(|judged| judged.code.verdict()).unwrap()
}

fn config(keys: &Value, gates: usize) -> Config {
    let mut config = Config { gates: gates as u32, ..defaults() };
    for (key, value) in keys.as_object().unwrap() {
        match key.as_str() {
            "period_s" => config.period = value.as_i64().unwrap(),
            "metric_delay_s" => config.metric_delay = value.as_i64().unwrap(),
            "ttl_s" => config.ttl = value.as_i64().unwrap(),
            "max_error_rate" => config.max_error_rate = value.as_f64(),
            "tolerated_increase" => {
                let points = value["points"].as_f64();
                config.tolerated_increase =
                    value["ratio"].as_f64().zip(points).map(|(ratio, points)| Increase { ratio, points });
            }
            "false_alarms_per_day" => config.false_alarms_per_day = value.as_f64().unwrap(),
            "min_requests" => config.min_requests = value.as_u64().unwrap(),
            "min_errors" => config.min_errors = value.as_u64().unwrap(),
            "burstiness" => config.burstiness = value.as_f64().unwrap(),
            "resolvers" => config.resolvers = value.as_u64().unwrap() as u32,
            "bake_s" | "max_step_wait_s" => {}
            other => panic!("{other}"),
        }
    }
    config
}

/// Of `[start, to requests, to errors, from requests, from errors, repeat]`, a minute apart.
fn expanded(rows: &Value) -> Vec<Row> {
    let mut expanded = Vec::new();
    for row in rows.as_array().unwrap() {
        let start = row[0].as_i64().unwrap();
        let reading = |at: usize| Reading { requests: row[at].as_u64(), errors: row[at + 1].as_u64() };
        for i in 0..row.get(5).map_or(1, |repeat| repeat.as_i64().unwrap()) {
            expanded.push(Row { start: start + 60 * i, to: reading(1), from: reading(3) });
        }
    }
    expanded
}
