//! What it takes to go up: I6 to I11, and I15.

use jiff::{SignedDuration, Timestamp};

use super::{Commit, World, is_person, seconds};
use crate::{
    batch::members,
    event::Happened,
    fence::{self, Fence},
    gate::{
        AlarmData, AlarmReading, AlarmState, Answer, Fetched, GateData, LatencyData, ProbeData, ProbeOutcome,
        Verdict,
    },
    plan::{Alarms, Errors, Gate, Latency, Question, Step},
    shift::{Asked, Cause, Purpose, Shift, ZoneStage},
    weights::share_of,
};

/// How long a daemon may go on without having heard of a pause: the time for which it trusts its lease.
const HEARD_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// Data read longer ago than this say nothing about now.
const FRESH: SignedDuration = SignedDuration::from_secs(120);

/// The periods that a proof of health is made of, if they have as many times the errors allowed as `ENOUGH` says.
const NEWEST: usize = 30;
const ENOUGH: f64 = 10.0;

/// What was sent before somebody paused may land after it; nothing more is sent.
pub(super) fn i6(world: &World<'_>) -> Result<(), String> {
    for (index, step) in world.steps() {
        let holds: Vec<&str> = step.commit.before.holds.values().map(|hold| hold.code.as_str()).collect();
        if !holds.is_empty() {
            return Err(format!("step {} was intended while held: {}", index + 1, holds.join(", ")));
        }
    }
    for sent in world.sent {
        let Some(write) = &sent.shift.write else { continue };
        if sent.shift.is_frozen() {
            return Err(format!("write {} was sent while frozen", sent.generation));
        }
        // A step that has landed in one zone is finished in the others: halves are worse than either.
        let begun = write.zones.values().any(|zone| zone.stage != ZoneStage::Intended);
        if !matches!(write.purpose, Purpose::Step { .. }) || begun {
            continue;
        }
        if sent.shift.holds.contains_key(&Cause::Operator) {
            return Err(format!("step {} was sent while paused", write.share));
        }
        if let Some(paused) =
            sent.paused_since.filter(|paused| sent.at.duration_since(*paused) > HEARD_WITHIN)
        {
            let late = seconds(sent.at.duration_since(paused));
            return Err(format!("step {} was sent {late:.1} s after a pause", write.share));
        }
    }
    Ok(())
}

/// A person's `advance` waives what the gates cannot say yet, not what they say.
pub(super) fn i7(world: &World<'_>) -> Result<(), String> {
    for (index, step) in world.steps() {
        let before = &step.commit.before;
        let waived = matches!(before.asked, Some(Asked::Advance { .. }));
        let enough = |verdict| verdict == Verdict::Pass || (waived && verdict == Verdict::Wait);
        if step.gates.len() != before.plan.gates.len() || !step.gates.iter().all(|gate| enough(gate.verdict))
        {
            let said: Vec<String> =
                step.gates.iter().map(|gate| format!("{} {:?}", gate.name, gate.verdict)).collect();
            return Err(format!("step {} was intended on [{}]", index + 1, said.join(", ")));
        }
        if before.plan.step(index).is_none_or(|planned| planned.share != step.share) {
            return Err(format!("step {} leads to {}, which is not the plan's", index + 1, step.share));
        }
    }
    for intended in world.intents() {
        let person = match (&intended.commit.before.asked, intended.purpose) {
            (Some(Asked::Adopt { by }), Purpose::Adopt)
            | (Some(Asked::Reassert { by }), Purpose::Reassert) => {
                is_person(&crate::event::Actor(by.clone()))
            }
            // The same write with a higher number, because a fence shows one that was forgotten.
            (_, Purpose::Adopt | Purpose::Reassert) => {
                let open = intended.commit.before.write.as_ref();
                open.is_some_and(|write| write.purpose == intended.purpose)
            }
            (
                _,
                Purpose::Step { .. }
                | Purpose::StepBack { .. }
                | Purpose::Revert
                | Purpose::Stay
                | Purpose::Release,
            ) => true,
        };
        if !person {
            return Err(format!(
                "write {} takes or overwrites a zone, and nobody asked for it",
                intended.generation
            ));
        }
    }
    for landed in world.landed {
        let share = |sets| landed.shift.share_of(&weights(&landed.shift, sets, &landed.batch.zone));
        let rises = share(&landed.after) > share(&landed.before);
        if rises && matches!(landed.purpose(), Some(Purpose::StepBack { .. } | Purpose::Stay)) {
            return Err(format!("write {} is to go down, and went up", landed.generation));
        }
        if rises && !landed.saved && landed.purpose() != Some(Purpose::Revert) {
            return Err(format!("write {} went up before it was written down", landed.generation));
        }
    }
    Ok(())
}

pub(super) fn i8(world: &World<'_>) -> Result<(), String> {
    judged(world, |gate, commit, at| {
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
    judged(world, |gate, commit, at| {
        let (errors, data) = match passed_on(gate, commit)? {
            Grounds::Errors(errors, data) => (errors, data),
            Grounds::Alarms(alarms, data) => return quiet(gate, alarms, data, &commit.before, at),
            Grounds::Latencies(asked, data) => return fast(gate, asked, data, &commit.before, at),
            Grounds::Probes(data) => return reachable(gate, data, &commit.before),
        };
        for side in std::iter::once(&data.to).chain(&data.from) {
            if let Some(why) = &side.incomplete {
                return Err(format!("gate {} passed on incomplete data: {why}", gate.name));
            }
        }
        let Some(settled) = commit.before.settled_at else {
            return Err(format!("gate {} passed before anything had settled", gate.name));
        };
        let (requests, _) = proven(errors, &data.to, settled, at, usize::MAX);
        if requests < errors.min_requests {
            let wanted = errors.min_requests;
            return Err(format!("gate {} passed on {requests} of {wanted} requests", gate.name));
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

pub(super) fn i10(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed.iter().filter(|landed| matches!(landed.purpose(), Some(Purpose::Step { .. })))
    {
        let before = weights(&landed.shift, &landed.before, &landed.batch.zone);
        let after = weights(&landed.shift, &landed.after, &landed.batch.zone);
        let share = |members| share_of(members, &landed.shift.plan.to);
        if let Some((group, _)) =
            after.iter().find(|(group, members)| share(members) < before.get(group).and_then(share))
        {
            return Err(format!("step {} lowered {group}", landed.generation));
        }
    }
    for (index, step) in world.steps() {
        let before = &step.commit.before;
        if before.next_step() != Some(index) {
            return Err(format!("step {} was intended, and {:?} was next", index + 1, before.next_step()));
        }
        // The first step leads away from the baseline, which may be the step's own share.
        if index > 0 && step.share <= before.landed {
            return Err(format!("step {} to {} was intended at {}", index + 1, step.share, before.landed));
        }
        let below = before.plan.ramp.steps.get(..index).unwrap_or_default();
        // A share read from a zone may be a step's own, rounded.
        let skips = |step: &&Step| step.share.percent() - before.landed.percent() > 0.5;
        if let Some(skipped) = below.iter().find(skips).filter(|_| before.has_written()) {
            return Err(format!(
                "step {} was intended at {}, past {}",
                index + 1,
                before.landed,
                skipped.share
            ));
        }
    }
    Ok(())
}

/// By the clock of the daemon that decided; how wrong it may be is the gate's matter, which misses datapoints then.
pub(super) fn i11(world: &World<'_>) -> Result<(), String> {
    for commit in world.commits {
        let before = &commit.before;
        let Some(next) = before.next_step() else { continue };
        for event in &commit.events {
            let goes_on = matches!(
                event.what,
                Happened::Completed {} | Happened::Intended { purpose: Purpose::Step { .. }, .. }
            );
            if !goes_on || before.moved_at.is_none() {
                continue;
            }
            let Some(settled) = before.settled_at else {
                return Err(format!("it went on from {} before it had settled", before.landed));
            };
            let hold = if next >= before.plan.ramp.steps.len() {
                before.plan.bake()
            } else {
                next.checked_sub(1).map_or(SignedDuration::ZERO, |present| before.plan.hold(present))
            };
            let waived = matches!(before.asked, Some(Asked::Advance { .. }));
            let due = if waived { settled } else { settled + hold };
            if event.at < due {
                let early = seconds(due.duration_since(event.at));
                return Err(format!("it went on from {} {early:.0} s too early", before.landed));
            }
        }
        settled_late_enough(commit)?;
    }
    Ok(())
}

pub(super) fn i15(world: &World<'_>) -> Result<(), String> {
    for landed in world.landed {
        if !matches!(landed.purpose(), Some(Purpose::Step { .. } | Purpose::Stay)) {
            continue;
        }
        // The fence alone, put there before the records are given up as they are.
        if landed.batch.changes.iter().all(|change| change.set.record_type == "TXT") {
            continue;
        }
        let Some(known) = landed.shift.known.get(&landed.batch.zone) else {
            return Err(format!("step {} landed on a zone that nobody had looked at", landed.generation));
        };
        for group in landed.shift.groups.iter().filter(|group| group.zone == landed.batch.zone) {
            let sorted = |sets| {
                let mut sets: Vec<_> = members(sets, group).collect();
                sets.sort_by_key(|set| set.set_identifier());
                sets
            };
            if sorted(&landed.before) != sorted(&known.sets) {
                return Err(format!(
                    "write {} landed on an edit of {group} by somebody else",
                    landed.generation
                ));
            }
        }
        for name in landed.shift.names(&landed.batch.zone) {
            let found =
                fence::find(&landed.before, &name).and_then(Fence::decode).map(|fence| fence.generation);
            if found != known.generation {
                let (number, left) = (landed.generation, known.generation);
                return Err(format!("write {number} landed on fence {found:?} instead of {left:?}"));
            }
        }
    }
    Ok(())
}

/// Asks of every gate that passed when a shift went on from traffic that it had moved.
fn judged(
    world: &World<'_>,
    ask: impl Fn(&Gate, &Commit, Timestamp) -> Result<(), String>,
) -> Result<(), String> {
    for commit in world.commits {
        let before = &commit.before;
        let waived = matches!(before.asked, Some(Asked::Advance { .. }));
        for event in &commit.events {
            let goes_on = matches!(
                event.what,
                Happened::Completed {} | Happened::Intended { purpose: Purpose::Step { .. }, .. }
            );
            // Where nothing flows there is no evidence, as before the first step.
            let flows = before.landed > crate::Share::ZERO;
            if goes_on && before.moved_at.is_some() && flows && !waived {
                for gate in before.plan.gates.iter().filter(|gate| !gate.observe_only) {
                    ask(gate, commit, event.at)?;
                }
            }
        }
    }
    Ok(())
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
/// acknowledged.
fn quiet(gate: &Gate, asked: &Alarms, data: &AlarmData, before: &Shift, at: Timestamp) -> Result<(), String> {
    if before.settled_at.is_none_or(|settled| data.fetched_at < settled) {
        return Err(format!("gate {} passed on alarms read before anything had settled", gate.name));
    }
    for name in &asked.alarms.names {
        let fine = match data.alarms.get(name) {
            Some(AlarmReading::Found { state: AlarmState::Ok, doubt, .. }) => doubt.is_none(),
            Some(AlarmReading::Found { state: AlarmState::Alarm, since, .. }) => {
                let newest = [before.moved_at, before.settled_at, before.resumed_at, before.evidence_from];
                let old = since.is_some_and(|since| newest.into_iter().flatten().any(|moved| since < moved));
                old && asked.alarms.acknowledgement(name, at).is_some()
            }
            Some(AlarmReading::Found { state: AlarmState::InsufficientData, .. })
            | Some(AlarmReading::NoSuchAlarm | AlarmReading::Unreadable(_))
            | None => false,
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
fn reachable(gate: &Gate, data: &ProbeData, before: &Shift) -> Result<(), String> {
    if oldest(data).is_none_or(|at| before.settled_at.is_none_or(|settled| at < settled)) {
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
    for side in std::iter::once(&data.to).chain(&data.from) {
        if let Some(why) = &side.incomplete {
            return Err(format!("gate {} passed on incomplete data: {why}", gate.name));
        }
    }
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
    let period = gate.error_rate.to.period();
    let counted = |start: Timestamp| start >= settled && start + period + gate.metric_delay.0 <= at;
    let counted = side.periods.newest_first().filter(|p| counted(p.start)).take(newest);
    counted.fold((0, 0), |(requests, errors), p| {
        let wrong = p.errors.unwrap_or(0);
        (requests + p.requests.unwrap_or(0).max(wrong), errors + wrong)
    })
}

fn settled_late_enough(commit: &Commit) -> Result<(), String> {
    let Some(write) = &commit.before.write else { return Ok(()) };
    for event in &commit.events {
        let Happened::Confirmed { settled_at, sets, .. } = &event.what else { continue };
        let in_sync = write.zones.values().filter_map(|zone| match zone.stage {
            ZoneStage::InSync { at } => Some(at),
            ZoneStage::Intended | ZoneStage::Accepted { .. } => None,
        });
        let ttl = sets.values().flatten().map(crate::RecordSet::cached_seconds).max().unwrap_or(0);
        let cached = SignedDuration::from_secs(i64::from(ttl)) + commit.before.plan.settle_margin.0;
        let due = in_sync.max().map(|at| at + cached);
        if due.is_none_or(|due| *settled_at < due) {
            return Err(format!(
                "write {} is said to settle at {settled_at}, and may not before {due:?}",
                write.generation
            ));
        }
    }
    Ok(())
}

fn weights(shift: &Shift, sets: &[crate::RecordSet], zone: &crate::ZoneId) -> crate::batch::GroupWeights {
    let groups = shift.groups.iter().filter(|group| group.zone == *zone);
    groups.map(|group| (group.clone(), crate::batch::weights_of(sets, group))).collect()
}
