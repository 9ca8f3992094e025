//! Whole cutovers on the gate alone, with everything around it drawn by lot: traffic, errors that come in bursts,
//! resolvers that follow late and unevenly, and datapoints that arrive two minutes late.

use crossfade_core::gate::{Config, Evaluation, Increase, Reading, Row, State, Verdict, evaluate};

use crate::random::Random;

/// In percent, as the quick start has them.
const STEPS: [u8; 7] = [1, 5, 10, 25, 50, 75, 100];

const TICK: i64 = 10;
const HOLD: i64 = 600;
const TTL: i64 = 60;

/// A tenth of the clients keeps an answer for this long, whatever its TTL.
const TAIL: f64 = 300.0;

/// Equally busy resolvers; twice what the gate takes for granted.
const RESOLVERS: u64 = 100;

const USUAL_RATE: f64 = 0.001;
const BURSTINESS: f64 = 0.001;

/// Minutes that err as the one before them did.
const STICKY: f64 = 0.3;

/// Any instant at the beginning of a minute.
const START: i64 = 1_800_000_000;

/// Nothing is simulated for longer after a fault has begun.
const LONGEST: i64 = 3 * 3_600;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// Two minutes at this rate, at any time of the cutover.
    Blip(f64),
    /// This rate from the middle of the step to 25 % on: between its fourth and its sixth minute.
    Breaks(f64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) reverted: bool,
    /// Seconds until it was completed or reverted.
    pub(crate) took: i64,
    /// Seconds from the beginning of the fault to the revert.
    pub(crate) delay: i64,
    /// Errors above the usual from the beginning of the fault until resolvers had forgotten the cloud.
    pub(crate) harm: f64,
}

struct World {
    random: Random,
    requests_per_second: f64,
    fault: Fault,
    breaks_at: i64,
    rows: Vec<Row>,
    /// Of the minute before, for minutes that are like it: the mean, and what it came to.
    rates: [(f64, f64); 3],
    /// Weights before and after the newest change.
    before: f64,
    weight: f64,
    changed_at: i64,
    /// Sums over the ticks of the present minute.
    shares: f64,
    faulty: u64,
    harm: f64,
}

pub(crate) fn cutover(requests_per_second: f64, fault: Fault, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let breaks_at = match fault {
        Fault::Blip(_) => START + (random.uniform() * 4_200.0) as i64,
        Fault::None | Fault::Breaks(_) => i64::MAX,
    };
    let mut world = World {
        random,
        requests_per_second,
        fault,
        breaks_at,
        rows: Vec::new(),
        rates: [(0.0, 0.0); 3],
        before: 0.0,
        weight: 0.0,
        changed_at: START - LONGEST,
        shares: 0.0,
        faulty: 0,
        harm: 0.0,
    };
    world.run()
}

impl World {
    fn run(&mut self) -> Outcome {
        let config = config();
        for tick in -360..0 {
            self.tick(START + TICK * tick);
        }
        let mut now = START;
        let mut step = 0;
        self.move_to(STEPS[step], now);
        let (reverted, ended_at) = loop {
            self.tick(now);
            now += TICK;
            if (now - START) % (3 * TICK) != 0 {
                continue;
            }
            let state = State {
                moved_at: START,
                settled_at: Some(self.changed_at + TTL),
                weight: self.weight,
                bakes_until: Some(self.changed_at + HOLD),
                waits_until: Some(self.changed_at + 7_200),
            };
            match evaluate(&config, &state, &self.rows, now).code.verdict() {
                Verdict::Fail => break (true, now),
                Verdict::Pass if step + 1 == STEPS.len() => break (false, now),
                Verdict::Pass => {
                    step += 1;
                    self.move_to(STEPS[step], now);
                    if STEPS[step] == 25 && matches!(self.fault, Fault::Breaks(_)) {
                        self.breaks_at = now + 240 + (self.random.uniform() * 120.0) as i64;
                    }
                }
                Verdict::Wait | Verdict::Hold
                    if now > self.breaks_at.min(START + 86_400).saturating_add(LONGEST) =>
                {
                    break (false, now);
                }
                Verdict::Wait | Verdict::Hold => {}
            }
        };
        if reverted {
            self.move_to(0, now);
            for _ in 0..30 {
                self.tick(now);
                now += TICK;
            }
        }
        Outcome {
            reverted,
            took: ended_at - START,
            delay: ended_at.saturating_sub(self.breaks_at),
            harm: self.harm,
        }
    }

    fn move_to(&mut self, percent: u8, now: i64) {
        (self.before, self.weight, self.changed_at) = (self.weight, f64::from(percent) / 100.0, now);
    }

    fn tick(&mut self, now: i64) {
        let followed = (now - self.changed_at) as f64;
        let part = 0.9 * (followed / TTL as f64).min(1.0) + 0.1 * (followed / TAIL).min(1.0);
        let share = self.before + (self.weight - self.before) * part;
        self.shares += share;
        let faulty = match self.fault {
            Fault::None => None,
            Fault::Blip(rate) => (now >= self.breaks_at && now < self.breaks_at + 120).then_some(rate),
            Fault::Breaks(rate) => (now >= self.breaks_at).then_some(rate),
        };
        if let Some(rate) = faulty {
            self.faulty += 1;
            self.harm += self.requests_per_second * TICK as f64 * share * (rate - USUAL_RATE);
        }
        if (now + TICK) % 60 == 0 {
            self.minute(now + TICK - 60);
        }
    }

    fn minute(&mut self, start: i64) {
        let share = self.random.binomial(RESOLVERS, self.shares / 6.0) as f64 / RESOLVERS as f64;
        let requests = self.random.poisson(self.requests_per_second * 60.0);
        let to = self.random.binomial(requests, share);
        let faulty = self.random.binomial(to, self.faulty as f64 / 6.0);
        let (usual, legacy) = (self.rate(0, USUAL_RATE), self.rate(1, USUAL_RATE));
        let mut errors = self.random.binomial(to - faulty, usual);
        if let Fault::Blip(rate) | Fault::Breaks(rate) = self.fault {
            let rate = self.rate(2, rate);
            errors += self.random.binomial(faulty, rate);
        }
        let of_legacy = self.random.binomial(requests - to, legacy);
        // A load balancer without requests publishes nothing, and no errors where there were none.
        let reading = |requests: u64, errors: u64| Reading {
            requests: (requests > 0).then_some(requests),
            errors: (errors > 0).then_some(errors),
        };
        self.rows.push(Row { start, to: reading(to, errors), from: reading(requests - to, of_legacy) });
        (self.shares, self.faulty) = (0.0, 0);
    }

    fn rate(&mut self, side: usize, mean: f64) -> f64 {
        let (same, before) = self.rates[side];
        let rate = if same == mean && self.random.uniform() < STICKY { before } else { self.bursty(mean) };
        self.rates[side] = (mean, rate);
        rate
    }

    fn bursty(&mut self, mean: f64) -> f64 {
        let s = 1.0 / BURSTINESS - 1.0;
        if mean >= 1.0 { 1.0 } else { self.random.beta(mean * s, (1.0 - mean) * s) }
    }
}

/// The defaults of a plan that names both sides.
pub(crate) fn config() -> Config {
    Config {
        period: 60,
        metric_delay: 120,
        ttl: TTL,
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
