//! On what evidence.

mod alarms;
mod blast_radius;
mod errors;
mod latency;
mod probe;
mod sources;

use std::collections::BTreeMap;

pub(super) use self::probe::can_be_probed;
pub(crate) use self::{alarms::ALARMS, errors::ERRORS, latency::LATENCY, probe::PROBED};
#[cfg(test)]
pub(crate) use self::{
    alarms::{ACKNOWLEDGEMENT, NAMED_ALARMS},
    blast_radius::BLAST_RADIUS,
    errors::{ERROR_RATE, INCREASE},
    latency::{SIDES, SLOWER},
    probe::PROBE,
    sources::{ALB, API_HTTP, API_REST, CLASSIC_ELB, CLOUDFRONT, CUSTOM, NLB, PROMETHEUS},
};
use super::{
    cursor::{Cursor, Keys, Read, Table, quote},
    names::slug,
};
use crate::plan::{Gate, OnFail, Question, Span};

const LONGEST_DELAY_MINUTES: i64 = 15;

/// What gates can ask: the key that makes a gate one of its kind, all its keys, and who reads them.
const KINDS: [(&str, &Keys, Reader); 4] = [
    ("error_rate", &ERRORS, errors::question),
    ("alarms", &ALARMS, alarms::question),
    ("latency", &LATENCY, latency::question),
    ("probe", &PROBED, probe::question),
];

type Reader = fn(&Cursor<'_>, &Table<'_>) -> Read<Question>;

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
    let (keys, question) = kind(at)?;
    let table = at.table(keys)?;
    let name = table.required("name", |at| unique(at, names));
    let question = question(at, &table);
    let on_fail = table.optional("on_fail", on_fail);
    let observe_only = table.optional("observe_only", Cursor::flag);
    Ok(Gate {
        name: name?,
        question: question?,
        on_fail: on_fail?.unwrap_or_default(),
        observe_only: observe_only?.unwrap_or_default(),
    })
}

/// A gate asks one question, so that its verdict has one meaning.
fn kind(at: &Cursor<'_>) -> Read<(&'static Keys, Reader)> {
    let mut asked = KINDS.iter().filter(|(key, ..)| at.peek(key).is_some());
    match (asked.next(), asked.next()) {
        (Some((first, ..)), Some((second, ..))) => {
            let message = format!("one gate cannot ask for {first} and for {second}");
            Err(at.refuse(message, format!("make {second} a gate of its own")))
        }
        (Some((_, keys, read)), None) => Ok((keys, *read)),
        (None, _) => {
            let [(_, keys, read), ..] = KINDS;
            // Typing mistakes in the key are found by those of the usual kind.
            Ok((keys, read))
        }
    }
}

fn unique(at: &Cursor<'_>, names: &mut BTreeMap<String, u32>) -> Read<String> {
    let name = slug(at)?;
    if let Some(line) = names.insert(name.clone(), at.line()) {
        let hint = format!("the other is on line {line}: rename one of them");
        return Err(at.refuse(format!("two gates are named {name}"), hint));
    }
    Ok(name)
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
