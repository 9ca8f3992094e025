//! What a gate can see at a step, with the traffic that the step has: before it starts, and while it runs.
//!
//! Requests are taken in their expected numbers, so these are what about half of the cases do better than.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    evaluate::{Config, PROOF_PERIODS_MIN},
    judge::config,
    limits,
    meter::{HIGHEST_LIMIT, gain, threshold},
    proof,
};
use crate::{
    Share,
    gate::{RECENT_PERIODS, Standing},
    plan::{Errors, Plan},
    report::Report,
    shift::Shift,
};

/// Twice as fine as what is shown.
const ROUNDS: u32 = 16;

/// What a gate can tell about a step in its hold time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sensitivity {
    /// The `to` side's requests in a minute.
    pub requests_per_minute: f64,
    /// The smallest error rate above the usual one that fails the gate within the hold time, as a ratio. `None` where
    /// the hold is over before any would.
    pub increase: Option<f64>,
    /// How long it takes to prove a step that is as good as usual, in seconds. `None` where that cannot be proven.
    pub proven_after_seconds: Option<i64>,
    pub sentence: String,
}

/// The same for a step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSensitivity {
    pub gate: String,
    /// From 0.
    pub step: usize,
    #[serde(flatten)]
    pub sensitivity: Sensitivity,
}

/// For the present step and those to come, with the traffic that was last seen. Empty where too little is known of it.
pub fn of_shift(shift: &Shift, report: &Report) -> Vec<StepSensitivity> {
    if shift.next_step().is_none() {
        return Vec::new();
    }
    let gates = shift.plan.gates.iter().filter_map(|gate| {
        let errors = gate.errors()?;
        let numbers = report.gates.iter().find(|told| told.name == gate.name)?.errors()?;
        let from = numbers.recent_from?;
        let requests = numbers.recent.requests.saturating_add(from.requests);
        // Before the first step nothing has been judged, and what was seen lately has to do.
        let usual = numbers.baseline.unwrap_or((from.errors + 1) as f64 / (from.requests + 1) as f64);
        let minutes = errors.error_rate.to.period().as_secs_f64() / 60.0 * f64::from(RECENT_PERIODS);
        let traffic = Traffic { requests_per_minute: requests as f64 / minutes, usual };
        (from.requests > 0).then_some((gate.name.as_str(), errors, traffic))
    });
    gates
        .flat_map(|(name, errors, traffic)| steps(&shift.plan, shift.step_index(), name, errors, traffic))
        .collect()
}

/// For every step of a plan, at the traffic of each gate: what there is, or what is only thought of. Nothing is said of a
/// gate whose traffic is not known.
pub fn of_plan(plan: &Plan, traffic: impl Fn(&str) -> Option<Traffic>) -> Vec<StepSensitivity> {
    let gates = plan.gates.iter().filter_map(|gate| {
        let name = gate.name.as_str();
        Some((name, gate.errors()?, traffic(name)?))
    });
    gates.flat_map(|(name, errors, traffic)| steps(plan, 0, name, errors, traffic)).collect()
}

/// What a step may be expected to get.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Of both sides together.
    pub requests_per_minute: f64,
    /// The error rate of a healthy side, as a ratio.
    pub usual: f64,
}

fn steps(plan: &Plan, first: usize, gate: &str, errors: &Errors, traffic: Traffic) -> Vec<StepSensitivity> {
    let gates = plan.gates.iter().filter(|gate| !gate.observe_only).count();
    let standing = Standing { gates, ..Standing::default() };
    let steps = plan.ramp.steps.iter().enumerate().skip(first);
    let told = steps.map(|(step, wanted)| {
        let last = step + 1 >= plan.ramp.steps.len();
        let hold = if last { plan.bake() } else { plan.hold(step) };
        let sensitivity = sensitivity(errors, standing, wanted.share, hold, traffic);
        StepSensitivity { gate: gate.to_owned(), step, sensitivity }
    });
    told.collect()
}

fn sensitivity(
    errors: &Errors,
    standing: Standing,
    share: Share,
    hold: SignedDuration,
    traffic: Traffic,
) -> Sensitivity {
    let Traffic { requests_per_minute, usual } = traffic;
    let config = config(errors, standing);
    let to = requests_per_minute * f64::from(share.ppm()) / f64::from(Share::WHOLE);
    let each = to * config.period as f64 / 60.0;
    let increase = smallest_seen(&config, each, hold.as_secs() / config.period.max(1), usual);
    let proven_after_seconds = proven_after(&config, each, usual);
    let mut told =
        Sensitivity { requests_per_minute: to, increase, proven_after_seconds, sentence: String::new() };
    told.sentence = told.told(share, hold);
    told
}

/// The smallest increase over the usual rate that fills the meter in so many periods.
fn smallest_seen(config: &Config, requests: f64, periods: i64, usual: f64) -> Option<f64> {
    let limit = limits::failing(config, Some(usual)).filter(|limit| *limit < HIGHEST_LIMIT)?;
    let periods = periods as f64;
    let fails = |rate: f64| {
        let enough = requests * rate * periods >= config.min_errors as f64;
        enough && periods * gain(requests, requests * rate, limit, config) >= threshold(config)
    };
    if !fails(1.0) {
        return None;
    }
    let (mut below, mut above) = (limit.min(1.0), 1.0);
    for _ in 0..ROUNDS {
        let middle = (below + above) / 2.0;
        if fails(middle) { above = middle } else { below = middle }
    }
    Some((above - usual).max(0.0))
}

fn proven_after(config: &Config, requests: f64, usual: f64) -> Option<i64> {
    let limit = limits::healthy(config, Some(usual)).filter(|limit| usual < *limit)?;
    if requests <= 0.0 {
        return None;
    }
    let for_bound = proof::effective_wanted(usual, limit) / proof::effective(requests, config.burstiness);
    let for_requests = config.min_requests as f64 / requests;
    let periods = for_bound.max(for_requests).ceil().max(f64::from(PROOF_PERIODS_MIN));
    // Nobody holds a step for longer than what this can count.
    Some((periods as i64).saturating_mul(config.period).saturating_add(config.metric_delay))
}

impl Sensitivity {
    /// Whether the step would be over before it could be proven.
    pub fn is_too_short(&self, hold: SignedDuration) -> bool {
        self.proven_after_seconds.is_none_or(|seconds| seconds > hold.as_secs())
    }

    fn told(&self, share: Share, hold: SignedDuration) -> String {
        let requests = rounded(self.requests_per_minute);
        let mut told = format!("at {share} and {requests} requests a minute ");
        match self.increase {
            Some(increase) => {
                let points = rounded(increase * 100.0);
                let plural = if points == "1" { "" } else { "s" };
                let within = length(hold.as_secs());
                told.push_str(&format!("it sees {points} point{plural} more errors within {within}"));
            }
            None => told.push_str(&format!("it sees no errors within {}", length(hold.as_secs()))),
        }
        match self.proven_after_seconds {
            None => told
                .push_str("; a step as good as usual is never proven: the usual rate is not below the limit"),
            Some(seconds) if self.is_too_short(hold) => told.push_str(&format!(
                "; the hold is too short to prove anything: hold it for {}",
                length(seconds)
            )),
            Some(seconds) => told.push_str(&format!("; healthy is proven after {}", length(seconds))),
        }
        told
    }
}

/// Two digits that count.
fn rounded(number: f64) -> String {
    if number >= 100.0 {
        return format!("{number:.0}");
    }
    let digits = if number >= 10.0 {
        0
    } else if number >= 1.0 {
        1
    } else {
        2
    };
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// In minutes, rounded up; in hours where that says enough.
fn length(seconds: i64) -> String {
    let minutes = (seconds + 59) / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) if hours < 48 => format!("{hours} h {minutes} min"),
        (hours, _) => format!("{} days", (hours + 23) / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Format, parse};

    fn errors(keys: &str) -> Errors {
        let plan = format!(
            "name: x\nrecords: [{{ zone: Z1, name: www.example.com, types: [A] }}]\nfrom: {{ legacy: 1 }}\n\
             to: {{ cloud: 1 }}\nramp: {{ steps: [10], hold: 10m }}\ngates: [{{ name: errors, error_rate: {{ \
             to: {{ preset: alb, load_balancer: app/cloud/1 }}, from: {{ preset: alb, load_balancer: app/legacy/1 \
             }} }}{keys} }}]"
        );
        parse(&plan, Format::Yaml).unwrap().gates.remove(0).errors().unwrap().clone()
    }

    fn at(percent: f64, minutes: i64, requests: f64) -> Sensitivity {
        let share = Share::from_percent(percent).unwrap();
        let hold = SignedDuration::from_mins(minutes);
        let traffic = Traffic { requests_per_minute: requests, usual: 0.001 };
        sensitivity(&errors(""), Standing::default(), share, hold, traffic)
    }

    #[test]
    fn it_says_what_is_seen_and_what_is_proven() {
        assert_eq!(
            at(5.0, 10, 8_000.0).sentence,
            "at 5 % and 400 requests a minute it sees 1.5 points more errors within 10 min; healthy is proven after 7 min"
        );
        assert_eq!(
            at(1.0, 10, 400.0).sentence,
            "at 1 % and 4 requests a minute it sees 25 points more errors within 10 min; the hold is too short to prove anything: hold it for 45 min"
        );
        assert!(
            at(1.0, 1, 60.0).sentence.contains("sees no errors within 1 min"),
            "{}",
            at(1.0, 1, 60.0).sentence
        );
        assert_eq!(at(0.0, 10, 400.0).proven_after_seconds, None);
    }

    /// More traffic and more time never see less.
    #[test]
    fn more_shows_more() {
        let seen = |percent, minutes, requests| at(percent, minutes, requests).increase.unwrap_or(2.0);
        for (less, more) in [
            (seen(5.0, 10, 1_000.0), seen(5.0, 10, 10_000.0)),
            (seen(5.0, 10, 1_000.0), seen(50.0, 10, 1_000.0)),
            (seen(5.0, 10, 1_000.0), seen(5.0, 60, 1_000.0)),
        ] {
            assert!(more <= less, "{more} {less}");
        }
    }

    /// What it promises is what the judgement does.
    #[test]
    fn a_side_that_is_so_much_worse_fails_the_gate_in_time() {
        use super::super::evaluate::{Code, Reading, Row, State, evaluate};
        let (periods, requests) = (30, 2_000_u64);
        let told = at(20.0, periods, 10_000.0);
        let config = config(&errors(""), Standing::default());
        let judged = |rate: f64| {
            let counts = |requests: u64, rate: f64| Reading {
                requests: Some(requests),
                errors: Some((requests as f64 * rate).round() as u64),
            };
            let row = |minute: i64, rate| Row {
                start: minute * 60,
                to: if minute >= 60 { counts(requests, rate) } else { Reading::default() },
                from: counts(8_000, 0.001),
            };
            let rows: Vec<Row> = (0..60 + periods).map(|minute| row(minute, rate)).collect();
            let state = State {
                moved_at: 3_600,
                settled_at: Some(3_600),
                weight: 0.2,
                bakes_until: None,
                waits_until: None,
            };
            evaluate(&config, &state, &rows, (60 + periods) * 60 + config.metric_delay).code
        };
        let increase = told.increase.unwrap();
        assert_eq!(judged(0.001 + 1.1 * increase), Code::Errors, "{increase}");
        assert_ne!(judged(0.001 + 0.85 * increase), Code::Errors, "{increase}");
    }
}
