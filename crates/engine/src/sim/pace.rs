//! How long everything takes in a life, and the plans that go with it.
//!
//! Half of all lives last hours, with steps of minutes, so that faults and people meet the shift everywhere; the others
//! last days or weeks, as cutovers do, with long holds in which only metrics and zones are read.
//!
//! Plans are drawn here. What a plan can say and these do not belongs into [`Pace::plan`]: one `let` for each key, drawn from
//! the seed, empty in most lives. `gates` has what they ask.

use crossfade_core::{
    RecordName, ZoneId,
    plan::Plan,
    shift::{Phase, Shift},
};

use super::{calendar, gates, health::Health, random::Random};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Hours,
    Days,
    Weeks,
}

/// What a plan moves.
pub(crate) struct Moved {
    pub(crate) names: Vec<(ZoneId, RecordName, Vec<String>)>,
    pub(crate) ttl: u32,
    /// Endpoints of the `to` side.
    pub(crate) clouds: usize,
}

impl Pace {
    pub(crate) fn new(random: &mut Random) -> Pace {
        random
            .pick(&[Pace::Hours, Pace::Hours, Pace::Hours, Pace::Days, Pace::Days, Pace::Weeks])
            .unwrap_or(Pace::Hours)
    }

    /// Until the faults stop, in milliseconds.
    pub(crate) fn length(self, random: &mut Random) -> i64 {
        HOUR * match self {
            Pace::Hours => random.between(4, 72),
            Pace::Days => random.between(3 * 24, 14 * 24),
            Pace::Weeks => random.between(14 * 24, 56 * 24),
        }
    }

    /// How many times rarer faults come by themselves.
    pub(crate) fn calm(self) -> f64 {
        match self {
            Pace::Hours => 1.0,
            Pace::Days => 5.0,
            Pace::Weeks => 20.0,
        }
    }

    /// How many times rarer people come.
    pub(crate) fn people(self) -> f64 {
        match self {
            Pace::Hours => 1.0,
            Pace::Days => 4.0,
            Pace::Weeks => 20.0,
        }
    }

    /// How often people who come along leave everything as it is. A plan is applied days before it starts, and a
    /// completed one is kept for weeks before its records are given up.
    pub(crate) fn looks_on(self, shift: &Shift) -> f64 {
        match (self, &shift.phase) {
            (Pace::Hours, _) => 0.0,
            (Pace::Days | Pace::Weeks, Phase::Scheduled | Phase::Completed { .. }) => 0.8,
            (
                Pace::Days | Pace::Weeks,
                Phase::Running { .. }
                | Phase::Reverting { .. }
                | Phase::Reverted { .. }
                | Phase::Cancelled { .. },
            ) => 0.5,
        }
    }

    /// Hold times and bake times that plans choose from, in minutes.
    fn times(self) -> (&'static [i64], &'static [i64]) {
        match self {
            Pace::Hours => (&[2, 5, 10, 30, 60], &[5, 20, 120]),
            Pace::Days => (&[60, 240, 720], &[240, 1_440]),
            Pace::Weeks => (&[720, 1_440, 2_880], &[1_440, 4_320]),
        }
    }

    /// A plan for these names, drawn anew.
    pub(crate) fn plan(
        self,
        random: &mut Random,
        health: &Health,
        number: u32,
        Moved { names, ttl, clouds }: &Moved,
        now: i64,
    ) -> String {
        let count = 2 + random.below(4);
        let steps: Vec<String> = (1..=count)
            .map(|step| {
                let share = if step == count { 100 } else { step * 100 / (count + 1) };
                if random.chance(0.1) {
                    format!("{{ share: {share}, approval: {} }}", calendar::approval(random))
                } else {
                    share.to_string()
                }
            })
            .collect();
        let (holds, bakes) = self.times();
        let hold = random.pick(holds).unwrap_or(10);
        let bake = random.pick(bakes).unwrap_or(20);
        let to = if *clouds > 1 { "cloud: 2, cloud-b: 1" } else { "cloud: 1" };
        let records: Vec<String> = names
            .iter()
            .map(|(zone, name, types)| {
                format!("  - {{ zone: {zone}, name: {name}, types: [{}] }}", types.join(", "))
            })
            .collect();
        let schedule = calendar::schedule(random, now);
        let gates = gates::gates(random, self, health, now);
        let margin = random.pick(&[0, 10, 30]).unwrap_or(30).min(*ttl);
        format!(
            "name: www-{number}
records:
{}
from: {{ legacy: 1 }}
to: {{ {to} }}
ramp: {{ steps: [{}], hold: {hold}m, bake: {bake}m }}
settle_margin: {margin}s
{schedule}gates:
{gates}",
            records.join("\n"),
            steps.join(", "),
        )
    }
}

/// How long a plan takes at least, over all hold times, in milliseconds.
pub(crate) fn shortest(plan: &Plan) -> i64 {
    let holds: i64 = (0..plan.ramp.steps.len().saturating_sub(1)).map(|step| plan.hold(step).as_secs()).sum();
    1_000 * (holds + plan.bake().as_secs())
}
