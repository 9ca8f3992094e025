//! What the simulation has to come to, with a tenth more room than the design's own simulation needed.

use crate::simulation::{
    cutover::{End, Outcome, Story, run},
    ours::{Gate, config},
    traffic::Traffic,
};

/// What an oracle that knows the rate, the limit and the beginning of the fault lets through at 100 requests a second:
/// the mean harm of the design's simulated sequential probability ratio test.
const ORACLE_AT_5_PERCENT: f64 = 271.0;
const ORACLE_AT_100_PERCENT: f64 = 5_072.0;

/// All goals at 100 requests a second: what was found, line by line, and what was missed.
pub(crate) fn check(cutovers: u64) -> (Vec<String>, Vec<String>) {
    let mut told = Vec::new();
    let mut missed = Vec::new();
    let mut goal = |what: &str, found: f64, most: f64| {
        let line = format!("{what}: {found:.2}, at most {most}");
        if found > most {
            missed.push(line.clone());
        }
        told.push(line);
    };
    let healthy = runs(cutovers, Story::Healthy);
    goal("healthy, reverted, %", reverted(&healthy), 0.1);
    goal("healthy, completed within, min, median", quantile(minutes(&healthy, |run| run.took), 0.5), 72.0);
    goal("two minutes of 5 %, reverted, %", reverted(&runs(cutovers, Story::Blip(0.05))), 1.0);
    for (percent, most_minutes, oracle, most_harm) in
        [(5.0, 6.5, ORACLE_AT_5_PERCENT, 1.8), (100.0, 3.5, ORACLE_AT_100_PERCENT, 1.2)]
    {
        let broken = runs(cutovers, Story::Breaks(percent / 100.0));
        let delays = || minutes(&broken, |run| run.delay);
        let harm = broken.iter().map(|run| run.harm).sum::<f64>() / broken.len() as f64;
        goal(&format!("{percent} % from mid-step, let through, %"), 100.0 - reverted(&broken), 0.2);
        goal(&format!("{percent} %, reverted after, min, median"), quantile(delays(), 0.5), most_minutes);
        goal(
            &format!("{percent} %, reverted after, min, 95th percentile"),
            quantile(delays(), 0.95),
            most_minutes,
        );
        goal(&format!("{percent} %, harm over the oracle's"), harm / oracle, most_harm);
    }
    (told, missed)
}

fn runs(count: u64, story: Story) -> Vec<Outcome> {
    (1..=count).map(|seed| run(Traffic::new(100.0), story, &mut Gate::new(config()), seed)).collect()
}

fn reverted(runs: &[Outcome]) -> f64 {
    100.0 * runs.iter().filter(|run| run.end == End::Reverted).count() as f64 / runs.len() as f64
}

fn minutes(runs: &[Outcome], of: impl Fn(&Outcome) -> i64) -> Vec<f64> {
    runs.iter().map(|run| of(run) as f64 / 60.0).collect()
}

fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (part * values.len() as f64).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
