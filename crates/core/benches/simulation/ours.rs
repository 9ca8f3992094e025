//! The gate of this project as a rule: with the defaults of a plan that names both sides and nothing else.

use crossfade_core::gate::{Code, Config, Increase, Reading, Row, State, Verdict, evaluate};

use super::cutover::{Decision, HOLD, METRIC_DELAY, Rule, Seen};

/// Seconds; `ramp.max_wait`.
pub(crate) const MAX_WAIT: i64 = 7_200;

/// From this part of the meter on the gate holds.
pub(crate) const SUSPICIOUS: f64 = 0.25;

/// Periods of the legacy side that make up its usual rate, and the part of the traffic that it has to have in them.
const USUAL_PERIODS: usize = 60;
const USUAL_SHARE: f64 = 0.05;

pub(crate) struct Gate {
    config: Config,
    /// What holds is asked before whether the step is stalled and bad, as the design has it.
    holds_first: bool,
    /// When the meter was last empty. It remembers nothing from before: that need not be weighed again.
    empty_at: i64,
    /// What the last decision was made on. With nothing new, nothing else follows.
    judged: Option<Basis>,
    decision: Decision,
}

/// The readings there are, the step, and whether it is old enough to go on, or to stop waiting.
type Basis = (usize, i64, [bool; 2]);

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
        Gate { config, holds_first: false, empty_at: i64::MIN, judged: None, decision: Decision::Stay }
    }

    pub(crate) fn holding_first(self) -> Gate {
        Gate { holds_first: true, ..self }
    }
}

impl Gate {
    /// Without the minutes that change nothing any more: before the step, before the meter was empty, and before what
    /// made up the usual rate then.
    fn needed<'a>(&self, seen: &Seen<'a>) -> &'a [Row] {
        let serves = |row: &Row| {
            let requests = |side: Reading| side.requests.unwrap_or(0) as f64;
            requests(row.from) >= 1.0
                && requests(row.from) >= USUAL_SHARE * (requests(row.from) + requests(row.to))
        };
        let before = self.empty_at.min(seen.step_started_at);
        let mut usual = 0;
        let needed = seen.rows.iter().rev().take_while(|row| {
            let wanted = usual < USUAL_PERIODS || row.start >= before;
            usual += usize::from(row.start < self.empty_at && serves(row));
            wanted
        });
        &seen.rows[seen.rows.len() - needed.count()..]
    }
}

impl Rule for Gate {
    fn interval(&self) -> i64 {
        30
    }

    fn decide(&mut self, seen: &Seen) -> Decision {
        let (bakes_until, waits_until) = (seen.step_started_at + HOLD, seen.step_started_at + MAX_WAIT);
        let due = [seen.now >= bakes_until, seen.now >= waits_until];
        let judged = Some((seen.readings, seen.step_started_at, due));
        if self.judged == judged {
            return self.decision;
        }
        let state = State {
            moved_at: seen.started_at.max(self.empty_at),
            settled_at: Some(seen.step_started_at + self.config.ttl),
            weight: seen.weight,
            bakes_until: Some(bakes_until),
            waits_until: Some(waits_until),
        };
        self.judged = judged;
        let evaluation = evaluate(&self.config, &state, self.needed(seen), seen.now);
        if evaluation.score == 0.0
            && !seen.is_patchy
            && let Some(newest) = seen.newest()
        {
            self.empty_at = newest.start + self.config.period;
        }
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
