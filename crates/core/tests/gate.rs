//! The gate in simulated cutovers, and the rules that it is compared with. The benchmarks show the same numbers.

#[path = "../benches/gate/goals.rs"]
mod goals;
#[path = "../benches/gate/hours.rs"]
mod hours;
#[path = "../benches/rules/kayenta.rs"]
mod kayenta;
#[expect(dead_code, reason = "the comparison has more stories")]
#[path = "../benches/simulation/mod.rs"]
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
    let judged = |rate: f64| hours::judged(&simulation::ours::config(), &hours::rows(60, rate, 2)).code;
    assert_eq!(judged(0.001), Code::Healthy);
    assert_eq!(judged(0.05), Code::Errors);
}

/// Two answers of the original: <https://github.com/spinnaker/spinnaker/issues/6278>.
#[test]
fn kayenta_is_judged_as_it_judges() {
    let with = |broken: usize| {
        let canary: Vec<f64> = (0..10).map(|at| if at < broken { 100.0 } else { 1.0 }).collect();
        kayenta::is_high(&canary, &[1.0; 10])
    };
    assert!(!with(7));
    assert!(with(8));
}

#[test]
fn the_same_seed_is_the_same_cutover() {
    let outcome = |seed| {
        let mut gate = simulation::ours::Gate::new(simulation::ours::config());
        let traffic = simulation::traffic::Traffic::new(100.0);
        let outcome =
            simulation::cutover::run(traffic, simulation::cutover::Story::Breaks(0.02), &mut gate, seed);
        (outcome.delay, outcome.harm.to_bits())
    };
    assert_eq!(outcome(1), outcome(1));
    assert_ne!(outcome(1), outcome(2));
}
