//! CloudWatch in memory: what was put can be read, a statistic a period; alarms have the state they were given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use crossfade_core::gate::{AlarmQuery, AlarmReading, AlarmState, MetricQuery, Point, Statistic};
use jiff::Timestamp;

use crate::metrics::{Dimensions, Metrics, Series};

/// Clones share the same data.
#[derive(Clone, Debug, Default)]
pub struct MemoryMetrics(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<Counter, Vec<(Timestamp, f64)>>,
    /// Each with the time of its last change.
    alarms: BTreeMap<AlarmQuery, (AlarmState, Timestamp)>,
    outage: Option<String>,
    /// Counters that are not whole, and why.
    incomplete: BTreeMap<Counter, String>,
    calls: u64,
    queries: u64,
}

/// A metric, whatever the period and the statistic it is read by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    region: Option<String>,
    namespace: String,
    metric: String,
    dimensions: BTreeMap<String, String>,
}

impl MemoryMetrics {
    pub fn new() -> MemoryMetrics {
        MemoryMetrics::default()
    }

    /// Adds one value of a metric. The query's period does not matter here.
    pub fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64) {
        self.lock().values.entry(Counter::of(metric)).or_default().push((at, value));
    }

    /// Adds a value at the beginning of each of the query's periods from `from` (inclusive) to `to` (exclusive).
    pub fn put_each(&self, metric: &MetricQuery, from: Timestamp, to: Timestamp, value: f64) {
        let period = i64::from(metric.period_seconds.max(1));
        let mut second = period_of(from, period);
        while second < to.as_second() {
            if second >= from.as_second()
                && let Ok(at) = Timestamp::from_second(second)
            {
                self.put(metric, at, value);
            }
            second += period;
        }
    }

    /// Forgets everything that was put for this metric.
    pub fn clear(&self, metric: &MetricQuery) {
        self.lock().values.remove(&Counter::of(metric));
    }

    /// Gives the alarm this state, making it where there is none. The time counts if the state is another than before.
    pub fn set_alarm(&self, alarm: &AlarmQuery, state: AlarmState, at: Timestamp) {
        let mut inner = self.lock();
        let known = inner.alarms.get(alarm).filter(|(before, _)| *before == state).map(|(_, since)| *since);
        inner.alarms.insert(alarm.clone(), (state, known.unwrap_or(at)));
    }

    /// Until `None`, nothing can be read, for this reason.
    pub fn outage(&self, why: Option<&str>) {
        self.lock().outage = why.map(str::to_owned);
    }

    /// Until `None`, this metric is answered with what there is and the reason why that may not be all.
    pub fn incomplete(&self, metric: &MetricQuery, why: Option<&str>) {
        let counter = Counter::of(metric);
        match why {
            Some(why) => self.lock().incomplete.insert(counter, why.to_owned()),
            None => self.lock().incomplete.remove(&counter),
        };
    }

    /// How often `read` and `alarms` were called.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// How many queries were asked, over all calls.
    pub fn queries(&self) -> u64 {
        self.lock().queries
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    fn of(query: &MetricQuery) -> Counter {
        Counter {
            region: query.region.clone(),
            namespace: query.namespace.clone(),
            metric: query.metric.clone(),
            dimensions: query.dimensions.clone(),
        }
    }
}

impl State {
    fn series(&self, query: &MetricQuery, from: Timestamp, to: Timestamp) -> Series {
        if let Some(why) = &self.outage {
            return Series { points: Vec::new(), incomplete: Some(why.clone()) };
        }
        let counter = Counter::of(query);
        let mut values: BTreeMap<Timestamp, Vec<f64>> = BTreeMap::new();
        for (at, value) in self.values.get(&counter).into_iter().flatten() {
            let start = Timestamp::from_second(period_of(*at, i64::from(query.period_seconds.max(1))));
            if let Ok(start) = start
                && start >= from
                && start < to
            {
                values.entry(start).or_default().push(*value);
            }
        }
        Series {
            points: values
                .into_iter()
                .map(|(at, values)| Point { at, value: statistic(query.statistic, values) })
                .collect(),
            incomplete: self.incomplete.get(&counter).cloned(),
        }
    }
}

/// Of at least one value. A percentile is the nearest rank's.
fn statistic(of: Statistic, mut values: Vec<f64>) -> f64 {
    let (count, sum) = (values.len(), values.iter().sum::<f64>());
    match of {
        Statistic::Sum => sum,
        Statistic::Average => sum / count as f64,
        Statistic::SampleCount => count as f64,
        Statistic::Percentile(percentile) => {
            values.sort_by(f64::total_cmp);
            let rank = (percentile.ratio() * count as f64).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        }
    }
}

/// The beginning of the period that the time lies in, as a Unix time.
fn period_of(at: Timestamp, period: i64) -> i64 {
    at.as_second().div_euclid(period) * period
}

#[async_trait]
impl Metrics for MemoryMetrics {
    async fn read(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<MetricQuery, Series> {
        let mut state = self.lock();
        state.calls += 1;
        state.queries += u64::try_from(queries.len()).unwrap_or(u64::MAX);
        queries.iter().map(|query| (query.clone(), state.series(query, from, to))).collect()
    }

    async fn known(&self, query: &MetricQuery) -> Result<BTreeSet<Dimensions>, String> {
        let state = self.lock();
        if let Some(why) = &state.outage {
            return Err(why.clone());
        }
        let wanted = Counter { dimensions: Dimensions::new(), ..Counter::of(query) };
        let alike = state
            .values
            .keys()
            .filter(|counter| wanted == Counter { dimensions: Dimensions::new(), ..(*counter).clone() });
        Ok(alike.map(|counter| counter.dimensions.clone()).collect())
    }

    async fn alarms(&self, queries: &[AlarmQuery]) -> BTreeMap<AlarmQuery, AlarmReading> {
        let mut state = self.lock();
        state.calls += 1;
        let read = |query: &AlarmQuery| match (&state.outage, state.alarms.get(query)) {
            (Some(why), _) => AlarmReading::Unreadable(why.clone()),
            (None, Some((state, since))) => {
                AlarmReading::Found { state: *state, since: Some(*since), reason: None, doubt: None }
            }
            (None, None) => AlarmReading::NoSuchAlarm,
        };
        queries.iter().map(|query| (query.clone(), read(query))).collect()
    }
}
