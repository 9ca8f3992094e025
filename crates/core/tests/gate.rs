//! The gate in simulated cutovers. The benchmark shows the same numbers.

#[path = "../benches/gate/goals.rs"]
mod goals;
#[path = "../benches/gate/random.rs"]
mod random;
#[path = "../benches/gate/simulation.rs"]
mod simulation;

use crossfade_core::gate::Code;

#[test]
fn simulated_cutovers_meet_the_goals() {
    let (_, missed) = goals::check(300);
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// What the benchmark measures are verdicts of every kind.
#[test]
fn an_hour_of_minutes_is_judged() {
    let judged = |rate: f64| simulation::judged(&simulation::config(), &simulation::rows(60, rate, 1)).code;
    assert_eq!(judged(0.001), Code::Healthy);
    assert_eq!(judged(0.05), Code::Errors);
}
