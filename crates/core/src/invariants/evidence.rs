//! What gates pass on, and fail on: I8, I9, and a part of I18.

use jiff::{SignedDuration, Timestamp};

use super::{Commit, World, seconds};
use crate::{
    Share,
    event::Happened,
    gate::{
        AlarmData, AlarmReading, AlarmState, Answer, Fetched, GateData, GateReport, LatencyData, Period,
        ProbeData, ProbeOutcome, ProbeRead,
    },
    plan::{Alarms, Errors, Gate, Latency, OnFail, Question},
    shift::{Asked, Purpose, Shift},
};

/// Data read longer ago than this say nothing about now.
const FRESH: SignedDuration = SignedDuration::from_secs(120);

/// The periods that a proof of health is made of, if they have as many times the errors allowed as `ENOUGH` says.
const NEWEST: usize = 30;
/// And of no fewer than this.
const PERIODS: usize = 5;
const ENOUGH: f64 = 10.0;

pub(super) fn i8(world: &World<'_>) -> Result<(), String> {
    judged(world, |gate, commit, at, _| {
        let (read_at, allowed) = match passed_on(gate, commit)? {
            Grounds::Errors(errors, data) => (data.fetched_at, FRESH.max(errors.error_rate.to.period() * 2)),
            Grounds::Alarms(_, data) => (data.fetched_at, FRESH),
            Grounds::Latencies(asked, data) => (data.fetched_at, FRESH.max(asked.latency.to.period() * 2)),
            Grounds::Probes(data) => (oldest(data).unwrap_or(Timestamp::MIN), FRESH),
        };
        let age = at.duration_since(read_at);
        if age > allowed {
            return Err(format!("gate {} passed on data read {:.0} s before", gate.name, seconds(age)));
        }
        Ok(())
    })
}

pub(super) fn i9(world: &World<'_>) -> Result<(), String> {
    judged(world, |gate, commit, at, flows| {
        let grounds = passed_on(gate, commit)?;
        let incomplete = match &grounds {
            Grounds::Errors(_, data) => {
                either(&data.to.incomplete, data.from.as_ref().map(|f| &f.incomplete))
            }
            Grounds::Latencies(_, data) => {
                either(&data.to.incomplete, data.from.as_ref().map(|f| &f.incomplete))
            }
            Grounds::Alarms(..) | Grounds::Probes(_) => None,
        };
        if let Some(why) = incomplete {
            return Err(format!("gate {} passed on incomplete data: {why}", gate.name));
        }
        let (errors, data) = match grounds {
            Grounds::Alarms(alarms, data) => return quiet(gate, alarms, data, &commit.before, at, flows),
            Grounds::Probes(data) => return reachable(gate, data, &commit.before, flows),
            // Where nothing flows there is nothing to be counted.
            Grounds::Errors(..) | Grounds::Latencies(..) if !flows => return Ok(()),
            Grounds::Latencies(asked, data) => return fast(gate, asked, data, &commit.before, at),
            Grounds::Errors(errors, data) => (errors, data),
        };
        let Some(settled) = commit.before.settled_at else {
            return Err(format!("gate {} passed before anything had settled", gate.name));
        };
        let (requests, _) = proven(errors, &data.to, settled, at, usize::MAX);
        if requests < errors.min_requests {
            let wanted = errors.min_requests;
            return Err(format!("gate {} passed on {requests} of {wanted} requests", gate.name));
        }
        let starts = data.to.periods.iter().map(|period| period.start);
        if !starts.is_sorted_by(|one, next| one < next) {
            return Err(format!("gate {} passed on a period that counts twice", gate.name));
        }
        let minutes =
            evidence_of(errors, &data.to, settled, at).filter(|p| p.requests.or(p.errors) > Some(0));
        let minutes = minutes.count();
        if minutes < PERIODS {
            return Err(format!("gate {} passed on {minutes} of {PERIODS} periods", gate.name));
        }
        // A proof is made of the newest half hour, and of more only where that is too little.
        let (requests, wrong) = proven(errors, &data.to, settled, at, NEWEST);
        let limit = errors.max_error_rate.ratio();
        if requests as f64 * limit >= ENOUGH && wrong as f64 > limit * requests as f64 {
            return Err(format!("gate {} passed on {wrong} errors in {requests} requests", gate.name));
        }
        Ok(())
    })
}

/// A gate that fails a shift is one of its plan's that may, does what the plan says, and rests on what was seen.
pub(super) fn failed_for_a_reason(world: &World<'_>) -> Result<(), String> {
    for commit in world.commits {
        for event in &commit.events {
            let Happened::GateFailed { gate: report, on_fail } = &event.what else { continue };
            let name = &report.name;
            let Some(gate) = commit.before.plan.gates.iter().find(|gate| gate.name == *name) else {
                return Err(format!("gate {name} failed, and there is none"));
            };
            if gate.observe_only {
                return Err(format!("gate {name} failed the shift, and is there to look on"));
            }
            // Below the first step there is nothing to step back to.
            let planned =
                gate.on_fail == *on_fail || (gate.on_fail, *on_fail) == (OnFail::StepBack, OnFail::Revert);
            if !planned {
                return Err(format!("gate {name} failed with {on_fail:?} instead of {:?}", gate.on_fail));
            }
            let reason =
                passed_on(gate, commit).is_ok_and(|grounds| speaks_against(&grounds, commit, report));
            if !reason {
                return Err(format!("gate {name} failed without a reason: {}", report.sentence));
            }
        }
    }
    Ok(())
}

/// Whether there is anything in it that a gate can fail on.
fn speaks_against(grounds: &Grounds<'_>, commit: &Commit, report: &GateReport) -> bool {
    let Some(moved) = commit.before.moved_at else { return false };
    match grounds {
        Grounds::Errors(errors, data) => {
            let period = errors.error_rate.to.period();
            let since = data.to.periods.newest_first().take_while(|p| p.start + period > moved);
            let wrong: u64 = since.filter_map(|p| p.errors).sum();
            match report.code.as_str() {
                "silence" => true,
                "blast_radius" => {
                    let budgets = errors.blast_radius.map(|budget| [budget.per_step, budget.per_shift]);
                    budgets.into_iter().flatten().flatten().min().is_some_and(|least| wrong > least)
                }
                _ => wrong >= errors.min_errors,
            }
        }
        Grounds::Alarms(asked, data) => asked.alarms.names.iter().any(|name| {
            matches!(data.alarms.get(name), Some(AlarmReading::Found { state: AlarmState::Alarm, .. }))
        }),
        Grounds::Latencies(asked, data) => {
            let period = asked.latency.to.period();
            let since = || data.to.periods.iter().filter(|timing| timing.start + period > moved);
            let ceiling = asked.max_latency.map(|span| span.0.as_secs_f64());
            let samples: u64 = since().map(|timing| timing.samples).sum();
            let slow = data.from.is_some()
                || since().any(|timing| ceiling.is_some_and(|most| timing.seconds > most));
            samples >= asked.percentile.samples_needed() && slow
        }
        Grounds::Probes(data) => data.targets.values().any(|reads| {
            let failed = |read: &&ProbeRead| matches!(read.outcome, ProbeOutcome::Failed(_));
            reads.iter().filter(|read| read.at >= moved).filter(failed).count() >= 3
        }),
    }
}

fn either<'a>(one: &'a Option<String>, other: Option<&'a Option<String>>) -> Option<&'a str> {
    one.as_deref().or_else(|| other?.as_deref())
}

/// Asks of every gate that passed when a shift went on. With it, whether the shift gave the `to` side any traffic: where
/// nothing flows there is no evidence, as before the first step, but what alarms and probes say counts.
fn judged(
    world: &World<'_>,
    ask: impl Fn(&Gate, &Commit, Timestamp, bool) -> Result<(), String>,
) -> Result<(), String> {
    for commit in world.commits {
        let before = &commit.before;
        let waived = matches!(before.asked, Some(Asked::Advance { .. }));
        for event in &commit.events {
            let goes_on = matches!(
                event.what,
                Happened::Completed {} | Happened::Intended { purpose: Purpose::Step { .. }, .. }
            );
            let flows = flows(before);
            if goes_on && !waived {
                for gate in before.plan.gates.iter().filter(|gate| !gate.observe_only) {
                    ask(gate, commit, event.at, flows)?;
                }
            }
        }
    }
    Ok(())
}

/// Whether the shift gives the `to` side any traffic, or has taken over what somebody else gives it.
pub(super) fn flows(shift: &Shift) -> bool {
    let baseline = shift.share_of(&shift.baseline_weights()).unwrap_or(Share::ZERO);
    shift.landed > if shift.moved_at.is_some() { Share::ZERO } else { baseline }
}

/// What a gate asked, and was answered when it passed.
enum Grounds<'a> {
    Errors(&'a Errors, &'a GateData),
    Alarms(&'a Alarms, &'a AlarmData),
    Latencies(&'a Latency, &'a LatencyData),
    Probes(&'a ProbeData),
}

fn passed_on<'a>(gate: &'a Gate, commit: &'a Commit) -> Result<Grounds<'a>, String> {
    let answer = commit.gates.get(&gate.name);
    let grounds = match &gate.question {
        Question::Errors(errors) => answer.and_then(Answer::counts).map(|data| Grounds::Errors(errors, data)),
        Question::Latency(asked) => {
            answer.and_then(Answer::latencies).map(|data| Grounds::Latencies(asked, data))
        }
        Question::Alarms(alarms) => answer.and_then(Answer::alarms).map(|data| Grounds::Alarms(alarms, data)),
        Question::Probe(_) => answer.and_then(Answer::probes).map(Grounds::Probes),
    };
    grounds.ok_or_else(|| format!("gate {} passed without any data", gate.name))
}

/// Every alarm was read after the traffic had settled, and was not red; or its red is older than the traffic, and
/// acknowledged. Without traffic an alarm need not have data.
fn quiet(
    gate: &Gate,
    asked: &Alarms,
    data: &AlarmData,
    before: &Shift,
    at: Timestamp,
    flows: bool,
) -> Result<(), String> {
    if flows && before.settled_at.is_none_or(|settled| data.fetched_at < settled) {
        return Err(format!("gate {} passed on alarms read before anything had settled", gate.name));
    }
    for name in &asked.alarms.names {
        let fine = match data.alarms.get(name) {
            Some(AlarmReading::Found { state: AlarmState::Ok, doubt, .. }) => doubt.is_none(),
            Some(AlarmReading::Found { state: AlarmState::Alarm, since, .. }) => {
                let newest = [before.moved_at, before.settled_at, before.resumed_at, before.evidence_from];
                let old = !flows
                    || since.is_some_and(|since| newest.into_iter().flatten().any(|moved| since < moved));
                let acknowledged = &mut asked.alarms.acknowledged.iter();
                old && acknowledged.any(|one| one.name == *name && at < one.until.timestamp())
            }
            Some(AlarmReading::Found { state: AlarmState::InsufficientData, doubt, .. }) => {
                !flows && doubt.is_none()
            }
            Some(AlarmReading::NoSuchAlarm | AlarmReading::Unreadable(_)) | None => false,
        };
        if !fine {
            return Err(format!("gate {} passed on alarm {name}: {:?}", gate.name, data.alarms.get(name)));
        }
    }
    Ok(())
}

/// When the target that was probed the longest ago was last probed. `None` where one never was, or there is none.
fn oldest(data: &ProbeData) -> Option<Timestamp> {
    let newest = data.targets.values().map(|reads| reads.last().map(|read| read.at));
    newest.min().flatten()
}

/// There were targets, and the newest probe of each was fine, after the traffic had settled.
fn reachable(gate: &Gate, data: &ProbeData, before: &Shift, flows: bool) -> Result<(), String> {
    let unsettled = |at| flows && before.settled_at.is_none_or(|settled| at < settled);
    if oldest(data).is_none_or(unsettled) {
        return Err(format!(
            "gate {} passed without a probe of every target since it had settled",
            gate.name
        ));
    }
    for (target, reads) in &data.targets {
        let newest = reads.last().map(|read| &read.outcome);
        if !matches!(newest, Some(ProbeOutcome::Fine)) {
            return Err(format!(
                "gate {} passed on {} at {}: {newest:?}",
                gate.name, target.name, target.host
            ));
        }
    }
    Ok(())
}

/// Everything was read, and the settled step had samples enough, not all of them in periods above the ceiling.
fn fast(
    gate: &Gate,
    asked: &Latency,
    data: &LatencyData,
    before: &Shift,
    at: Timestamp,
) -> Result<(), String> {
    let Some(settled) = before.settled_at else {
        return Err(format!("gate {} passed before anything had settled", gate.name));
    };
    let closed = asked.latency.to.period() + asked.metric_delay.0;
    let counted = |start: Timestamp| start >= settled && start + closed <= at;
    let proof: Vec<_> =
        data.to.periods.iter().rev().filter(|timing| counted(timing.start)).take(60).collect();
    let samples: u64 = proof.iter().map(|timing| timing.samples).sum();
    let needed = asked.percentile.samples_needed();
    if samples < needed {
        return Err(format!("gate {} passed on {samples} of {needed} requests", gate.name));
    }
    let ceiling = asked.max_latency.map_or(f64::INFINITY, |span| span.0.as_secs_f64());
    if asked.latency.from.is_none() && proof.iter().all(|timing| timing.seconds > ceiling) {
        return Err(format!("gate {} passed though every period was above {ceiling} s", gate.name));
    }
    Ok(())
}

/// Requests and errors in the periods that count as evidence: begun after it settled, and over for long enough.
fn proven(gate: &Errors, side: &Fetched, settled: Timestamp, at: Timestamp, newest: usize) -> (u64, u64) {
    let counted = evidence_of(gate, side, settled, at).take(newest);
    counted.fold((0, 0), |(requests, errors), p| {
        let wrong = p.errors.unwrap_or(0);
        (requests + p.requests.unwrap_or(0).max(wrong), errors + wrong)
    })
}

/// The newest first.
fn evidence_of<'a>(
    gate: &Errors,
    side: &'a Fetched,
    settled: Timestamp,
    at: Timestamp,
) -> impl Iterator<Item = &'a Period> {
    let closed = gate.error_rate.to.period() + gate.metric_delay.0;
    side.periods.newest_first().filter(move |p| p.start >= settled && p.start + closed <= at)
}
