//! What the simulation's plans ask before they go up: the gates' text, drawn from the seed.
//!
//! Every plan asks for errors. Alarms, latencies, probes, budgets and gates that only look on are in a part of them.

use super::{
    health::{COMPOSITE, Health, METRIC},
    pace::Pace,
    random::Random,
    stamp,
};

const MINUTE: i64 = 60_000;

/// The `gates` of a plan that is made at this time.
pub(crate) fn gates(random: &mut Random, pace: Pace, health: &Health, now: i64) -> String {
    // Latencies cost the most to live through: a day of them is looked at twice a minute.
    let (of_alarms, of_latency, of_probes) = match pace {
        Pace::Hours => (0.35, 0.3, 0.3),
        Pace::Days => (0.25, 0.15, 0.2),
        Pace::Weeks => (0.2, 0.06, 0.12),
    };
    let mut others = Vec::new();
    if random.chance(of_alarms) {
        others.push(alarms(random, health, now));
    }
    if random.chance(of_latency) {
        others.push(latency(random));
    }
    if random.chance(of_probes) {
        others.push("  - name: endpoints\n    probe: { path: /healthz }\n".to_owned());
    }
    // One that only looks on is not all there is.
    let looks_on =
        random.chance(0.2).then(|| random.below(1 + others.len() as u64)).filter(|_| !others.is_empty());
    let all = std::iter::once(errors(random, pace)).chain(others).zip(0..);
    let mut gates = String::new();
    for (gate, place) in all {
        let on_fail = random.pick(&["revert", "revert", "step_back", "pause"]).unwrap_or("revert");
        gates.push_str(&format!("{gate}    on_fail: {on_fail}\n"));
        if looks_on == Some(place) {
            gates.push_str("    observe_only: true\n");
        }
    }
    gates
}

fn errors(random: &mut Random, pace: Pace) -> String {
    let from =
        if random.chance(0.5) { "\n      from: { preset: alb, load_balancer: app/legacy/1 }" } else { "" };
    let enough = random.pick(&[20, 20, 20, 1_000]).unwrap_or(20);
    let mut gate = format!(
        "  - name: errors\n    error_rate:\n      to: {{ preset: alb, load_balancer: app/cloud/1 }}{from}\n    \
         min_requests: {enough}\n"
    );
    // What fails as usual is told from what fails beyond that by the `from` side alone.
    if pace == Pace::Hours && !from.is_empty() && random.chance(0.4) {
        let step = 100 + random.below(400);
        let budget = match random.below(3) {
            0 => format!("per_step: {step}"),
            1 => format!("per_shift: {step}"),
            _ => format!("per_step: {step}, per_shift: {}", step * 2),
        };
        gate.push_str(&format!("    blast_radius: {{ {budget} }}\n"));
    }
    gate
}

fn alarms(random: &mut Random, health: &Health, now: i64) -> String {
    let names: &[&str] = match random.below(4) {
        0 => &[METRIC],
        1 => &[COMPOSITE],
        _ => &[METRIC, COMPOSITE],
    };
    // What is red already is acknowledged for a while, more often than what is not.
    let mut acknowledged: Vec<String> = Vec::new();
    for name in names {
        if random.chance(if health.is_red(name, now) { 0.7 } else { 0.1 }) {
            let until = stamp((now + random.gap(300.0 * MINUTE as f64)).div_euclid(1_000) * 1_000);
            acknowledged.push(format!("{{ name: {name}, reason: known, until: {until} }}"));
        }
    }
    let (names, acknowledged) = (names.join(", "), acknowledged.join(", "));
    let acknowledged =
        if acknowledged.is_empty() { acknowledged } else { format!(", acknowledged: [{acknowledged}]") };
    format!("  - name: alarms\n    alarms: {{ names: [{names}]{acknowledged} }}\n")
}

fn latency(random: &mut Random) -> String {
    let percentile = random.pick(&["p50", "p90", "p90", "p99"]).unwrap_or("p90");
    let (from, most) = match random.below(3) {
        0 => ("", true),
        1 => (", from: { preset: alb, load_balancer: app/legacy/1 }", true),
        _ => (", from: { preset: alb, load_balancer: app/legacy/1 }", false),
    };
    let most = if most { "    max_latency: 900ms\n" } else { "" };
    format!(
        "  - name: latency\n    latency: {{ to: {{ preset: alb, load_balancer: app/cloud/1 }}{from} }}\n    \
         percentile: {percentile}\n{most}"
    )
}
