//! Metrics: what every gate of an account wants, read in as few calls as there can be, and kept between reads.
//!
//! The newest minutes are read again and again, because CloudWatch publishes late and corrects itself; what is older
//! is read once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crossfade_core::{
    gate::{Answer, Fetched, GateData, MetricQuery, Point, periods, queries},
    plan::{Errors, Question, Source},
    shift::Shift,
};
use crossfade_ports::{Accounts, Clock, Vitals};
use jiff::{SignedDuration, Timestamp};

use crate::slot::Slot;

/// How far back every read goes. Load balancers' datapoints are corrected for some minutes;
/// <https://github.com/prometheus/cloudwatch_exporter> waits ten for most of them.
const READ_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Evidence is older than this only in steps that nobody waits for, and says nothing that newer does not.
const EVIDENCE: SignedDuration = SignedDuration::from_hours(24);

/// Before the first step: what is usual on the legacy side, with quiet minutes and busy ones.
const USUAL: SignedDuration = SignedDuration::from_mins(60);

/// Periods that make up what is usual.
const USUAL_PERIODS: i32 = 60;

/// CloudWatch keeps periods of less than a minute for three hours, and refuses to be asked for older ones.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const SHORT_PERIODS_KEPT: SignedDuration = SignedDuration::from_mins(3 * 60 - 5);

#[derive(Default)]
pub(crate) struct Evidence {
    kept: Mutex<BTreeMap<Key, Kept>>,
}

/// The series that the active shifts want, with the time from which on.
pub(crate) type Wanted = BTreeMap<Key, Timestamp>;

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
}

impl Evidence {
    /// Puts what is known into the slot's observation.
    pub(crate) fn fill(&self, slot: &mut Slot) {
        let kept = self.kept();
        for gate in &slot.shift.plan.gates {
            let account = &slot.shift.plan.account;
            let Question::Errors(errors) = &gate.question;
            let to = side(&kept, account, &errors.error_rate.to);
            let from = errors.error_rate.from.as_ref().map(|source| side(&kept, account, source));
            let data = match (to, from) {
                (Some((to, read)), None) => GateData { fetched_at: read, to, from: None },
                (Some((to, read)), Some(Some((from, other)))) => {
                    GateData { fetched_at: read.min(other), to, from: Some(from) }
                }
                // A side that has not been read yet is no data at all.
                (None, _) | (Some(_), Some(None)) => continue,
            };
            slot.seen.gates.insert(gate.name.clone(), Answer::Counts(data));
        }
    }

    /// Reads what is wanted, and forgets what no longer is.
    pub(crate) async fn read(&self, wanted: Wanted, accounts: &Accounts, clock: &dyn Clock, vitals: &Vitals) {
        let now = clock.now();
        let mut reads: BTreeMap<(String, Timestamp), Vec<MetricQuery>> = BTreeMap::new();
        {
            let mut kept = self.kept();
            kept.retain(|key, _| wanted.contains_key(key));
            for (key, from) in &wanted {
                let again =
                    READ_AGAIN.max(SignedDuration::from_secs(i64::from(key.query.period_seconds)) * 10);
                let known = kept.get(key).filter(|kept| kept.from <= *from);
                // What came before the last complete answer is known, whatever has been missing since.
                let since =
                    known.and_then(|kept| kept.complete_at).map_or(*from, |at| (at - again).max(*from));
                let since = since.max(oldest_kept(&key.query, now));
                reads.entry((key.account.clone(), since)).or_default().push(key.query.clone());
            }
        }
        for ((account, since), queries) in reads {
            let Some(metrics) = accounts.get(&account).map(|account| account.metrics.clone()) else {
                continue;
            };
            let answers = metrics.read(&queries, since, now).await;
            let complete = answers.values().all(|series| series.incomplete.is_none());
            let mut kept = self.kept();
            for (query, series) in answers {
                if let Some(why) = &series.incomplete {
                    tracing::warn!(
                        metric.name = query.metric,
                        metric.namespace = query.namespace,
                        why,
                        "metrics are incomplete"
                    );
                }
                let key = Key { account: account.clone(), query };
                let from = wanted.get(&key).copied().unwrap_or(since);
                let entry = kept.entry(key).or_insert_with(|| Kept {
                    from,
                    read_at: now,
                    complete_at: None,
                    points: BTreeMap::new(),
                    incomplete: None,
                });
                entry.read_at = now;
                if series.incomplete.is_none() {
                    entry.from = from;
                    entry.complete_at = Some(now);
                    // What a complete answer does not have is not there any more.
                    entry.points.retain(|at, _| *at >= from && *at < since);
                }
                entry.points.extend(series.points.iter().map(|point| (point.at, point.sum)));
                entry.incomplete = series.incomplete;
            }
            if complete {
                vitals.note(|signs| signs.metrics = Some(now));
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what the shift's gates want.
pub(crate) fn want(wanted: &mut Wanted, shift: &Shift, now: Timestamp) {
    if shift.next_step().is_none() {
        return;
    }
    for gate in &shift.plan.gates {
        let Question::Errors(errors) = &gate.question;
        for source in sources(errors) {
            let period = source.period();
            let moved = shift.moved_at.map_or(now, |moved_at| moved_at.max(now - EVIDENCE));
            let from = moved - USUAL.max(period * USUAL_PERIODS) - errors.metric_delay.0 - period;
            // Whole periods, so that the queries of many shifts share their reads.
            let aligned = from.as_second() - from.as_second().rem_euclid(period.as_secs().max(1));
            let from = Timestamp::from_second(aligned).unwrap_or(from);
            for query in queries(source) {
                let key = Key { account: shift.plan.account.clone(), query };
                merge(wanted, &Wanted::from([(key, from)]));
            }
        }
    }
}

/// As old as datapoints of this length may be asked for. Those that were read before they grew older stay known.
fn oldest_kept(query: &MetricQuery, now: Timestamp) -> Timestamp {
    if query.period_seconds < 60 { now - SHORT_PERIODS_KEPT } else { Timestamp::MIN }
}

/// Adds what others want.
pub(crate) fn merge(wanted: &mut Wanted, more: &Wanted) {
    for (key, from) in more {
        let since = wanted.entry(key.clone()).or_insert(*from);
        *since = (*since).min(*from);
    }
}

/// The shortest period in which anything is wanted.
pub(crate) fn shortest_period(wanted: &Wanted) -> Option<Duration> {
    wanted.keys().map(|key| Duration::from_secs(u64::from(key.query.period_seconds))).min()
}

fn sources(gate: &Errors) -> impl Iterator<Item = &Source> {
    std::iter::once(&gate.error_rate.to).chain(&gate.error_rate.from)
}

fn side(kept: &BTreeMap<Key, Kept>, account: &str, source: &Source) -> Option<(Fetched, Timestamp)> {
    let mut series = BTreeMap::new();
    let mut read_at = Timestamp::MAX;
    let mut incomplete = None;
    for query in queries(source) {
        let found = kept.get(&Key { account: account.to_owned(), query: query.clone() })?;
        read_at = read_at.min(found.read_at);
        incomplete = incomplete.or_else(|| found.incomplete.clone());
        let points = found.points.iter().map(|(at, sum)| Point { at: *at, sum: *sum }).collect();
        series.insert(query, points);
    }
    Some((Fetched { periods: periods(source, &series), incomplete }, read_at))
}
