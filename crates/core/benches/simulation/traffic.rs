//! The traffic of both sides, and what its metrics show: minute by minute, from a share that resolvers follow late.

use crossfade_core::gate::{Reading, Row};

use super::{cutover::METRIC_DELAY, random::Random};

/// Seconds. Everything happens at a multiple of this.
pub(crate) const TICK: i64 = 10;

const TICKS_A_MINUTE: f64 = 6.0;

/// The error rate of a side that is well.
pub(crate) const USUAL_RATE: f64 = 0.001;

/// The part of the clients that keeps an answer for longer than its TTL, and for how long.
const TAIL: f64 = 0.1;
const TAIL_SECONDS: f64 = 300.0;

const DAY: f64 = 86_400.0;

/// Seconds until weights that are set are answered by name servers. A tick counts as its middle, so it is half a tick.
pub(crate) const ANSWERED_AFTER: i64 = TICK / 2;

const LATE: i64 = 300;

/// What the traffic is like. The defaults are those of every comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) requests_per_second: f64,
    /// The error rate of a side that is well.
    pub(crate) usual: f64,
    /// With the hour, the traffic and both sides' usual error rate swing between so many times what they are else.
    pub(crate) tides: [(f64, f64); 2],
    /// Standard deviation of a minute's traffic over its mean.
    pub(crate) gusts: f64,
    pub(crate) ttl: i64,
    /// Equally busy resolvers that would spread the traffic as unevenly.
    pub(crate) resolvers: f64,
    /// Correlation of two requests of a side's minute.
    pub(crate) burstiness: f64,
    /// Part of the minutes that err as the one before them did.
    pub(crate) sticky: f64,
    /// Errors that come together, as when clients retry.
    pub(crate) clump: u64,
    /// Seconds from the end of a minute until its datapoints can be read.
    pub(crate) metric_delay: i64,
    /// The part of the datapoints that never arrive, and that arrive up to [`LATE`] seconds after the others.
    pub(crate) lost: f64,
    pub(crate) late: f64,
    /// Whether a side without requests publishes that it had none.
    pub(crate) publishes_zeros: bool,
    /// Whether the cloud's datapoints begin with the minute in which it has its first requests, or with the next.
    pub(crate) shows_first_minute: bool,
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
    /// The rate is that of a cloud that has all the traffic, above the usual, and less in proportion with less.
    pub(crate) grows: bool,
}

/// What was wrong with the cloud in a minute: in which part of it, and how many requests failed then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faulty {
    pub(crate) part: f64,
    pub(crate) rate: f64,
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
    /// The cloud's fault in each of these minutes.
    pub(crate) faulty: Vec<Faulty>,
    /// When the datapoints of either side arrive.
    pub(crate) arrives: Vec<[i64; 2]>,
    /// Errors above the usual that the cloud's fault has cost, in the mean, with the requests that there were.
    pub(crate) harm: f64,
    /// What it cost from here on is not counted.
    pub(crate) harm_until: i64,
    /// Whether the cloud had a share in the newest minute.
    begun: bool,
    /// Weights before and after the newest change.
    before: f64,
    pub(crate) weight: f64,
    changed_at: i64,
    /// What each side's rates, usual and faulty, came to in its newest minute with them.
    rates: [[Option<f64>; 2]; 2],
    /// Sums over the ticks of the present minute: the share, the faults of either side, and their rate.
    sums: [f64; 4],
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
            usual: USUAL_RATE,
            tides: [(1.0, 1.0); 2],
            gusts: 0.0,
            ttl: 60,
            resolvers: 100.0,
            burstiness: 0.001,
            sticky: 0.3,
            clump: 1,
            metric_delay: METRIC_DELAY,
            lost: 0.0,
            late: 0.0,
            publishes_zeros: false,
            shows_first_minute: false,
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
            arrives: Vec::new(),
            harm: 0.0,
            harm_until: i64::MAX,
            begun: false,
            before: 0.0,
            weight: 0.0,
            changed_at: i64::MIN / 2,
            rates: [[None; 2]; 2],
            sums: [0.0; 4],
        }
    }

    /// Sets the cloud's share.
    pub(crate) fn set(&mut self, weight: f64, now: i64) {
        (self.before, self.weight, self.changed_at) = (self.weight, weight, now + ANSWERED_AFTER);
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
            let usual = self.traffic.usual;
            let rate = if fault.grows { usual + share * fault.rate } else { fault.rate };
            self.sums[3] += rate;
        }
        if (now + TICK) % 60 == 0 {
            self.minute(now + TICK - 60);
        }
    }

    /// The mean part of the traffic that reaches the cloud.
    fn share(&self, now: i64) -> f64 {
        self.before + (self.weight - self.before) * followed(now - self.changed_at, self.traffic.ttl)
    }

    fn minute(&mut self, start: i64) {
        let [share, cloud, legacy] = [0, 1, 2].map(|sum| self.sums[sum] / TICKS_A_MINUTE);
        let fault = Faulty { part: cloud, rate: self.sums[3] / self.sums[1].max(1.0) };
        self.sums = [0.0; 4];
        let traffic = self.traffic;
        let share = self.uneven(share);
        let turns = (self.phase + start as f64 / DAY) * std::f64::consts::TAU;
        let [flows, errs] =
            traffic.tides.map(|(least, most)| 0.5 * (least + most) + 0.5 * (most - least) * turns.sin());
        let mut mean = traffic.requests_per_second * 60.0 * flows;
        if traffic.gusts > 0.0 {
            mean *= self.random.gamma(1.0 / traffic.gusts.powi(2)) * traffic.gusts.powi(2);
        }
        let requests = self.random.poisson(mean);
        let to = self.random.binomial(requests, share);
        let usual = traffic.usual * errs;
        let to_errors = self.errors(0, to, fault, usual);
        let from_errors = self.errors(1, requests - to, Faulty { part: legacy, ..fault }, usual);
        // A load balancer without requests publishes nothing, and no errors where there were none.
        let reading = |requests: u64, errors: u64| Reading {
            requests: (requests > 0 || traffic.publishes_zeros).then_some(requests),
            errors: (errors > 0).then_some(errors),
        };
        let mut row = Row { start, to: reading(to, to_errors), from: reading(requests - to, from_errors) };
        if start < self.harm_until {
            self.harm += to as f64 * fault.part * (fault.rate - traffic.usual);
        }
        if !std::mem::replace(&mut self.begun, share > 0.0) && !traffic.shows_first_minute {
            row.to = Reading::default();
        }
        self.rows.push(row);
        self.faulty.push(fault);
        if traffic.lost + traffic.late > 0.0 {
            let arrives = [(); 2].map(|()| self.arrives_after(traffic));
            self.arrives.push(arrives.map(|after| start + 60 + after));
        }
    }

    fn arrives_after(&mut self, traffic: Traffic) -> i64 {
        match self.random.uniform() {
            u if u < traffic.lost => i64::MAX / 2,
            u if u < traffic.lost + traffic.late => traffic.metric_delay + self.random.below(LATE),
            _ => traffic.metric_delay,
        }
    }

    /// What can be read by now; `closed` of the minutes should be.
    pub(crate) fn readable(&self, closed: usize, now: i64) -> Vec<Row> {
        let arrived = |at: usize, side: usize, reading: Reading| {
            if self.arrives[at][side] <= now { reading } else { Reading::default() }
        };
        let rows = self.rows[..closed].iter().enumerate();
        rows.map(|(at, row)| Row { to: arrived(at, 0, row.to), from: arrived(at, 1, row.from), ..*row })
            .collect()
    }

    /// The share that resolvers make of it in one minute: each chooses for all who ask it.
    fn uneven(&mut self, share: f64) -> f64 {
        if share <= 0.0 || share >= 1.0 {
            return share;
        }
        self.random.beta(share * self.traffic.resolvers, (1.0 - share) * self.traffic.resolvers)
    }

    /// Of a minute that has the fault in a part of it.
    fn errors(&mut self, side: usize, requests: u64, fault: Faulty, usual: f64) -> u64 {
        let faulty = self.random.binomial(requests, fault.part);
        let mut errors = 0;
        for (kind, requests, mean) in [(0, requests - faulty, usual), (1, faulty, fault.rate)] {
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
