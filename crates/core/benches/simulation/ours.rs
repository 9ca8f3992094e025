//! The gate of this project as a rule: with the defaults of a plan that names both sides and nothing else.

use crossfade_core::gate::{Config, Increase, State, Verdict, evaluate};

use super::cutover::{Decision, HOLD, METRIC_DELAY, Rule, Seen};

/// Seconds; `ramp.max_wait`.
const MAX_WAIT: i64 = 7_200;

pub(crate) struct Gate {
    config: Config,
    /// What the last decision was made on. With nothing new, nothing else follows.
    judged: Option<(usize, i64, [bool; 2])>,
    decision: Decision,
}

/// The defaults of a plan that names both sides.
pub(crate) fn config() -> Config {
    Config {
        period: 60,
        metric_delay: METRIC_DELAY,
        ttl: 60,
        max_error_rate: Some(0.01),
        tolerated_increase: Some(Increase { ratio: 1.5, points: 0.005 }),
        false_alarms_per_day: 0.01,
        gates: 1,
        min_requests: 100,
        min_errors: 10,
        burstiness: 0.001,
        resolvers: 50,
    }
}

impl Gate {
    pub(crate) fn new(config: Config) -> Gate {
        Gate { config, judged: None, decision: Decision::Stay }
    }
}

impl Rule for Gate {
    fn interval(&self) -> i64 {
        30
    }

    fn decide(&mut self, seen: &Seen) -> Decision {
        let (bakes_until, waits_until) = (seen.step_started_at + HOLD, seen.step_started_at + MAX_WAIT);
        let judged =
            Some((seen.rows.len(), seen.step_started_at, [seen.now >= bakes_until, seen.now >= waits_until]));
        if self.judged == judged {
            return self.decision;
        }
        let state = State {
            moved_at: seen.started_at,
            settled_at: Some(seen.step_started_at + self.config.ttl),
            weight: seen.weight,
            bakes_until: Some(bakes_until),
            waits_until: Some(waits_until),
        };
        self.judged = judged;
        self.decision = match evaluate(&self.config, &state, seen.rows, seen.now).code.verdict() {
            Verdict::Fail => Decision::Revert,
            Verdict::Pass => Decision::Advance,
            Verdict::Wait | Verdict::Hold => Decision::Stay,
        };
        self.decision
    }
}
