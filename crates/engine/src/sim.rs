//! A simulator: the real decision code in a world that goes wrong, for years, in virtual time.
//!
//! One seed is one life: a plan, daemons that forget everything when they die, a store, Route 53, CloudWatch, users
//! behind resolvers, people who contradict each other, and a random part of all [`Fault`]s at random rates. Everything
//! is an event on one queue, so that hours in which nothing happens cost nothing and two runs of one seed are the same.
//! After every event all of [`crossfade_core::invariants`] are asked; at the end the faults stop, and progress is
//! demanded. Only the loop around the core is not the engine's own: `replica` says which of its lines it mirrors.
//!
//! In reading order: `fault`, the world's parts (`store`, `route53`, `traffic`, `health`), the daemons (`replica`, `call`,
//! `keeper`), `people`, `pace` (how long everything takes), `gates` (what plans ask), `watch` (what the invariants see), `ending`, and `tally` (figures over many lives).

mod calendar;
mod call;
mod ending;
mod fault;
mod gates;
mod health;
mod keeper;
mod pace;
mod people;
mod random;
mod replica;
mod route53;
mod store;
mod tally;
mod traffic;
mod trouble;
mod watch;
mod world;

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crossfade_core::{
    ZoneId,
    batch::Batch,
    invariants::{Commit, Landed, Sent, Violation},
};
use jiff::Timestamp;

use self::{
    call::{Answer, Call, Then},
    ending::Demand,
    fault::Swarm,
    health::Health,
    pace::Pace,
    random::Random,
    replica::{Replica, Wrong},
    route53::Route53,
    store::Store,
    traffic::Traffic,
};
pub use self::{fault::Fault, tally::Tally};

/// What of a run does not follow from its seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Daemons; by the seed when there is none.
    pub replicas: Option<usize>,
    /// Whether the timeline is kept.
    pub timeline: bool,
    pub mutations: Mutations,
}

/// Faults of the wiring itself, which the invariants must find. Those of the core are patches to its source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutations {
    /// The zone does not compare fences.
    pub ignores_fences: bool,
    /// A lease is trusted for as long as nobody says otherwise, and the store does not ask for it.
    pub trusts_too_long: bool,
    /// The store compares the version before a commit, and not the hash of the event it stands for.
    pub compares_versions_only: bool,
}

/// How a life ended.
#[derive(Debug)]
pub struct Life {
    pub seed: u64,
    /// Over everything that happened, in order.
    pub hash: u64,
    pub violation: Option<Violation>,
    pub timeline: Vec<String>,
    pub tally: Tally,
}

/// Lives through one seed.
pub fn live(seed: u64, options: &Options) -> Life {
    let Some(mut sim) = Sim::new(seed, options) else {
        let promise = "a plan of the simulation is a plan";
        let violation = Violation { number: 0, promise, sentence: "the core refuses it".to_owned() };
        let (timeline, tally) = (Vec::new(), Tally::default());
        return Life { seed, hash: 0, violation: Some(violation), timeline, tally };
    };
    let ran = catch_unwind(AssertUnwindSafe(|| sim.run()));
    let violation = ran.unwrap_or_else(|_| {
        let sentence = "it did, as said on standard error".to_owned();
        Some(Violation { number: 0, promise: "nothing panics", sentence })
    });
    Life { seed, hash: sim.hash, violation, timeline: sim.timeline.unwrap_or_default(), tally: sim.tally }
}

enum Due {
    Arrive {
        r: usize,
        life: u64,
        call: Box<Call>,
    },
    Answer {
        r: usize,
        life: u64,
        answer: Box<Answer>,
    },
    Wake {
        r: usize,
        life: u64,
    },
    /// A daemon compares its state with the store's.
    Look {
        r: usize,
        life: u64,
    },
    Metrics {
        r: usize,
        life: u64,
    },
    Renew {
        r: usize,
        life: u64,
        turn: u64,
    },
    Start {
        r: usize,
    },
    /// A clock that was far off is set right.
    Clock {
        r: usize,
    },
    Person,
    /// Somebody has seen that a step does not get through, or that the database was away.
    Alarmed,
    Trouble,
    /// The faults stop.
    Calm,
    /// Somebody looks after the shift until it is where it should be.
    Nurse,
}

struct Sim {
    now: i64,
    began: i64,
    queue: BTreeMap<(i64, u64), Due>,
    queued: u64,
    random: Random,
    swarm: Swarm,
    owner: String,
    store: Store,
    route53: Route53,
    traffic: Traffic,
    health: Health,
    replicas: Vec<Replica>,
    mutations: Mutations,
    /// The longest way of a request, there or back.
    slowest: i64,
    people_gap: f64,
    pace: Pace,
    plans: u32,
    /// What the shift that comes first does.
    neighbour: u64,
    ttl: u32,
    /// Until then a lease may be held twice, because the database has forgotten one.
    forgetful_until: i64,
    /// When somebody else last changed a zone, and when a write was last found there.
    edited_at: i64,
    confirmed_at: i64,
    /// Whoever looks after a shift in the end lets an approval's deadline run out, once.
    lets_expire: bool,
    /// For so many minutes a deadline has been over, and nothing has come of it.
    expired_for: i64,
    /// In the end the release goes bad, once, for a gate to notice.
    goes_bad: bool,
    demand: Option<Demand>,
    done: bool,
    // What the invariants see.
    commits: Vec<Arc<Commit>>,
    landed: Vec<Landed>,
    sent: Vec<Sent>,
    checked: usize,
    intents: Vec<Arc<Commit>>,
    at_rest: bool,
    defect: Option<String>,
    hash: u64,
    decisions: u64,
    timeline: Option<Vec<String>>,
    tally: Tally,
}

impl Sim {
    fn run(&mut self) -> Option<Violation> {
        while let Some(((at, _), due)) = self.queue.pop_first() {
            self.active_time(at);
            self.renew_quietly(at);
            self.now = at;
            self.happen(due);
            if let Some(violation) = self.check() {
                let sentence = format!("VIOLATION {violation}");
                self.note(|| sentence);
                return Some(violation);
            }
            if self.done {
                break;
            }
        }
        self.finish();
        None
    }

    fn happen(&mut self, due: Due) {
        // A daemon that stands still does nothing, and then everything at once.
        let still =
            |r: &usize| (self.replicas[*r].frozen_until > self.now).then_some(self.replicas[*r].frozen_until);
        let until = match &due {
            Due::Answer { r, .. }
            | Due::Wake { r, .. }
            | Due::Look { r, .. }
            | Due::Metrics { r, .. }
            | Due::Renew { r, .. } => still(r),
            Due::Arrive { .. }
            | Due::Start { .. }
            | Due::Clock { .. }
            | Due::Person
            | Due::Alarmed
            | Due::Trouble
            | Due::Calm
            | Due::Nurse => None,
        };
        if let Some(until) = until {
            return self.at(until, due);
        }
        self.mark(&due);
        match due {
            Due::Arrive { r, life, call } => self.arrive(r, life, *call),
            Due::Answer { r, life, answer } if self.lives(r, life) => self.answer(r, *answer),
            Due::Wake { r, life }
                if self.lives(r, life) && self.replicas[r].alarm.is_some_and(|alarm| alarm <= self.now) =>
            {
                self.begin_round(r)
            }
            Due::Look { r, life } if self.lives(r, life) => self.look(r),
            Due::Metrics { r, life } if self.lives(r, life) => self.read_metrics(r),
            Due::Renew { r, life, turn } if self.lives(r, life) => self.renew(r, turn),
            Due::Start { r } => self.start(r),
            Due::Clock { r } => self.replicas[r].wrong = Wrong::default(),
            Due::Person => self.somebody(),
            Due::Alarmed => self.alarmed(),
            Due::Trouble => {
                self.trouble();
                let gap = self.random.gap(self.swarm.gap_ms);
                self.at(self.now + gap, Due::Trouble);
            }
            Due::Calm => self.calm(),
            Due::Nurse => self.nurse(),
            Due::Answer { .. }
            | Due::Wake { .. }
            | Due::Look { .. }
            | Due::Metrics { .. }
            | Due::Renew { .. } => {}
        }
    }

    fn lives(&self, r: usize, life: u64) -> bool {
        self.replicas[r].up && self.replicas[r].life == life
    }

    fn at(&mut self, at: i64, due: Due) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), due);
    }

    /// One way of a request.
    fn latency(&mut self) -> i64 {
        let usual = 2 + i64::try_from(self.random.below(40)).unwrap_or(0);
        if self.swarm.on && self.random.chance(0.02) {
            usual + self.random.between(0, self.slowest)
        } else {
            usual
        }
    }

    fn note(&mut self, sentence: impl FnOnce() -> String) {
        if let Some(timeline) = &mut self.timeline {
            let passed = (self.now - self.began) / 1_000;
            let (days, hours, minutes, seconds) =
                (passed / 86_400, passed / 3_600 % 24, passed / 60 % 60, passed % 60);
            timeline.push(format!("day {days} {hours:02}:{minutes:02}:{seconds:02}  {}", sentence()));
        }
    }

    /// A batch arrives at Route 53.
    fn land(
        &mut self,
        r: usize,
        generation: u64,
        batch: Batch,
        shift: &Arc<crossfade_core::shift::Shift>,
        saved: bool,
    ) -> call::Submitted {
        let before = self.route53.zones.get(&batch.zone).cloned().unwrap_or_default();
        if self.route53.apply(&batch).is_none() {
            self.note(|| format!("Route 53 refuses write {generation} in {}", batch.zone));
            self.tally.refused += 1;
            return call::Submitted::Refused;
        }
        let what = shift.write.as_ref().map_or("none", |write| fault::purpose(write.purpose));
        let slow = self.meets(Fault::SlowSync, what);
        let forgotten = self.meets(Fault::ChangeForgotten, what);
        let sync =
            if slow { self.random.between(60_000, 400_000) } else { self.random.between(5_000, 50_000) };
        let forgotten_at = if forgotten { self.now + self.random.between(0, sync) } else { i64::MAX };
        let change = self.route53.issue(self.now + sync, forgotten_at);
        self.follow(self.now + sync / 2);
        let after = self.route53.zones.get(&batch.zone).cloned().unwrap_or_default();
        let shares = shift
            .groups
            .iter()
            .find(|group| group.zone == batch.zone)
            .map(|group| (crossfade_core::batch::weights_of(&after, group), group.clone()));
        self.note(|| format!("write {generation} ({what}) of daemon {r} lands: {shares:?}"));
        self.landed_now(generation, batch, shift, saved, before, after);
        call::Submitted::Applied(change)
    }

    fn meets(&mut self, fault: Fault, what: &'static str) -> bool {
        let struck = self.swarm.strikes(fault, &mut self.random);
        if struck {
            self.met(fault, what);
        }
        struck
    }
}

/// The time of the simulation's milliseconds.
fn stamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// The zones by name, for those who look for one.
type Zones = BTreeMap<ZoneId, Vec<crossfade_core::RecordSet>>;
