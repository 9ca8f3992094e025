//! Figures over many lives, and whether enough was seen for them to mean anything.

use std::{collections::BTreeMap, fmt::Write as _};

use crossfade_core::{
    gate::{GateReport, Verdict},
    plan::{Gate, Question},
};

use super::fault::{Fault, PLACES, PURPOSES};

/// Sums; those of two lives are added up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub lives: u64,
    pub steps: u64,
    pub decisions: u64,
    pub millis: u64,
    /// The part of it in which a shift was under way.
    pub active_millis: u64,
    /// The part in which it was running, so that metrics were read and gates judged twice a minute.
    pub running_millis: u64,
    pub evaluations: u64,
    pub landed: u64,
    pub refused: u64,
    /// Commits that were acted on without the store.
    pub unsaved: u64,
    pub reverts_demanded: u64,
    pub completions_demanded: u64,
    pub bad_releases_noticed: u64,
    pub faults: BTreeMap<(Fault, &'static str), u64>,
    pub verbs: BTreeMap<&'static str, u64>,
    pub events: BTreeMap<String, u64>,
    pub endings: BTreeMap<&'static str, u64>,
    /// From where to where commits have brought a shift.
    pub transitions: BTreeMap<(&'static str, &'static str), u64>,
    /// How often a gate came to say something, by what it asks: `alarms red_before`.
    pub verdicts: BTreeMap<String, u64>,
}

/// What a gate said.
pub(crate) type Said = (Verdict, String);

const YEAR_MS: f64 = 365.25 * 24.0 * 3_600_000.0;

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        for (sum, more) in [
            (&mut self.lives, other.lives),
            (&mut self.steps, other.steps),
            (&mut self.decisions, other.decisions),
            (&mut self.millis, other.millis),
            (&mut self.active_millis, other.active_millis),
            (&mut self.running_millis, other.running_millis),
            (&mut self.evaluations, other.evaluations),
            (&mut self.landed, other.landed),
            (&mut self.refused, other.refused),
            (&mut self.unsaved, other.unsaved),
            (&mut self.reverts_demanded, other.reverts_demanded),
            (&mut self.completions_demanded, other.completions_demanded),
            (&mut self.bad_releases_noticed, other.bad_releases_noticed),
        ] {
            *sum += more;
        }
        merge(&mut self.faults, &other.faults);
        merge(&mut self.verbs, &other.verbs);
        merge(&mut self.events, &other.events);
        merge(&mut self.endings, &other.endings);
        merge(&mut self.transitions, &other.transitions);
        merge(&mut self.verdicts, &other.verdicts);
    }

    /// Counts what gates say now and did not say before.
    pub(crate) fn heard(&mut self, gates: &[Gate], reports: &[GateReport], said: &mut Vec<Said>) {
        let again = |(said, report): (&Said, &GateReport)| said.0 == report.verdict && said.1 == report.code;
        if said.len() == reports.len() && said.iter().zip(reports).all(again) {
            return;
        }
        for (place, (gate, report)) in gates.iter().zip(reports).enumerate() {
            if said.get(place).is_some_and(|said| again((said, report))) {
                continue;
            }
            let asks = match gate.question {
                Question::Errors(_) => "errors",
                Question::Alarms(_) => "alarms",
                Question::Latency(_) => "latency",
                Question::Probe(_) => "probe",
            };
            let looks_on = if gate.observe_only { "observed " } else { "" };
            let fails = if report.verdict == Verdict::Fail { " fails" } else { "" };
            *self.verdicts.entry(format!("{looks_on}{asks} {}{fails}", report.code)).or_default() += 1;
        }
        *said = reports.iter().map(|report| (report.verdict, report.code.clone())).collect();
    }

    pub fn years(&self) -> f64 {
        self.millis as f64 / YEAR_MS
    }

    /// Combinations that were seen too rarely: every fault has to have met every place that it can meet.
    pub fn gaps(&self, at_least: u64) -> Vec<String> {
        let mut gaps = Vec::new();
        for fault in Fault::ALL {
            for place in places(fault) {
                let seen = self.faults.get(&(fault, *place)).copied().unwrap_or(0);
                if seen < at_least {
                    gaps.push(format!("{fault:?} while {place}: {seen}"));
                }
            }
        }
        for kind in KINDS {
            let seen = self.events.get(kind).copied().unwrap_or(0);
            if seen < at_least {
                gaps.push(format!("event {kind}: {seen}"));
            }
        }
        for (from, to) in TRANSITIONS {
            let seen = self.transitions.get(&(from, to)).copied().unwrap_or(0);
            if seen < at_least {
                gaps.push(format!("transition {from} > {to}: {seen}"));
            }
        }
        for verdict in VERDICTS {
            let seen = self.verdicts.get(verdict).copied().unwrap_or(0);
            if seen < at_least {
                gaps.push(format!("gate {verdict}: {seen}"));
            }
        }
        gaps
    }

    /// The figures in words. `seconds` is the processor time they took.
    pub fn report(&self, seconds: f64) -> String {
        let mut text = String::new();
        let minutes = self.millis as f64 / 60_000.0;
        let running = self.running_millis as f64 / 60_000.0;
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<28}{value}");
        };
        line("lives (seeds)", self.lives.to_string());
        line(
            "simulated years",
            format!(
                "{:.2}, of them {:.2} with an active shift, {:.2} with a running one",
                self.years(),
                self.active_millis as f64 / YEAR_MS,
                self.running_millis as f64 / YEAR_MS
            ),
        );
        line("events of the world", self.steps.to_string());
        line("decisions", self.decisions.to_string());
        line("invariants evaluated", self.evaluations.to_string());
        line("batches landed, refused", format!("{}, {}", self.landed, self.refused));
        line("commits without the store", self.unsaved.to_string());
        line(
            "reverts, completions demanded",
            format!("{}, {}", self.reverts_demanded, self.completions_demanded),
        );
        line("bad releases noticed", self.bad_releases_noticed.to_string());
        line("seconds of a processor", format!("{seconds:.1}"));
        line(
            "µs a simulated minute",
            format!("{:.2}, {:.2} a running minute", seconds * 1e6 / minutes, seconds * 1e6 / running),
        );
        line("lives ended", counted(&self.endings));
        let transitions = self.transitions.iter();
        let transitions: BTreeMap<String, u64> =
            transitions.map(|((from, to), count)| (format!("{from} > {to}"), *count)).collect();
        line("transitions", format!("{} ({})", transitions.len(), counted(&transitions)));
        line("verbs", counted(&self.verbs));
        line("history", counted(&self.events));
        line("gates", counted(&self.verdicts));
        for fault in Fault::ALL {
            let met = self.faults.iter().filter(|((kind, _), _)| *kind == fault);
            let places: BTreeMap<&str, u64> = met.map(|((_, place), count)| (*place, *count)).collect();
            line(&format!("{fault:?}"), format!("{} ({})", places.values().sum::<u64>(), counted(&places)));
        }
        text
    }
}

/// Every kind of event that a history can have after `created`.
const KINDS: [&str; 30] = [
    "revised",
    "advance_dropped",
    "started",
    "paused",
    "resumed",
    "advance_requested",
    "approval_expired",
    "approved",
    "step_back_requested",
    "revert_requested",
    "adopt_requested",
    "reassert_requested",
    "retried",
    "cancelled",
    "finalized",
    "baseline_taken",
    "hold_began",
    "hold_ended",
    "gate_failed",
    "intended",
    "write_dropped",
    "accepted",
    "unanswered",
    "refused",
    "in_sync",
    "confirmed",
    "found_reverted",
    "completed",
    "reverted",
    "released",
];

/// From where to where a commit can bring a shift, but for what takes several chances at once.
const TRANSITIONS: [(&str, &str); 21] = [
    ("scheduled", "waiting"),
    ("scheduled", "cancelled"),
    ("waiting", "applying"),
    ("waiting", "reverting"),
    ("waiting", "cancelled"),
    ("applying", "propagating"),
    ("applying", "settling"),
    ("applying", "waiting"),
    ("applying", "cancelled"),
    ("propagating", "settling"),
    ("propagating", "reverting"),
    ("propagating", "cancelled"),
    ("settling", "applying"),
    ("settling", "reverting"),
    ("observing", "applying"),
    ("observing", "completed"),
    ("observing", "reverting"),
    ("observing", "cancelled"),
    ("completed", "reverting"),
    ("reverting", "reverted"),
    ("reverted", "waiting"),
];

/// What gates can say, but for the rarest of it.
const VERDICTS: [&str; 34] = [
    "errors unread",
    "errors nothing_moved",
    "errors settling",
    "errors few_minutes",
    "errors not_proven",
    "errors healthy",
    "errors no_data",
    "errors share",
    "errors shared_outage",
    "errors suspicious",
    "errors blast_radius fails",
    "errors errors fails",
    "errors silence fails",
    "alarms unread",
    "alarms nothing_moved",
    "alarms settling",
    "alarms healthy",
    "alarms no_data",
    "alarms red_before",
    "alarms alarm fails",
    "latency unread",
    "latency nothing_moved",
    "latency settling",
    "latency few_minutes",
    "latency healthy",
    "latency no_data",
    "latency suspicious",
    "latency latency fails",
    "probe unread",
    "probe nothing_moved",
    "probe healthy",
    "probe no_data",
    "probe probe_failed",
    "probe probe_failed fails",
];

fn places(fault: Fault) -> &'static [&'static str] {
    if fault.meets_a_batch() {
        return &PURPOSES;
    }
    // Nothing is asked of Route 53 elsewhere, or nothing is committed.
    if fault == Fault::ReadFails {
        return &["waiting", "propagating", "settling", "observing"];
    }
    if fault == Fault::CommitUnanswered {
        return &["waiting", "applying", "propagating", "observing", "reverting"];
    }
    // A fence, or a baseline, that is not there yet or any more.
    if matches!(fault, Fault::ForeignFence | Fault::ForeignBaseline) {
        return &["applying", "propagating", "settling", "observing", "completed", "reverted"];
    }
    // What nobody asks about is not amiss, and gates ask little before the first step and after the last.
    let of_gates = [
        Fault::AlarmRed,
        Fault::AlarmsUnreadable,
        Fault::AlarmDeleted,
        Fault::AlarmDoubted,
        Fault::ProbeFails,
        Fault::ProbeUnjudged,
        Fault::SlowRelease,
    ];
    if of_gates.contains(&fault) {
        return &["waiting", "propagating", "observing"];
    }
    &PLACES
}

fn merge<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}

fn counted<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(key, count)| format!("{key} {count}")).collect();
    parts.join(", ")
}
