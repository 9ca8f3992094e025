//! The traffic of both sides, and what its metrics show: minute by minute, from a share that resolvers follow late.

use crossfade_core::gate::{Reading, Row};

use super::random::Random;

/// Seconds. Everything happens at a multiple of this.
pub(crate) const TICK: i64 = 10;

const TICKS_A_MINUTE: f64 = 6.0;

/// The error rate of a side that is well.
pub(crate) const USUAL_RATE: f64 = 0.001;

/// The part of the clients that keeps an answer for longer than its TTL, and for how long.
const TAIL: f64 = 0.1;
const TAIL_SECONDS: f64 = 300.0;

const DAY: f64 = 86_400.0;

/// What the traffic is like. The defaults are those of every comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) requests_per_second: f64,
    /// By how much of it both sides' usual error rate is higher in the mean of a day than at its best hour.
    pub(crate) wave: f64,
    pub(crate) ttl: i64,
    /// Equally busy resolvers that would spread the traffic as unevenly.
    pub(crate) resolvers: f64,
    /// Correlation of two requests of a side's minute.
    pub(crate) burstiness: f64,
    /// Part of the minutes that err as the one before them did.
    pub(crate) sticky: f64,
    /// Errors that come together, as when clients retry.
    pub(crate) clump: u64,
}

/// When the cloud, or both sides, err more than usual.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault {
    pub(crate) rate: f64,
    /// Seconds since 1970.
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// The other side has it too.
    pub(crate) shared: bool,
    /// A minute with it, a minute without.
    pub(crate) alternating: bool,
}

/// The world that a rule looks at: what has happened so far, and the metrics of it.
pub(crate) struct World {
    random: Random,
    traffic: Traffic,
    pub(crate) fault: Fault,
    /// Where in the day it is, in turns, at second 0.
    phase: f64,
    /// One for each minute that has ended, oldest first.
    pub(crate) rows: Vec<Row>,
    /// Which part of each of these minutes the cloud's fault was there.
    pub(crate) faulty: Vec<f64>,
    /// Errors above the usual that the cloud's fault has cost, in the mean.
    pub(crate) harm: f64,
    /// Weights before and after the newest change.
    before: f64,
    pub(crate) weight: f64,
    changed_at: i64,
    /// What each side's rates, usual and faulty, came to in its newest minute with them.
    rates: [[Option<f64>; 2]; 2],
    /// Sums over the ticks of the present minute: the share, and the faults of either side.
    sums: [f64; 3],
}

/// The part of the clients that has followed a change of so many seconds ago.
pub(crate) fn followed(since: i64, ttl: i64) -> f64 {
    let (since, ttl) = (since.max(0) as f64, ttl as f64);
    (1.0 - TAIL) * (since / ttl).min(1.0) + TAIL * (since / TAIL_SECONDS.max(ttl)).min(1.0)
}

impl Traffic {
    pub(crate) fn new(requests_per_second: f64) -> Traffic {
        Traffic {
            requests_per_second,
            wave: 0.0,
            ttl: 60,
            resolvers: 100.0,
            burstiness: 0.001,
            sticky: 0.3,
            clump: 1,
        }
    }
}

impl World {
    pub(crate) fn new(traffic: Traffic, mut random: Random) -> World {
        let phase = random.uniform();
        World {
            random,
            traffic,
            fault: Fault::default(),
            phase,
            rows: Vec::new(),
            faulty: Vec::new(),
            harm: 0.0,
            before: 0.0,
            weight: 0.0,
            changed_at: i64::MIN / 2,
            rates: [[None; 2]; 2],
            sums: [0.0; 3],
        }
    }

    /// Sets the cloud's share; its name servers know a tick later.
    pub(crate) fn set(&mut self, weight: f64, now: i64) {
        (self.before, self.weight, self.changed_at) = (self.weight, weight, now + TICK);
    }

    /// Lets the tick that begins `now` pass.
    pub(crate) fn tick(&mut self, now: i64) {
        let share = self.share(now);
        let fault = self.fault;
        let lasts = (fault.from..fault.until).contains(&now);
        let broken = lasts && !(fault.alternating && (now - fault.from) % 120 >= 60);
        self.sums[0] += share;
        if broken {
            self.sums[1] += 1.0;
            self.sums[2] += f64::from(u8::from(fault.shared));
            self.harm += self.traffic.requests_per_second * TICK as f64 * share * (fault.rate - USUAL_RATE);
        }
        if (now + TICK) % 60 == 0 {
            self.minute(now + TICK - 60);
        }
    }

    /// The mean part of the traffic that reaches the cloud.
    fn share(&self, now: i64) -> f64 {
        self.before + (self.weight - self.before) * followed(now - self.changed_at, self.traffic.ttl)
    }

    fn usual_rate(&self, now: i64) -> f64 {
        let turns = self.phase + now as f64 / DAY;
        USUAL_RATE * (1.0 + self.traffic.wave * (1.0 - (turns * std::f64::consts::TAU).cos()))
    }

    fn minute(&mut self, start: i64) {
        let [share, cloud, legacy] = self.sums.map(|sum| sum / TICKS_A_MINUTE);
        self.sums = [0.0; 3];
        let share = self.uneven(share);
        let requests = self.random.poisson(self.traffic.requests_per_second * 60.0);
        let to = self.random.binomial(requests, share);
        let usual = self.usual_rate(start);
        let to_errors = self.errors(0, to, cloud, usual);
        let from_errors = self.errors(1, requests - to, legacy, usual);
        // A load balancer without requests publishes nothing, and no errors where there were none.
        let reading = |requests: u64, errors: u64| Reading {
            requests: (requests > 0).then_some(requests),
            errors: (errors > 0).then_some(errors),
        };
        let row = Row { start, to: reading(to, to_errors), from: reading(requests - to, from_errors) };
        self.rows.push(row);
        self.faulty.push(cloud);
    }

    /// The share that resolvers make of it in one minute: each chooses for all who ask it.
    fn uneven(&mut self, share: f64) -> f64 {
        if share <= 0.0 || share >= 1.0 {
            return share;
        }
        self.random.beta(share * self.traffic.resolvers, (1.0 - share) * self.traffic.resolvers)
    }

    /// Of a minute that has the fault in a part of it.
    fn errors(&mut self, side: usize, requests: u64, part: f64, usual: f64) -> u64 {
        let faulty = self.random.binomial(requests, part);
        let mut errors = 0;
        for (kind, requests, mean) in [(0, requests - faulty, usual), (1, faulty, self.fault.rate)] {
            if requests > 0 {
                let rate = self.rate(side, kind, mean);
                let clump = self.traffic.clump;
                errors += (self.random.binomial(requests, rate / clump as f64) * clump).min(requests);
            }
        }
        errors
    }

    fn rate(&mut self, side: usize, kind: usize, mean: f64) -> f64 {
        let before = self.rates[side][kind].filter(|_| self.random.uniform() < self.traffic.sticky);
        let rate = before.unwrap_or_else(|| self.bursty(mean));
        self.rates[side][kind] = Some(rate);
        rate
    }

    fn bursty(&mut self, mean: f64) -> f64 {
        if self.traffic.burstiness <= 0.0 || mean >= 1.0 {
            return mean;
        }
        let s = 1.0 / self.traffic.burstiness - 1.0;
        self.random.beta(mean * s, (1.0 - mean) * s)
    }
}
