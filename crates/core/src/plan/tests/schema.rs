//! The schema says what the parser does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{super::parse::*, SAMPLES};
use crate::plan::schema;

#[test]
fn the_keys_are_the_parsers() {
    let schema = schema();
    for (pointer, keys) in [
        ("", &PLAN),
        ("/$defs/Records", &RECORDS),
        ("/$defs/Ramp", &RAMP),
        ("/$defs/Step", &STEP),
        ("/$defs/Schedule", &SCHEDULE),
        ("/$defs/Window", &WINDOW),
        ("/$defs/Freeze", &FREEZE),
        ("/$defs/AtShare", &AT_SHARE),
        ("/$defs/Deadline", &DEADLINE),
        ("/$defs/Decommission", &DECOMMISSION),
        ("/$defs/ErrorRate", &ERROR_RATE),
        ("/$defs/ToleratedIncrease", &INCREASE),
        ("/$defs/NamedAlarms", &NAMED_ALARMS),
        ("/$defs/Acknowledgement", &ACKNOWLEDGEMENT),
        ("/$defs/LatencySides", &SIDES),
        ("/$defs/SlowerBy", &SLOWER),
        ("/$defs/Probe", &PROBE),
        ("/$defs/BlastRadius", &BLAST_RADIUS),
        ("/$defs/Source/oneOf/0", &ALB),
        ("/$defs/Source/oneOf/1", &NLB),
        ("/$defs/Source/oneOf/2", &CLASSIC_ELB),
        ("/$defs/Source/oneOf/3", &CLOUDFRONT),
        ("/$defs/Source/oneOf/4", &API_REST),
        ("/$defs/Source/oneOf/5", &API_HTTP),
        ("/$defs/Source/oneOf/6", &PROMETHEUS),
        ("/$defs/Source/oneOf/7", &CUSTOM),
    ] {
        let table = schema.pointer(pointer).unwrap();
        assert_eq!(keys_of(table), in_parser(keys), "{pointer}");
        assert_eq!(table["additionalProperties"], json!(false), "{pointer}");
    }
    // What all gates have, and what those of a kind have.
    let gate = &schema["$defs"]["Gate"];
    for (kind, keys) in [("Errors", &ERRORS), ("Alarms", &ALARMS), ("Latency", &LATENCY), ("Probed", &PROBED)]
    {
        let both: BTreeSet<&str> = keys_of(gate).union(&keys_of(&schema["$defs"][kind])).copied().collect();
        assert_eq!(both, in_parser(keys), "{kind}");
    }
    assert_eq!(gate["unevaluatedProperties"], json!(false));
}

fn keys_of(table: &Value) -> BTreeSet<&str> {
    table["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn in_parser(keys: &Keys) -> BTreeSet<&'static str> {
    keys.known.iter().copied().collect()
}

#[test]
fn every_key_is_described_or_speaks_for_itself() {
    insta::assert_json_snapshot!(schema());
}

/// The JSON sample with one thing changed: the parser and the schema agree on it.
#[test]
fn both_take_and_refuse_the_same() {
    let schema = schema();
    let sample: Value = serde_json::from_str(SAMPLES[2].1).unwrap();
    for (pointer, value, good) in [
        ("/name", json!("other"), true),
        ("/name", json!("Other"), false),
        ("/name", json!(1), false),
        ("/owner", json!(null), false),
        ("/unknown", json!(1), false),
        ("/notify", json!([]), false),
        ("/records", json!([]), false),
        ("/records/0/types/0", json!("HTTPS"), true),
        ("/records/0/types/0", json!("NS"), false),
        ("/from", json!({}), false),
        ("/from/legacy", json!(0.5), false),
        ("/ramp/steps", json!([0.5, { "share": 5 }]), true),
        ("/ramp/steps", json!(["1"]), false),
        ("/ramp/steps", json!([101]), false),
        ("/ramp/steps", json!([]), false),
        ("/ramp/steps/3/approval", json!("yes"), false),
        ("/ramp/bake", json!(null), false),
        ("/ramp/hold", json!(30), false),
        ("/schedule", json!({}), true),
        ("/schedule/windows", json!([]), false),
        ("/schedule/start", json!(null), false),
        ("/schedule/timezone", json!("Europe/Paris"), true),
        ("/schedule/timezone", json!(1), false),
        ("/schedule/windows", json!([{ "from": "09:00", "to": "24:00" }]), true),
        ("/schedule/windows", json!([{ "days": ["mon", "sun"], "from": "22:00", "to": "04:00" }]), true),
        ("/schedule/windows", json!([{ "days": ["mon", "mon"], "from": "22:00", "to": "04:00" }]), false),
        ("/schedule/windows", json!([{ "days": ["monday"], "from": "22:00", "to": "04:00" }]), false),
        ("/schedule/windows", json!([{ "days": [], "from": "22:00", "to": "04:00" }]), false),
        ("/schedule/windows", json!([{ "from": "9:00", "to": "10:00" }]), false),
        ("/schedule/windows", json!([{ "from": "09:00" }]), false),
        ("/schedule/freezes", json!([]), false),
        ("/schedule/freezes", json!([{ "from": "2026-12-20", "to": "2027-01-03", "reason": "x" }]), true),
        ("/schedule/freezes", json!([{ "from": "2026-12-20" }]), false),
        ("/schedule/after", json!([]), false),
        ("/schedule/after", json!(["db", { "shift": "cache", "share": 50 }]), true),
        ("/schedule/after", json!([{ "shift": "cache" }]), false),
        ("/schedule/after", json!([{ "shift": "cache", "share": 50, "at": 1 }]), false),
        ("/ramp/steps/3/approval", json!({ "deadline": "24h", "then": "step_back" }), true),
        ("/ramp/steps/3/approval", json!({ "deadline": "24h", "then": "pause" }), false),
        ("/ramp/steps/3/approval", json!({ "then": "hold" }), false),
        ("/decommission", json!({}), true),
        ("/decommission", json!({ "below": 0.5, "for": "30m" }), true),
        ("/decommission", json!({ "below": 0 }), false),
        ("/decommission", json!({ "for": 30 }), false),
        ("/gates", json!([]), false),
        ("/gates/0/max_error_rate", json!("0.5%"), true),
        ("/gates/0/max_error_rate", json!(0.5), false),
        ("/gates/0/min_requests", json!(0), false),
        ("/gates/0/tolerated_increase", json!({}), true),
        ("/gates/0/tolerated_increase", json!(null), false),
        ("/gates/0/tolerated_increase/ratio", json!(0.9), false),
        ("/gates/0/tolerated_increase/points", json!("0%"), true),
        ("/gates/0/tolerated_increase/points", json!(0.5), false),
        ("/gates/0/false_alarms_per_day", json!(1), true),
        ("/gates/0/false_alarms_per_day", json!(0), false),
        ("/gates/0/false_alarms_per_day", json!(1.5), false),
        ("/gates/0/min_errors", json!(0), false),
        ("/gates/0/blast_radius", json!({ "per_step": 500, "per_shift": 2000 }), true),
        ("/gates/0/blast_radius", json!({ "per_shift": 2000 }), true),
        ("/gates/0/blast_radius", json!({}), false),
        ("/gates/0/blast_radius", json!({ "per_step": 0 }), false),
        ("/gates/0/blast_radius", json!({ "per_hour": 5 }), false),
        ("/gates/0/burstiness", json!(0.1), true),
        ("/gates/0/burstiness", json!(0.2), false),
        ("/gates/0/resolvers", json!(0), false),
        ("/gates/0/on_fail", json!("rollback"), false),
        ("/gates/0/observe_only", json!(false), true),
        ("/gates/0/observe_only", json!("no"), false),
        ("/gates/0/alarm", json!(true), false),
        ("/gates/1/alarms/names", json!([]), false),
        ("/gates/1/alarms/names", json!("www"), false),
        ("/gates/1/alarms/acknowledged", json!([]), true),
        ("/gates/1/alarms/acknowledged/0/until", json!(null), false),
        ("/gates/1/alarms/acknowledged/0/by", json!("ada"), false),
        ("/gates/1/max_error_rate", json!("1%"), false),
        ("/gates/0/error_rate/to/preset", json!("nlb"), false),
        ("/gates/0/error_rate/to/namespace", json!("X"), false),
        ("/gates/0/error_rate/to/load_balancer", json!("cloud"), false),
        ("/gates/0/error_rate/from/errors", json!([]), false),
    ] {
        let mut plan = sample.clone();
        let (table, key) = pointer.rsplit_once('/').unwrap();
        let table = plan.pointer_mut(table).unwrap();
        match key.parse::<usize>() {
            Ok(index) => table[index] = value.clone(),
            Err(_) => table[key] = value.clone(),
        }
        let parsed = parse(&plan.to_string(), Format::Json);
        assert_eq!(parsed.is_ok(), good, "{pointer} {value}: {parsed:?}");
        assert_eq!(accepts(&schema, &schema, &plan), good, "{pointer} {value} by the schema");
    }
}

/// As much of JSON Schema as a plan's uses. A keyword that is not here fails the test instead of passing plans.
fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, wanted)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "default" | "examples" | "format" => true,
        "$ref" => {
            let pointer = wanted.as_str().unwrap().trim_start_matches('#');
            accepts(root, root.pointer(pointer).unwrap(), value)
        }
        "anyOf" => wanted.as_array().unwrap().iter().any(|one| accepts(root, one, value)),
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| accepts(root, one, value)).count() == 1,
        "type" => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_u64() || value.is_i64(),
            other => panic!("{other}"),
        },
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "pattern" => value.as_str().is_none_or(|text| matches(wanted.as_str().unwrap(), text)),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
        "uniqueItems" => value.as_array().is_none_or(|items| {
            items.iter().enumerate().all(|(i, item)| !items[..i].contains(item)) || !wanted.as_bool().unwrap()
        }),
        "minProperties" => {
            value.as_object().is_none_or(|table| table.len() as u64 >= wanted.as_u64().unwrap())
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| accepts(root, wanted, item))),
        "required" => wanted.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
        "properties" => wanted
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, wanted)| value.get(key).is_none_or(|value| accepts(root, wanted, value))),
        "additionalProperties" => value.as_object().is_none_or(|table| {
            let named = |key: &String| schema.get("properties").is_some_and(|named| named.get(key).is_some());
            table
                .iter()
                .filter(|(key, _)| !named(key))
                .all(|(_, value)| wanted.as_bool().unwrap_or_else(|| accepts(root, wanted, value)))
        }),
        "unevaluatedProperties" => value.as_object().is_none_or(|table| {
            let kinds = schema["anyOf"].as_array().unwrap().iter();
            let kinds = kinds
                .filter(|kind| accepts(root, kind, value))
                .map(|kind| root.pointer(kind["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap());
            let known: BTreeSet<&str> = kinds.chain([schema]).flat_map(keys_of).collect();
            wanted == &json!(false) && table.keys().all(|key| known.contains(key.as_str()))
        }),
        other => panic!("the schema uses {other}"),
    })
}

/// The patterns of the schema, by hand: there is no other use for a library of regular expressions.
fn matches(pattern: &str, text: &str) -> bool {
    let part = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match pattern {
        "^[a-z0-9-]{1,63}$" => part(text) && text.len() <= 63 && text == text.to_lowercase(),
        "^https?://" => text.starts_with("http://") || text.starts_with("https://"),
        "^app/[A-Za-z0-9-]+/[A-Za-z0-9-]+$" => {
            matches!(text.split('/').collect::<Vec<_>>().as_slice(), ["app", name, id] if part(name) && part(id))
        }
        "^net/[A-Za-z0-9-]+/[A-Za-z0-9-]+$" => {
            matches!(text.split('/').collect::<Vec<_>>().as_slice(), ["net", name, id] if part(name) && part(id))
        }
        "^[A-Z0-9]+$" => part(text) && text == text.to_uppercase() && !text.contains('-'),
        r"^p[5-9][0-9](\.[0-9])?$" => text.parse::<crate::plan::Percentile>().is_ok(),
        "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)(:00)?$" => text.parse::<crate::plan::TimeOfDay>().is_ok(),
        r"^\s*[0-9]+(\.[0-9]+)?\s*%$" => text.parse::<crate::plan::Percent>().is_ok(),
        other => panic!("the schema uses the pattern {other}"),
    }
}
