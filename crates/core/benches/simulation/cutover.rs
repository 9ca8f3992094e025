//! One cutover under a rule: from the first step until it is completed, reverted, or as old as it may get.

use crossfade_core::gate::Row;

use super::{
    random::Random,
    traffic::{Fault, Faulty, TICK, Traffic, World},
};

/// The cloud's weights, as the quick start has them.
pub(crate) const STEPS: [f64; 7] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0];

/// Seconds that each step is held at least, by every rule.
pub(crate) const HOLD: i64 = 600;

/// Seconds from the end of a minute until its datapoints can be read.
pub(crate) const METRIC_DELAY: i64 = 120;

/// The 25 % step.
const BREAKS_IN: usize = 3;

/// Seconds after which nothing is simulated: since a fault began, or since the start of a cutover without one.
const LONGEST: i64 = 3 * 3_600;
const LONGEST_HEALTHY: i64 = 12 * 3_600;

/// Any midnight.
const MIDNIGHT: i64 = 1_800_057_600;

/// What happens during the cutover. Rates are ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Story {
    Healthy,
    /// The cloud errs at this rate for two minutes, at any time of the first eighty minutes.
    Blip(f64),
    /// Both sides err at this rate for ten minutes, while the legacy side still serves.
    SharedEarly(f64),
    /// The same, a little after the hour at which a cutover can be at 100 % at the earliest.
    SharedLate(f64),
    /// The cloud errs at this rate all the time.
    Worse(f64),
    /// From the first step on.
    BrokenFromTheStart(f64),
    /// From somewhere in the first half of the step to 25 % on.
    Breaks(f64),
    /// From there on, but in every other minute only.
    BreaksOnAndOff(f64),
    /// From the first step on, by so much above the usual when it has all the traffic, and less in proportion before.
    WorseWithLoad(f64),
}

/// What a rule is shown.
pub(crate) struct Seen<'a> {
    pub(crate) now: i64,
    /// The minutes that can be read, oldest first, from an hour before the cutover on.
    pub(crate) rows: &'a [Row],
    /// How many of these minutes can be read, on either side; late ones change minutes that were there before.
    pub(crate) readings: usize,
    /// Whether there may be late ones.
    pub(crate) is_patchy: bool,
    /// For an oracle's eyes: the cloud's fault in each of these minutes.
    pub(crate) faulty: &'a [Faulty],
    pub(crate) started_at: i64,
    pub(crate) step_started_at: i64,
    pub(crate) weight: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Stay,
    Advance,
    Revert,
}

pub(crate) trait Rule {
    /// Seconds between two looks.
    fn interval(&self) -> i64 {
        60
    }

    /// Whether it looks all the time.
    fn watches(&self) -> bool {
        false
    }

    fn decide(&mut self, seen: &Seen) -> Decision;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Reverted,
    Completed,
    /// Neither, until nothing more was simulated.
    Held,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// Seconds from the start to the end.
    pub(crate) took: i64,
    /// Seconds from the beginning of the fault to the end; negative where it never began.
    pub(crate) delay: i64,
    /// Errors above the usual, in the mean, from the beginning of the fault until resolvers had forgotten the cloud,
    /// or for three hours.
    pub(crate) harm: f64,
}

impl Seen<'_> {
    pub(crate) fn newest(&self) -> Option<&Row> {
        self.rows.last()
    }

    pub(crate) fn newest_minutes(&self, minutes: usize) -> &[Row] {
        &self.rows[self.rows.len().saturating_sub(minutes)..]
    }

    /// Whether the step is as old as it has to be.
    pub(crate) fn is_held_long_enough(&self) -> bool {
        self.now >= self.step_started_at + HOLD
    }

    /// What a rule does that goes by the clock alone while nothing is wrong.
    pub(crate) fn advance_on_time(&self) -> Decision {
        if self.is_held_long_enough() { Decision::Advance } else { Decision::Stay }
    }
}

/// The error rate of the cloud in a minute; `None` where it had no requests.
pub(crate) fn cloud_rate(row: &Row) -> Option<f64> {
    let requests = row.to.requests.filter(|requests| *requests > 0)?;
    Some(row.to.errors.unwrap_or(0) as f64 / requests as f64)
}

/// The error rate of the cloud over several minutes; `None` where it had no requests.
pub(crate) fn cloud_rate_over(rows: &[Row]) -> Option<f64> {
    let sum = |of: fn(&Row) -> Option<u64>| rows.iter().filter_map(of).sum::<u64>();
    let requests = sum(|row| row.to.requests);
    (requests > 0).then(|| sum(|row| row.to.errors) as f64 / requests as f64)
}

pub(crate) fn run(traffic: Traffic, story: Story, rule: &mut dyn Rule, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let start = MIDNIGHT;
    // Looks and minutes have nothing to do with each other.
    let looks_at = random.below(6) * TICK % rule.interval();
    let fault = fault(story, start, &mut random);
    let breaks_after = random.below(30) * TICK;
    let mut world = World::new(traffic, random);
    world.fault = fault;
    world.harm_until = fault.from.saturating_add(LONGEST);
    for tick in -360..0 {
        world.tick(start + TICK * tick);
    }
    let mut now = start;
    // The first weights are set with the first look.
    let (mut step, mut step_started_at) = (0, start + looks_at);
    let end = loop {
        if now == start + looks_at {
            world.set(STEPS[step], now);
        }
        world.tick(now);
        now += TICK;
        if now >= limit(story, &world.fault, start) {
            break End::Held;
        }
        if now <= step_started_at || (!rule.watches() && (now - start) % rule.interval() != looks_at) {
            continue;
        }
        let whole = (now - traffic.metric_delay - world.rows[0].start).div_euclid(60);
        let closed = usize::try_from(whole).map_or(0, |whole| whole.min(world.rows.len()));
        let is_patchy = traffic.lost + traffic.late > 0.0;
        let readable = if is_patchy { world.readable(closed, now) } else { Vec::new() };
        let known =
            |row: &Row| usize::from(row.to.requests.is_some()) + usize::from(row.from.requests.is_some());
        let seen = Seen {
            now,
            rows: if is_patchy { &readable } else { &world.rows[..closed] },
            readings: if is_patchy { readable.iter().map(known).sum() } else { closed },
            is_patchy,
            faulty: &world.faulty[..closed],
            started_at: start,
            step_started_at,
            weight: world.weight,
        };
        match rule.decide(&seen) {
            Decision::Stay => {}
            Decision::Revert => break End::Reverted,
            Decision::Advance if step + 1 == STEPS.len() => break End::Completed,
            Decision::Advance => {
                step += 1;
                step_started_at = now;
                world.set(STEPS[step], now);
                if step == BREAKS_IN && matches!(story, Story::Breaks(_) | Story::BreaksOnAndOff(_)) {
                    world.fault.from = now + breaks_after;
                    world.harm_until = world.fault.from + LONGEST;
                }
            }
        }
    };
    let (took, delay) = (now - start, now.saturating_sub(world.fault.from));
    afterwards(&mut world, end, now);
    Outcome { end, took, delay, harm: world.harm }
}

/// What the fault still costs when the rule has had its say.
fn afterwards(world: &mut World, end: End, now: i64) {
    let until = match end {
        End::Reverted => {
            world.set(0.0, now);
            now + 360
        }
        End::Completed if world.fault.from < now => world.fault.from + LONGEST,
        End::Completed | End::Held => now,
    };
    // To the end of a minute: what it cost is counted then.
    for tick in (now..until + 50).step_by(TICK as usize) {
        world.tick(tick);
    }
}

/// When nothing more is simulated.
fn limit(story: Story, fault: &Fault, start: i64) -> i64 {
    let longest = start + LONGEST_HEALTHY;
    match story {
        Story::Healthy
        | Story::Blip(_)
        | Story::SharedEarly(_)
        | Story::SharedLate(_)
        | Story::Worse(_)
        | Story::BrokenFromTheStart(_)
        | Story::WorseWithLoad(_) => longest,
        Story::Breaks(_) | Story::BreaksOnAndOff(_) => fault.from.saturating_add(LONGEST).min(longest),
    }
}

fn fault(story: Story, start: i64, random: &mut Random) -> Fault {
    let mut lasting = |rate: f64, earliest: i64, within: i64, seconds: i64, shared: bool| {
        let from = start + earliest + random.below(within / TICK) * TICK;
        Fault { rate, from, until: from + seconds, shared, alternating: false, grows: false }
    };
    let endless = |rate: f64, from: i64, alternating: bool| Fault {
        rate,
        from,
        until: i64::MAX,
        shared: false,
        alternating,
        grows: false,
    };
    match story {
        Story::Healthy => Fault::default(),
        Story::Blip(rate) => lasting(rate, 0, 4_800, 120, false),
        Story::SharedEarly(rate) => lasting(rate, 0, 3_000, 600, true),
        Story::SharedLate(rate) => lasting(rate, 3_600, 240, 600, true),
        Story::Worse(rate) | Story::BrokenFromTheStart(rate) => endless(rate, start, false),
        Story::Breaks(rate) => endless(rate, i64::MAX, false),
        Story::BreaksOnAndOff(rate) => endless(rate, i64::MAX, true),
        Story::WorseWithLoad(rate) => Fault { grows: true, ..endless(rate, start, false) },
    }
}
