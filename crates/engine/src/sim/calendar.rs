//! When the simulation's plans may go up: windows and freezes in zones whose clocks are about to change, a shift that
//! comes first, approvals with a deadline.

use crossfade_core::{
    Share,
    decide::{Other, Progress},
    plan::Zone,
    shift::Phase,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Sim,
    random::{Random, mix},
    stamp,
};

const HOUR: i64 = 3_600_000;

/// Zones, and when their clocks change: put forward or back, by an hour or half of one, in the night or at midnight.
const CHANGES: [(&str, i64); 9] = [
    ("Europe/Paris", 1_806_195_600_000),        // 2027-03-28, 02:00 to 03:00
    ("Europe/Paris", 1_824_944_400_000),        // 2027-10-31, 03:00 to 02:00
    ("America/New_York", 1_805_007_600_000),    // 2027-03-14, 02:00 to 03:00
    ("America/New_York", 1_825_567_200_000),    // 2027-11-07, 02:00 to 01:00
    ("America/Havana", 1_805_000_400_000),      // 2027-03-14, 00:00 to 01:00
    ("America/Havana", 1_825_563_600_000),      // 2027-11-07, 01:00 to 00:00
    ("Australia/Lord_Howe", 1_806_764_400_000), // 2027-04-04, 02:00 to 01:30
    ("Asia/Beirut", 1_806_184_800_000),         // 2027-03-28, 00:00 to 01:00
    ("UTC", 1_796_115_600_000),                 // 2026-12-01, never
];

/// A day or less before the clocks of one of the zones change.
pub(crate) fn beginning(random: &mut Random) -> i64 {
    let (_, change) = random.pick(&CHANGES).unwrap_or(CHANGES[0]);
    change - random.between(HOUR, 26 * HOUR) / 60_000 * 60_000
}

/// The schedule of a plan that is made at this time; nothing, as often as not.
pub(crate) fn schedule(random: &mut Random, now: i64) -> String {
    if random.chance(0.5) {
        return String::new();
    }
    let nearest = CHANGES.iter().min_by_key(|(_, change)| change.abs_diff(now)).map(|(zone, _)| *zone);
    let any = random.pick(&CHANGES).map(|(zone, _)| zone);
    let zone = if random.chance(0.8) { nearest } else { any }.unwrap_or("UTC");
    let mut keys = vec![format!("timezone: {zone}")];
    if random.chance(0.6) {
        let windows: Vec<String> = (0..=random.below(2)).map(|_| window(random)).collect();
        keys.push(format!("windows: [{}]", windows.join(", ")));
    }
    if random.chance(0.4) {
        keys.push(format!("freezes: [{}]", freeze(random, zone, now)));
    }
    if random.chance(0.3) {
        let share = random.below(90) + 5;
        let after =
            if random.chance(0.3) { "db".to_owned() } else { format!("{{ shift: db, share: {share} }}") };
        keys.push(format!("after: [{after}]"));
    }
    format!("schedule: {{ {} }}\n", keys.join(", "))
}

fn window(random: &mut Random) -> String {
    let from = random.below(24 * 60);
    let to = (from + 4 * 60 + random.below(16 * 60)) % (24 * 60);
    let days = if random.chance(0.2) { "days: [mon, wed, fri, sat, sun], " } else { "" };
    format!("{{ {days}from: \"{:02}:{:02}\", to: \"{:02}:{:02}\" }}", from / 60, from % 60, to / 60, to % 60)
}

fn freeze(random: &mut Random, zone: &str, now: i64) -> String {
    let begins = now + random.between(0, 40 * HOUR);
    if random.chance(0.3) {
        let ends = begins + random.between(HOUR, 12 * HOUR);
        return format!("{{ from: \"{}\", to: \"{}\" }}", stamp(begins), stamp(ends));
    }
    let rules = Zone::named(zone).unwrap_or_default();
    let day = |at: Timestamp| rules.rules().to_datetime(at).date();
    let to = day(stamp(begins) + SignedDuration::from_hours(25));
    format!("{{ from: {}, to: {to}, reason: audit }}", day(stamp(begins)))
}

/// How a step asks for an approval.
pub(crate) fn approval(random: &mut Random) -> &'static str {
    let forms = [
        "true",
        "{ deadline: 1h, then: hold }",
        "{ deadline: 3h, then: step_back }",
        "{ deadline: 5h, then: revert }",
    ];
    random.pick(&forms).unwrap_or("true")
}

impl Sim {
    /// The shift that comes first: it changes its mind every half hour, and is completed in the end.
    pub(crate) fn neighbour(&self, clock: Timestamp) -> Other {
        let now = self.now;
        let roll = mix(self.neighbour ^ (now / (HOUR / 2)).unsigned_abs());
        let at = stamp(now);
        let share = Share::from_percent((roll >> 8) as f64 % 101.0).unwrap_or(Share::ZERO);
        let phase = match roll % 10 {
            _ if !self.swarm.on => Some(Phase::Completed { at, finalized: false }),
            0 => None,
            1 => Some(Phase::Reverted { at, finalized: false }),
            2 => Some(Phase::Scheduled),
            3 | 4 => Some(Phase::Completed { at, finalized: false }),
            _ => Some(Phase::Running { since: at, next: 1 }),
        };
        Other { at: clock, found: phase.map(|phase| Progress { phase, share }) }
    }
}
