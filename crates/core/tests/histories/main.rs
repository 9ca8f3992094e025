//! Histories that released versions wrote mean the same to this one: their events are read, fold to the state they
//! had, and their chains of hashes hold. See `README.md` beside this file.

#![expect(clippy::unwrap_used, reason = "a recording that cannot be read is a failed test")]

mod lives;
mod world;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crossfade_core::{
    event::{Actor, Event, Happened, Hash, seal},
    shift::fold,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use self::lives::LIVES;

/// A row of the table of events, as a line of JSON.
#[derive(Serialize, Deserialize)]
struct Row {
    seq: u64,
    at: String,
    kind: String,
    actor: String,
    reason: Option<String>,
    hash: String,
    /// Exactly as hashed.
    data: Box<RawValue>,
}

impl Row {
    fn of(event: &Event) -> Row {
        let (kind, data) = event.what.to_parts().unwrap();
        Row {
            seq: event.seq,
            at: event.at.to_string(),
            kind,
            actor: event.actor.0.clone(),
            reason: event.reason.clone(),
            hash: event.hash.0.clone(),
            data: RawValue::from_string(data).unwrap(),
        }
    }

    fn event(&self) -> Result<Event, String> {
        let what = Happened::from_parts(&self.kind, self.data.get()).map_err(|error| error.to_string())?;
        let at: Timestamp = self.at.parse().map_err(|error: jiff::Error| error.to_string())?;
        let (actor, hash) = (Actor(self.actor.clone()), Hash(self.hash.clone()));
        Ok(Event { seq: self.seq, at, what, actor, reason: self.reason.clone(), hash })
    }

    fn seal(&self, before: &Hash, shift: &str) -> Hash {
        let (reason, data) = (self.reason.as_deref(), self.data.get());
        seal(before, shift, self.seq, &self.at, &self.kind, &self.actor, reason, data)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories/recorded")
}

/// Every recording: its name, its rows, and the state that they had.
fn recorded() -> Vec<(String, Vec<Row>, Value)> {
    let mut found = Vec::new();
    for version in fs::read_dir(folder()).unwrap() {
        for file in fs::read_dir(version.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                let rows = fs::read_to_string(&path).unwrap();
                let rows = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let state = fs::read_to_string(path.with_extension("json")).unwrap();
                found.push((path.display().to_string(), rows, serde_json::from_str(&state).unwrap()));
            }
        }
    }
    assert!(found.len() >= LIVES.len(), "the recordings were not found");
    found
}

#[test]
fn recorded_histories_fold_to_the_state_they_had() {
    for (name, rows, state) in recorded() {
        let events: Result<Vec<Event>, String> = rows.iter().map(Row::event).collect();
        let shift = fold(&events.unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap();
        let mut differences = Vec::new();
        compare("", &state, &serde_json::to_value(&shift).unwrap(), &mut differences);
        assert!(differences.is_empty(), "{name}: {differences:#?}");
    }
}

#[test]
fn recorded_chains_hold() {
    for (name, rows, state) in recorded() {
        let shift = state["name"].as_str().unwrap();
        let mut head = Hash::default();
        for row in &rows {
            head = row.seal(&head, shift);
            assert_eq!(row.hash, head.0, "{name}, event {}", row.seq);
        }
        assert_eq!(state["head"], head.0, "{name}");
    }
}

/// A fence's removal was over when it was accepted, before it was followed to INSYNC. Shifts of that time are still there.
#[test]
fn both_orders_of_a_release_are_recorded() {
    let recorded = recorded();
    let orders = |rows: &[Row]| {
        rows.windows(2).find(|pair| pair[1].kind == "released").map(|pair| pair[0].kind.clone())
    };
    let orders: BTreeSet<String> = recorded.iter().filter_map(|(_, rows, _)| orders(rows)).collect();
    assert_eq!(orders, ["accepted", "in_sync"].map(str::to_owned).into());
}

#[test]
fn every_life_is_recorded_and_everything_happens_in_one() {
    let mut happens = BTreeSet::new();
    for (name, life) in LIVES {
        let world = life();
        assert_eq!(fold(&world.events).unwrap(), world.shift, "{name}");
        happens.extend(world.kinds());
    }
    let all = include_str!("../../src/event.rs");
    let all = all.split("pub enum Happened {").nth(1).unwrap().split("\n}").next().unwrap();
    let variants = all.lines().filter_map(|line| line.strip_prefix("    ")?.split(" {").next());
    let variants = variants.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()));
    let missing: Vec<String> = variants.map(snake_case).filter(|kind| !happens.contains(kind)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// By hand: `cargo test -p crossfade-core --test histories record -- --ignored`.
#[test]
#[ignore = "writes the recordings of this version"]
fn record() {
    let folder = folder().join(env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&folder).unwrap();
    for (name, life) in LIVES {
        let world = life();
        let line = |event: &Event| serde_json::to_string(&Row::of(event)).unwrap() + "\n";
        let rows: String = world.events.iter().map(line).collect();
        fs::write(folder.join(name).with_extension("jsonl"), rows).unwrap();
        let state = serde_json::to_string_pretty(&world.shift).unwrap() + "\n";
        fs::write(folder.join(name).with_extension("json"), state).unwrap();
    }
}

/// What was recorded must be there unchanged. What is new may be there, and says nothing.
fn compare(place: &str, recorded: &Value, now: &Value, differences: &mut Vec<String>) {
    match (recorded, now) {
        (Value::Object(recorded), Value::Object(now)) => {
            for (key, value) in recorded {
                compare(&format!("{place}/{key}"), value, now.get(key).unwrap_or(&Value::Null), differences);
            }
            let new = now.iter().filter(|(key, value)| !recorded.contains_key(*key) && !is_empty(value));
            differences.extend(new.map(|(key, value)| format!("{place}/{key} is new, and is {value}")));
        }
        (Value::Array(recorded), Value::Array(now)) if recorded.len() == now.len() => {
            for (index, (recorded, now)) in recorded.iter().zip(now).enumerate() {
                compare(&format!("{place}/{index}"), recorded, now, differences);
            }
        }
        (recorded, now) if recorded == now => {}
        (recorded, now) => differences.push(format!("{place} was {recorded}, and is {now}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
