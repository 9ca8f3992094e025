//! Metrics, alarms and probes: what every gate wants, read in as few calls as there can be, and kept between reads.
//!
//! The newest minutes are read again and again, because CloudWatch publishes late and corrects itself; what is older
//! is read once.

mod alarms;
mod probes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crossfade_core::{
    gate::{
        self, AlarmQuery, Answer, Fetched, GateData, LatencyData, MetricQuery, Point, Series, Timed,
        alarm_queries, latency_queries, periods, queries, timings,
    },
    plan::{Errors, Gate, Latency, Question, Source},
    shift::Shift,
};
use crossfade_ports::{Accounts, Metrics};
use jiff::{SignedDuration, Timestamp};

use self::alarms::KeptAlarms;
pub(crate) use self::probes::{KeptProbes, want_probes};
use crate::slot::Slot;

/// How far back every read goes. Load balancers' datapoints are corrected for some minutes;
/// <https://github.com/prometheus/cloudwatch_exporter> waits ten for most of them.
const READ_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Evidence is older than this only in steps that nobody waits for, and says nothing that newer does not.
const EVIDENCE: SignedDuration = SignedDuration::from_hours(24);

/// A shift's budget of failed requests remembers as long as CloudWatch keeps minutes, less a day. So does what is
/// measured by nothing but the `from` side, which is no longer what it usually was once the traffic has left it.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>
const LONG: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Older evidence is dropped so much at a time, because what follows from all of it has to be worked out anew then.
const DROPPED: SignedDuration = SignedDuration::from_hours(12);

/// Before the first step: what is usual on the legacy side, with quiet minutes and busy ones.
const USUAL: SignedDuration = SignedDuration::from_mins(60);

/// Periods that make up what is usual.
const USUAL_PERIODS: i32 = 60;

/// CloudWatch keeps periods of less than a minute for three hours, and refuses to be asked for older ones.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const SHORT_PERIODS_KEPT: SignedDuration = SignedDuration::from_mins(3 * 60 - 5);

#[derive(Default)]
pub(crate) struct Evidence {
    known: Mutex<Known>,
    alarms: KeptAlarms,
    /// Asked beside the others: an endpoint that hangs must not keep metrics from being read.
    pub(crate) probes: KeptProbes,
}

#[derive(Default)]
struct Known {
    kept: BTreeMap<Key, Kept>,
    /// Rises whenever anything was read.
    reads: u64,
}

/// What a slot has taken over: the periods of each source its gates name.
#[derive(Default)]
pub(crate) struct Taken {
    /// The newest read, and the plan's revision, that it is of.
    of: Option<(u64, u32)>,
    sides: BTreeMap<Source, Side>,
}

#[derive(Default)]
struct Side {
    series: Series,
    /// The read of each query that is in it.
    reads: Vec<u64>,
    from: Option<Timestamp>,
}

/// What the active shifts want.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Each with the time from which on.
    series: BTreeMap<Key, Timestamp>,
    /// By account.
    alarms: BTreeSet<(String, AlarmQuery)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    account: String,
    query: MetricQuery,
}

struct Kept {
    /// Everything from here on has been read at least once.
    from: Timestamp,
    read_at: Timestamp,
    /// When an answer was last complete.
    complete_at: Option<Timestamp>,
    points: BTreeMap<Timestamp, f64>,
    incomplete: Option<String>,
    /// The number of the newest read, and of the one before it; 0 for none.
    read: u64,
    read_before: u64,
    /// Where the newest read began: what is older is as it was before.
    since: Timestamp,
}

impl Evidence {
    /// Puts what is known into the slot's observation, if anything was read since.
    pub(crate) fn fill(&self, slot: &mut Slot) {
        // Its targets are what the zones have, which may have been read since.
        self.probes.fill(&slot.shift, &mut slot.seen);
        let known = self.known();
        let of = Some((known.reads, slot.shift.revision));
        if slot.taken.of == of {
            return;
        }
        slot.taken.of = of;
        for gate in &slot.shift.plan.gates {
            let account = &slot.shift.plan.account;
            let answer = match &gate.question {
                Question::Errors(errors) => {
                    let side = |source: &_| side(&known.kept, account, source, &mut slot.taken.sides);
                    counts(errors, side).map(Answer::Counts)
                }
                Question::Latency(asked) => latencies(&known.kept, account, asked).map(Answer::Latencies),
                Question::Alarms(asked) => self.alarms.answer(account, asked).map(Answer::Alarms),
                Question::Probe(_) => continue,
            };
            if let Some(answer) = answer {
                slot.seen.gates.insert(gate.name.clone(), answer);
            }
        }
    }

    /// What is known of what the tail of a shift is seen by, by the gate's name.
    pub(crate) fn of_tail(&self, shift: &Shift) -> BTreeMap<String, Answer> {
        let known = self.known();
        let mut sides = BTreeMap::new();
        let seen = gate::losing(shift).and_then(|losing| {
            let side = |source: &_| side(&known.kept, &shift.plan.account, source, &mut sides);
            Some((losing.gate.to_owned(), Answer::Counts(counts(losing.errors, side)?)))
        });
        seen.into_iter().collect()
    }

    /// Reads what is wanted of an account, and forgets what no longer is. Whether all of it could be read.
    pub(crate) async fn read(
        &self,
        account: &str,
        wanted: Wanted,
        accounts: &Accounts,
        now: Timestamp,
    ) -> bool {
        let Wanted { series, alarms } = wanted;
        self.retain(account, |key| series.contains_key(key));
        self.alarms.retain(account, |key| alarms.contains(key));
        let Some(metrics) = accounts.get(account).map(|account| &*account.metrics) else { return false };
        let (series, alarms) = tokio::join!(
            self.read_series(account, series, metrics, now),
            self.alarms.read(account, alarms, metrics, now)
        );
        self.known().reads += 1;
        series && alarms
    }

    /// Nothing is wanted of the account any more.
    pub(crate) fn forget(&self, account: &str) {
        self.retain(account, |_| false);
        self.alarms.retain(account, |_| false);
    }

    fn retain(&self, account: &str, wanted: impl Fn(&Key) -> bool) {
        self.known().kept.retain(|key, _| key.account != account || wanted(key));
    }

    /// Whether all of it could be read.
    async fn read_series(
        &self,
        account: &str,
        wanted: BTreeMap<Key, Timestamp>,
        metrics: &dyn Metrics,
        now: Timestamp,
    ) -> bool {
        let mut all = true;
        let mut reads: BTreeMap<Timestamp, Vec<MetricQuery>> = BTreeMap::new();
        {
            let kept = &self.known().kept;
            for (key, from) in &wanted {
                let again =
                    READ_AGAIN.max(SignedDuration::from_secs(i64::from(key.query.period_seconds)) * 10);
                let known = kept.get(key).filter(|kept| kept.from <= *from);
                // What came before the last complete answer is known, whatever has been missing since.
                let since =
                    known.and_then(|kept| kept.complete_at).map_or(*from, |at| (at - again).max(*from));
                let since = since.max(oldest_kept(&key.query, now));
                reads.entry(since).or_default().push(key.query.clone());
            }
        }
        for (since, queries) in reads {
            let answers = metrics.read(&queries, since, now).await;
            all &= answers.values().all(|series| series.incomplete.is_none());
            let mut known = self.known();
            known.reads += 1;
            let number = known.reads;
            for (query, series) in answers {
                if let Some(why) = &series.incomplete {
                    tracing::warn!(
                        metric.name = query.metric,
                        metric.namespace = query.namespace,
                        why,
                        "metrics are incomplete"
                    );
                }
                let key = Key { account: account.to_owned(), query };
                let from = wanted.get(&key).copied().unwrap_or(since);
                let entry = known.kept.entry(key).or_insert_with(|| Kept {
                    from,
                    read_at: now,
                    complete_at: None,
                    points: BTreeMap::new(),
                    incomplete: None,
                    read: 0,
                    read_before: 0,
                    since,
                });
                entry.read_at = now;
                (entry.read_before, entry.read) = (entry.read, number);
                entry.since = series.points.iter().map(|point| point.at).min().unwrap_or(since).min(since);
                if series.incomplete.is_none() {
                    entry.from = from;
                    entry.complete_at = Some(now);
                    // What a complete answer does not have is not there any more.
                    entry.points.retain(|at, _| *at >= from && *at < since);
                }
                entry.points.extend(series.points.iter().map(|point| (point.at, point.value)));
                entry.incomplete = series.incomplete;
            }
        }
        all
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty() && self.alarms.is_empty()
    }

    /// What is wanted of this account.
    pub(crate) fn of(&self, account: &str) -> Wanted {
        let series = self.series.iter().filter(|(key, _)| key.account == account);
        let alarms = self.alarms.iter().filter(|(of, _)| of == account);
        Wanted {
            series: series.map(|(key, from)| (key.clone(), *from)).collect(),
            alarms: alarms.cloned().collect(),
        }
    }
}

/// Adds what the shift's gates want.
pub(crate) fn want(wanted: &mut Wanted, shift: &Shift, now: Timestamp) {
    if shift.next_step().is_none() {
        return;
    }
    for gate in &shift.plan.gates {
        let account = &shift.plan.account;
        // Sources, each with what is asked of it, and how late their datapoints are.
        let (asked, delay): (Vec<_>, _) = match &gate.question {
            Question::Errors(errors) => {
                (sources(errors).map(|source| (source, queries(source))).collect(), errors.metric_delay)
            }
            Question::Latency(latency) => (
                latency
                    .sources()
                    .map(|source| (source, latency_queries(source, latency.percentile)))
                    .collect(),
                latency.metric_delay,
            ),
            Question::Probe(_) => continue,
            Question::Alarms(alarms) => {
                wanted.alarms.extend(alarm_queries(alarms).map(|query| (account.clone(), query)));
                continue;
            }
        };
        for (source, queries) in asked {
            let period = source.period();
            let moved = shift.moved_at.map_or(now, |moved_at| moved_at.max(oldest_evidence(gate, now)));
            let from = moved - USUAL.max(period * USUAL_PERIODS) - delay.0 - period;
            want_source(wanted, account, source, queries, from);
        }
    }
}

/// Adds what the tail of a shift is seen by.
pub(crate) fn want_tail(wanted: &mut Wanted, shift: &Shift, now: Timestamp) {
    let Some(losing) = gate::losing(shift) else { return };
    for source in sources(losing.errors) {
        want_source(wanted, &shift.plan.account, source, queries(source), losing.read_from(now));
    }
}

fn want_source(
    wanted: &mut Wanted,
    account: &str,
    source: &Source,
    queries: Vec<MetricQuery>,
    from: Timestamp,
) {
    // Whole periods, so that the queries of many shifts share their reads.
    let aligned = from.as_second() - from.as_second().rem_euclid(source.period().as_secs().max(1));
    let from = Timestamp::from_second(aligned).unwrap_or(from);
    for query in queries {
        let key = Key { account: account.to_owned(), query };
        earliest(&mut wanted.series, key, from);
    }
}

/// As old as datapoints of this length may be asked for. Those that were read before they grew older stay known.
fn oldest_kept(query: &MetricQuery, now: Timestamp) -> Timestamp {
    if query.period_seconds < 60 { now - SHORT_PERIODS_KEPT } else { Timestamp::MIN }
}

/// Adds what others want.
pub(crate) fn merge(wanted: &mut Wanted, more: &Wanted) {
    for (key, from) in &more.series {
        earliest(&mut wanted.series, key.clone(), *from);
    }
    wanted.alarms.extend(more.alarms.iter().cloned());
}

fn earliest(series: &mut BTreeMap<Key, Timestamp>, key: Key, from: Timestamp) {
    let since = series.entry(key).or_insert(from);
    *since = (*since).min(from);
}

/// The shortest period in which anything is wanted.
pub(crate) fn shortest_period(wanted: &Wanted) -> Option<Duration> {
    wanted.series.keys().map(|key| Duration::from_secs(u64::from(key.query.period_seconds))).min()
}

fn sources(gate: &Errors) -> impl Iterator<Item = &Source> {
    std::iter::once(&gate.error_rate.to).chain(&gate.error_rate.from)
}

/// Evidence goes back to here: further than [`EVIDENCE`] or [`LONG`], by less than [`DROPPED`].
fn oldest_evidence(gate: &Gate, now: Timestamp) -> Timestamp {
    let oldest = (now - if remembers_long(gate) { LONG } else { EVIDENCE }).as_second();
    Timestamp::from_second(oldest - oldest.rem_euclid(DROPPED.as_secs())).unwrap_or(Timestamp::MIN)
}

pub(crate) fn remembers_long(gate: &Gate) -> bool {
    match &gate.question {
        Question::Errors(errors) => errors.blast_radius.is_some_and(|budget| budget.per_shift.is_some()),
        Question::Latency(asked) => asked.max_latency.is_none(),
        Question::Alarms(_) | Question::Probe(_) => false,
    }
}

/// `None` until both sides have been read.
fn counts(asked: &Errors, mut side: impl FnMut(&Source) -> Option<(Fetched, Timestamp)>) -> Option<GateData> {
    let (to, read) = side(&asked.error_rate.to)?;
    let Some(source) = &asked.error_rate.from else {
        return Some(GateData { fetched_at: read, to, from: None });
    };
    let (from, other) = side(source)?;
    Some(GateData { fetched_at: read.min(other), to, from: Some(from) })
}

/// Likewise.
fn latencies(kept: &BTreeMap<Key, Kept>, account: &str, asked: &Latency) -> Option<LatencyData> {
    let (to, read) = timed(kept, account, asked, &asked.latency.to)?;
    let Some(source) = &asked.latency.from else {
        return Some(LatencyData { fetched_at: read, to, from: None });
    };
    let (from, other) = timed(kept, account, asked, source)?;
    Some(LatencyData { fetched_at: read.min(other), to, from: Some(from) })
}

/// A source's latencies, and when the older of its series was read.
fn timed(
    kept: &BTreeMap<Key, Kept>,
    account: &str,
    asked: &Latency,
    source: &Source,
) -> Option<(Timed, Timestamp)> {
    let mut series = BTreeMap::new();
    let (mut read_at, mut incomplete) = (Timestamp::MAX, None);
    for query in latency_queries(source, asked.percentile) {
        let key = Key { account: account.to_owned(), query };
        let found = kept.get(&key)?;
        read_at = read_at.min(found.read_at);
        incomplete = incomplete.or_else(|| found.incomplete.clone());
        let points = found.points.iter().map(|(at, value)| Point { at: *at, value: *value }).collect();
        series.insert(key.query, points);
    }
    Some((Timed { periods: timings(source, asked.percentile, &series), incomplete }, read_at))
}

/// A source's periods, with only what was read since they were last asked for put together anew.
fn side(
    kept: &BTreeMap<Key, Kept>,
    account: &str,
    source: &Source,
    sides: &mut BTreeMap<Source, Side>,
) -> Option<(Fetched, Timestamp)> {
    let mut found = Vec::new();
    for query in queries(source) {
        let key = Key { account: account.to_owned(), query };
        found.push((kept.get(&key)?, key.query));
    }
    let read_at = found.iter().map(|(kept, _)| kept.read_at).min()?;
    let incomplete = found.iter().find_map(|(kept, _)| kept.incomplete.clone());
    let from = found.iter().map(|(kept, _)| kept.from).max()?;
    if !sides.contains_key(source) {
        sides.insert(source.clone(), Side::default());
    }
    let side = sides.get_mut(source)?;
    let reads: Vec<u64> = found.iter().map(|(kept, _)| kept.read).collect();
    if side.reads != reads || side.from != Some(from) {
        let next = side.reads.len() == reads.len()
            && side
                .reads
                .iter()
                .zip(&found)
                .all(|(read, (now, _))| [now.read, now.read_before].contains(read));
        // What is there no longer goes first: a side that begins later is another one.
        let since = if next && side.from.is_some_and(|before| before <= from) {
            found.iter().map(|(kept, _)| kept.since).min()?
        } else {
            Timestamp::MIN
        };
        let newest = |kept: &Kept| {
            kept.points.range(since..).map(|(at, value)| Point { at: *at, value: *value }).collect()
        };
        let series = found.iter().map(|(kept, query)| (query.clone(), newest(kept))).collect();
        side.series.put(since, periods(source, &series));
        side.series.forget_before(from);
        (side.reads, side.from) = (reads, Some(from));
    }
    Some((Fetched { periods: side.series.clone(), incomplete }, read_at))
}

#[cfg(test)]
mod tests {
    use crossfade_core::{
        event::Actor,
        plan::{Format, parse},
        shift::{Command, command, create},
    };

    use super::*;

    /// When a latency gate with this key has moved all traffic three days ago: how many hours its reads go back.
    fn hours_read(key: &str) -> i64 {
        let plan = format!(
            "name: www\nrecords: [{{ zone: Z1, name: www.example.com, types: [A] }}]\nfrom: {{ legacy: 1 }}\n\
             to: {{ cloud: 1 }}\nramp: {{ steps: [100], hold: 1h, bake: 96h }}\ngates:\n  - name: latency\n    \
             latency: {{ to: {{ preset: alb, load_balancer: app/cloud/1 }}, \
             from: {{ preset: alb, load_balancer: app/legacy/1 }} }}\n{key}"
        );
        let now: Timestamp = "2026-12-04T09:00:00Z".parse().unwrap();
        let (plan, ada) = (parse(&plan, Format::Yaml).unwrap(), Actor("ada".to_owned()));
        let group = "Z1/www.example.com/A".to_owned().try_into().unwrap();
        let (created, _) = create(plan, vec![group], &ada, None, now).unwrap();
        let (mut shift, _) = command(&created, Command::Start, &ada, None, now).unwrap();
        shift.moved_at = Some(now - SignedDuration::from_hours(72));
        let mut wanted = Wanted::default();
        want(&mut wanted, &shift, now);
        wanted.series.values().map(|from| now.duration_since(*from).as_hours()).max().unwrap()
    }

    /// What was usual on the `from` side is known as long as the gate has nothing else to go by.
    #[test]
    fn a_side_that_the_traffic_left_days_ago_is_still_compared_with() {
        assert_eq!(hours_read(""), 73);
        assert!(hours_read("    max_latency: 1s\n") < 48);
    }
}
