//! Users behind resolvers, and what CloudWatch says of them.
//!
//! A minute's requests follow the weights as each resolver last saw them: resolvers keep answers for the TTL, and some
//! for much longer. Errors follow the `to` side's health. What is read of it may be late, partial, missing or wrong at
//! first; what happened stays what happened.

use std::collections::VecDeque;

use crossfade_core::gate::{Period, Timing};

use super::{random::mix, stamp};

const MINUTE: i64 = 60_000;
const RESOLVERS: usize = 24;

/// Kept no longer than any read goes back: that of a shift's budget.
const KEPT: usize = (15 * 24 + 2) * 60;

pub(crate) struct Traffic {
    seed: u64,
    requests: f64,
    error_ratio: f64,
    /// The share of the `to` side by the time from which it is answered with.
    shares: Vec<(i64, f64)>,
    /// How long each resolver keeps an answer.
    lags: [i64; RESOLVERS],
    pub(crate) bad_until: i64,
    pub(crate) bad_ratio: f64,
    pub(crate) slow_until: i64,
    /// So many times as slow as usual, on the `to` side or on both.
    pub(crate) slower: f64,
    pub(crate) both_slow: bool,
    pub(crate) sick_until: i64,
    pub(crate) stale_until: i64,
    pub(crate) error_until: i64,
    pub(crate) missing_until: i64,
    pub(crate) late_until: i64,
    pub(crate) restated_until: i64,
    pub(crate) hang_until: i64,
    minutes: VecDeque<Minute>,
}

#[derive(Clone, Copy)]
struct Minute {
    start: i64,
    to: (u64, u64),
    from: (u64, u64),
    /// The median latency of each, in seconds.
    seconds: (f64, f64),
    visible_at: i64,
    /// Half of it is only published later.
    whole_at: i64,
}

impl Traffic {
    pub(crate) fn new(seed: u64, requests: f64, error_ratio: f64, ttl: i64) -> Traffic {
        let lag = |place: usize| ttl * 1_000 * i64::try_from(place).unwrap_or(0) / RESOLVERS as i64;
        Traffic {
            seed,
            requests,
            error_ratio,
            shares: vec![(i64::MIN, 0.0)],
            lags: std::array::from_fn(lag),
            bad_until: 0,
            bad_ratio: 0.0,
            slow_until: 0,
            slower: 1.0,
            both_slow: false,
            sick_until: 0,
            stale_until: 0,
            error_until: 0,
            missing_until: 0,
            late_until: 0,
            restated_until: 0,
            hang_until: 0,
            minutes: VecDeque::new(),
        }
    }

    /// From this time on, answers follow another share.
    pub(crate) fn follow(&mut self, from: i64, share: f64) {
        self.run_to(from.min(self.minutes.back().map_or(from, |last| last.start + MINUTE)));
        self.shares.retain(|(at, _)| *at <= from);
        self.shares.push((from, share));
    }

    /// From now on, until it is healed.
    pub(crate) fn turn_bad(&mut self, now: i64, ratio: f64) {
        self.run_to(now);
        (self.bad_until, self.bad_ratio) = (i64::MAX, ratio);
    }

    pub(crate) fn heal(&mut self, now: i64) {
        self.run_to(now);
        for until in [
            &mut self.bad_until,
            &mut self.slow_until,
            &mut self.sick_until,
            &mut self.stale_until,
            &mut self.error_until,
            &mut self.missing_until,
            &mut self.late_until,
            &mut self.restated_until,
            &mut self.hang_until,
        ] {
            *until = (*until).min(now);
        }
    }

    /// What CloudWatch answers now of both sides, and why that may not be all.
    pub(crate) fn read(&mut self, now: i64, since: i64) -> (Vec<Period>, Vec<Period>, Option<String>) {
        self.run_to(now);
        let from = self.minutes.partition_point(|minute| minute.start < since);
        let side = |pick: fn(&Minute) -> (u64, u64)| {
            let seen = self.minutes.range(from..).filter(|minute| minute.visible_at <= now);
            let periods = seen.filter_map(|minute| {
                let (mut requests, mut errors) = pick(minute);
                if now < minute.whole_at {
                    (requests, errors) = (requests / 2, errors / 3);
                }
                // A load balancer without requests publishes nothing, and no errors where there were none.
                (requests > 0).then(|| Period {
                    start: stamp(minute.start),
                    requests: Some(requests),
                    errors: (errors > 0).then_some(errors),
                })
            });
            periods.collect()
        };
        let why = (now < self.error_until).then(|| "InternalError".to_owned());
        (side(|minute| minute.to), side(|minute| minute.from), why)
    }

    /// What CloudWatch answers now of both sides' median latencies.
    pub(crate) fn read_latencies(&mut self, now: i64, since: i64) -> (Vec<Timing>, Vec<Timing>) {
        self.run_to(now);
        let from = self.minutes.partition_point(|minute| minute.start < since);
        let side = |pick: fn(&Minute) -> (u64, f64)| {
            let seen = self.minutes.range(from..).filter(|minute| minute.visible_at <= now);
            let timings = seen.filter_map(|minute| {
                let (requests, seconds) = pick(minute);
                let samples = if now < minute.whole_at { requests / 2 } else { requests };
                (samples > 0).then(|| Timing { start: stamp(minute.start), seconds, samples })
            });
            timings.collect()
        };
        (side(|minute| (minute.to.0, minute.seconds.0)), side(|minute| (minute.from.0, minute.seconds.1)))
    }

    /// Whether requests came to the `to` side lately.
    pub(crate) fn serves(&self, now: i64) -> bool {
        let at = now - 3 * MINUTE;
        at >= self.sick_until && self.share(at) > 0.0
    }

    /// Lets every minute that is over happen.
    fn run_to(&mut self, now: i64) {
        let this = now.div_euclid(MINUTE) * MINUTE;
        let oldest = this - KEPT as i64 * MINUTE;
        let mut start =
            self.minutes.back().map_or(this - 30 * MINUTE, |last| last.start + MINUTE).max(oldest);
        while start < this {
            let minute = self.minute(start);
            self.minutes.push_back(minute);
            start += MINUTE;
        }
        while self.minutes.front().is_some_and(|first| first.start < oldest) {
            self.minutes.pop_front();
        }
    }

    fn minute(&self, start: i64) -> Minute {
        let end = start + MINUTE;
        let share = if start < self.sick_until { 0.0 } else { self.share(start + MINUTE / 2) };
        let noise = mix(self.seed ^ start.unsigned_abs());
        let wobble = 0.9 + 0.2 * (noise % 1_000) as f64 / 1_000.0;
        let to = self.requests * wobble * share;
        let from = self.requests * wobble - to;
        let ratio = if start < self.bad_until { self.bad_ratio } else { self.error_ratio };
        let count = |requests: f64, ratio: f64, salt: u64| {
            let wanted = requests * ratio;
            let dice = (mix(noise ^ salt) % 1_000) as f64 / 1_000.0;
            (requests as u64, (wanted as u64 + u64::from(dice < wanted.fract())).min(requests as u64))
        };
        let delay =
            if start < self.late_until { 4 * MINUTE } else { 30_000 + (noise % 40_000).cast_signed() };
        let missing = start < self.missing_until && noise.is_multiple_of(3);
        let slower = if start < self.slow_until { self.slower } else { 1.0 };
        let usual = 0.2 * (0.8 + 0.4 * (mix(noise ^ 3) % 1_000) as f64 / 1_000.0);
        let restated = if start < self.restated_until { 3 * MINUTE } else { 0 };
        Minute {
            start,
            to: count(to, ratio, 1),
            from: count(from, self.error_ratio, 2),
            seconds: (usual * slower, if self.both_slow { usual * slower } else { usual }),
            visible_at: if missing { i64::MAX } else { end + delay },
            whole_at: end + delay + restated,
        }
    }

    /// The part of the resolvers' answers that names the `to` side.
    fn share(&self, at: i64) -> f64 {
        let stale = at < self.stale_until;
        let longest = self.lags.last().copied().unwrap_or(0) + if stale { 40 * MINUTE } else { 0 };
        if let Some((_, share)) = self.shares.last().filter(|(from, _)| *from <= at - longest) {
            return *share;
        }
        let each = self.lags.iter().enumerate().map(|(place, lag)| {
            let lag = if stale && place % 6 == 0 { lag + 40 * MINUTE } else { *lag };
            self.shares.iter().rev().find(|(from, _)| *from <= at - lag).map_or(0.0, |(_, share)| *share)
        });
        each.sum::<f64>() / RESOLVERS as f64
    }
}
