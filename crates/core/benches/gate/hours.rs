//! An hour of minutes to judge, as often as one likes.

use crossfade_core::gate::{Config, Evaluation, Reading, Row, State, evaluate};

use crate::simulation::{random::Random, traffic::USUAL_RATE};

/// Any instant at the beginning of a minute.
const START: i64 = 1_800_000_000;

/// A step at 25 % after `minutes` of both sides, the cloud side erring at `rate`.
pub(crate) fn judged(config: &Config, rows: &[Row]) -> Evaluation {
    let minutes = rows.len() as i64;
    let state = State {
        moved_at: START + 3_600,
        settled_at: Some(START + 3_660),
        weight: 0.25,
        bakes_until: None,
        waits_until: None,
    };
    evaluate(config, &state, rows, START + 60 * minutes + config.metric_delay)
}

/// An hour of legacy alone, then minutes of both.
pub(crate) fn rows(minutes: usize, rate: f64, seed: u64) -> Vec<Row> {
    let mut random = Random::new(seed);
    let count = |requests: u64, errors: u64| Reading { requests: Some(requests), errors: Some(errors) };
    let row = |i: usize| {
        let legacy = count(4_500, random.binomial(4_500, USUAL_RATE));
        let cloud = if i < 60 { Reading::default() } else { count(1_500, random.binomial(1_500, rate)) };
        Row { start: START + 60 * i as i64, to: cloud, from: legacy }
    };
    (0..60 + minutes).map(row).collect()
}
