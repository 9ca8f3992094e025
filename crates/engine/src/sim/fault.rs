//! What can go wrong, how often it does in one run, and where it did.

use std::collections::BTreeMap;

use crossfade_core::shift::{Phase, Purpose, Shift, Stage};
use jiff::Timestamp;

use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A daemon dies, and is started again.
    Crash,
    /// A daemon stands still for longer than its lease lasts, and goes on.
    Standstill,
    ClockJump,
    /// A clock goes too fast, or too slowly, until somebody sets it right.
    ClockDrift,
    StoreDown,
    /// Committed, and answered as if it had not been.
    CommitUnanswered,
    /// The database lost the last second.
    Failover,
    ForeignWeight,
    ForeignDelete,
    ForeignFence,
    /// Everything as it was before, as a tool that knows nothing of the shift would write it.
    ForeignBaseline,
    MetricsError,
    MetricsMissing,
    MetricsLate,
    MetricsRestated,
    /// CloudWatch is asked, and does not answer for minutes.
    MetricsHang,
    /// An alarm goes red.
    AlarmRed,
    AlarmsUnreadable,
    /// Somebody deletes an alarm, and makes it again later.
    AlarmDeleted,
    /// CloudWatch says what state an alarm has, and that it has not seen all there is.
    AlarmDoubted,
    /// An endpoint of the `to` side does not answer as it should.
    ProbeFails,
    /// The prober has no way to the endpoints.
    ProbeUnjudged,
    /// The `to` side answers slowly, or both do.
    SlowRelease,
    /// The `to` side answers with errors.
    BadRelease,
    /// The `to` side fails its health checks, and is answered with no more.
    SickTarget,
    StaleResolvers,
    ReadFails,
    Throttled,
    Busy,
    NotSent,
    RequestLost,
    AnswerLost,
    /// No answer, and the batch lands much later.
    Late,
    /// Accepted, and then gone with the control plane's memory of it.
    Stranded,
    SlowSync,
    ChangeForgotten,
}

impl Fault {
    pub const ALL: [Fault; 36] = [
        Fault::Crash,
        Fault::Standstill,
        Fault::ClockJump,
        Fault::ClockDrift,
        Fault::StoreDown,
        Fault::CommitUnanswered,
        Fault::Failover,
        Fault::ForeignWeight,
        Fault::ForeignDelete,
        Fault::ForeignFence,
        Fault::ForeignBaseline,
        Fault::MetricsError,
        Fault::MetricsMissing,
        Fault::MetricsLate,
        Fault::MetricsRestated,
        Fault::MetricsHang,
        Fault::AlarmRed,
        Fault::AlarmsUnreadable,
        Fault::AlarmDeleted,
        Fault::AlarmDoubted,
        Fault::ProbeFails,
        Fault::ProbeUnjudged,
        Fault::SlowRelease,
        Fault::BadRelease,
        Fault::SickTarget,
        Fault::StaleResolvers,
        Fault::ReadFails,
        Fault::Throttled,
        Fault::Busy,
        Fault::NotSent,
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::Late,
        Fault::Stranded,
        Fault::SlowSync,
        Fault::ChangeForgotten,
    ];

    /// Whether it meets a batch on its way; the others come at any time.
    pub fn meets_a_batch(self) -> bool {
        self >= Fault::Throttled
    }
}

/// Where a shift can be when something goes wrong.
pub(crate) const PLACES: [&str; 10] = [
    "scheduled",
    "waiting",
    "applying",
    "propagating",
    "settling",
    "observing",
    "reverting",
    "completed",
    "reverted",
    "cancelled",
];

/// What a batch can be for when something happens to it.
pub(crate) const PURPOSES: [&str; 7] =
    ["step", "step_back", "revert", "adopt", "reassert", "stay", "release"];

pub(crate) fn place(shift: &Shift, now: Timestamp) -> &'static str {
    match shift.phase {
        Phase::Running { .. } => match shift.stage(now) {
            Stage::Waiting => "waiting",
            Stage::Applying => "applying",
            Stage::Propagating => "propagating",
            Stage::Settling => "settling",
            Stage::Observing => "observing",
        },
        Phase::Scheduled
        | Phase::Completed { .. }
        | Phase::Reverting { .. }
        | Phase::Reverted { .. }
        | Phase::Cancelled { .. } => shift.phase.as_str(),
    }
}

pub(crate) fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Step { .. } => "step",
        Purpose::StepBack { .. } => "step_back",
        Purpose::Revert => "revert",
        Purpose::Adopt => "adopt",
        Purpose::Reassert => "reassert",
        Purpose::Stay => "stay",
        Purpose::Release => "release",
    }
}

/// The faults of one run: a random part of all, each as often as chance wants it. What many faults at once would hide,
/// a run with few of them shows.
#[derive(Debug)]
pub(crate) struct Swarm {
    rates: BTreeMap<Fault, f64>,
    /// Between two faults that come by themselves, on average.
    pub(crate) gap_ms: f64,
    /// That one comes just when something is asked for.
    pub(crate) at_call: f64,
    pub(crate) on: bool,
}

impl Swarm {
    /// `calm` is how many times rarer than in the busiest lives faults come by themselves.
    pub(crate) fn new(random: &mut Random, calm: f64) -> Swarm {
        let share = random.unit();
        let mut rates = BTreeMap::new();
        for fault in Fault::ALL {
            if random.chance(share) {
                let rate = random.unit() * random.unit() * 0.6;
                // Zones are read every minute, however little else happens.
                rates.insert(fault, if fault == Fault::ReadFails { rate / calm } else { rate });
            }
        }
        let gap_ms = calm * 60_000.0 * (4.0 + 400.0 * random.unit() * random.unit());
        let at_call = if random.chance(0.5) { 0.03 * random.unit() } else { 0.0 };
        Swarm { rates, gap_ms, at_call, on: true }
    }

    /// Whether this fault happens to what is being done now.
    pub(crate) fn strikes(&self, fault: Fault, random: &mut Random) -> bool {
        self.on && self.rates.get(&fault).is_some_and(|rate| random.chance(*rate))
    }

    /// One of those that come by themselves.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<Fault> {
        let own: Vec<Fault> = self.rates.keys().copied().filter(|fault| !fault.meets_a_batch()).collect();
        if self.on { random.pick(&own) } else { None }
    }
}
