//! The gate of this project as a rule: with the defaults of a plan that names both sides and nothing else.

use crossfade_core::gate::{Code, Config, Increase, State, Verdict, evaluate};

use super::cutover::{Decision, HOLD, METRIC_DELAY, Rule, Seen};

/// Seconds; `ramp.max_wait`.
pub(crate) const MAX_WAIT: i64 = 7_200;

/// From this part of the meter on the gate holds.
pub(crate) const SUSPICIOUS: f64 = 0.25;

pub(crate) struct Gate {
    config: Config,
    /// What holds is asked before whether the step is stalled and bad, as the design has it.
    holds_first: bool,
    /// What the last decision was made on. With nothing new, nothing else follows.
    judged: Option<([usize; 2], i64, [bool; 2])>,
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
        Gate { config, holds_first: false, judged: None, decision: Decision::Stay }
    }

    pub(crate) fn holding_first(self) -> Gate {
        Gate { holds_first: true, ..self }
    }
}

impl Rule for Gate {
    fn interval(&self) -> i64 {
        30
    }

    fn decide(&mut self, seen: &Seen) -> Decision {
        let (bakes_until, waits_until) = (seen.step_started_at + HOLD, seen.step_started_at + MAX_WAIT);
        // Late datapoints change rows that were there before.
        let known = seen.rows.iter().map(|row| [row.to, row.from].map(|side| side.requests.is_some()));
        let known = known.flatten().filter(|known| *known).count();
        let due = [seen.now >= bakes_until, seen.now >= waits_until];
        let judged = Some(([seen.rows.len(), known], seen.step_started_at, due));
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
        let evaluation = evaluate(&self.config, &state, seen.rows, seen.now);
        let spared =
            self.holds_first && evaluation.code == Code::StalledBad && evaluation.score >= SUSPICIOUS;
        self.decision = match evaluation.code.verdict() {
            _ if spared => Decision::Stay,
            Verdict::Fail => Decision::Revert,
            Verdict::Pass => Decision::Advance,
            Verdict::Wait | Verdict::Hold => Decision::Stay,
        };
        self.decision
    }
}
