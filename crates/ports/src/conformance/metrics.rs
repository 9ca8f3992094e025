//! What every implementation of [`Metrics`] must do.
//!
//! A backend implements [`MetricsWorld`] and calls `metrics_suite!` with an expression that makes a fresh one, or `None`
//! where that backend cannot be had, which is for the expression to say.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crossfade_core::gate::{AlarmQuery, AlarmReading, AlarmState, MetricQuery, Point, Provider, Statistic};
use jiff::{SignedDuration, Timestamp};

use crate::metrics::{Metrics, Series};

/// A backend, and what can be done to it from behind.
#[async_trait]
pub trait MetricsWorld: Send + Sync {
    fn metrics(&self) -> &dyn Metrics;

    fn nature(&self) -> Nature;

    /// How this backend is asked for a metric; the cases name metrics as CloudWatch does.
    fn asked(&self, metric: &MetricQuery) -> MetricQuery {
        metric.clone()
    }

    /// The beginning of an hour, with at least four hours behind it that can be read.
    fn base(&self) -> Timestamp;

    /// Adds one value of a metric, which can be read at once, or after [`MetricsWorld::flush`]. The query's period does
    /// not matter.
    async fn put(&self, metric: &MetricQuery, at: Timestamp, value: f64);

    /// Called before everything is read that was put.
    async fn flush(&self) {}

    /// Gives an alarm this state, making it where there is none: on a metric, or composite.
    async fn set_alarm(&self, name: &str, kind: AlarmKind, state: AlarmState);

    /// From now on every reading meets this fault.
    async fn fault(&self, fault: Fault);
}

/// In what backends differ though they serve alike. No case is left out for it: it looks at what there is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nature {
    /// The dimensions of a name can be listed. A backend that has none says so, and never that there are no metrics.
    pub lists_dimensions: bool,
    /// A percentile is the value of the nearest rank; elsewhere it lies between two neighbours.
    pub ranks_percentiles: bool,
}

impl Nature {
    pub const CLOUDWATCH: Nature = Nature { lists_dimensions: true, ranks_percentiles: true };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    Metric,
    Composite,
}

/// What can happen to a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing can be read.
    Outage,
    /// Too many requests.
    Throttled,
    /// Not all of it is given.
    PartialData,
    /// These metrics are not for this account.
    Forbidden,
}

/// One named test for each case. The expression is awaited for an `Option` of a fresh [`MetricsWorld`] in each.
#[macro_export]
macro_rules! metrics_suite {
    (@cases $world:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some(world) = $world.await else { return };
                $crate::conformance::metrics::$case(&world).await;
            }
        )+
    };
    ($world:expr) => {
        $crate::metrics_suite! { @cases $world;
            a_sparse_series_stays_sparse,
            values_of_a_period_are_summed_at_its_beginning,
            from_is_inclusive_and_to_is_exclusive,
            a_period_counts_where_it_begins,
            one_metric_is_read_by_two_periods,
            every_statistic_is_of_the_values_of_a_period,
            namespace_and_dimensions_tell_metrics_apart,
            an_unknown_metric_is_empty_and_complete,
            nothing_asked_is_nothing_answered,
            more_queries_than_fit_into_a_request_are_all_answered,
            more_datapoints_than_fit_into_a_page_are_all_read,
            two_regions_are_both_read,
            an_outage_is_never_an_empty_series,
            a_throttled_reading_is_never_an_empty_series,
            partial_data_says_so,
            forbidden_data_says_so,
            the_dimensions_of_a_name_are_known,
            alarms_have_the_state_they_were_given,
            an_unknown_alarm_is_known_to_be_none,
            more_alarms_than_fit_into_a_request_are_all_read,
            alarms_of_two_regions_are_both_read,
            an_alarm_keeps_the_time_of_its_last_change,
            an_alarm_that_cannot_be_read_is_never_unknown,
        }
    };
}

pub async fn a_sparse_series_stays_sparse(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for (minutes, value) in [(1, 4.0), (2, 0.0), (7, 2.5)] {
        world.put(&query, after(world, minutes * 60), value).await;
    }
    let series = read(world, &query, 0, 600).await;
    assert_eq!(series, complete(world, &[(60, 4.0), (120, 0.0), (420, 2.5)]));
}

pub async fn values_of_a_period_are_summed_at_its_beginning(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for (seconds, value) in [(60, 1.0), (61, 2.0), (119, 4.0), (120, 8.0)] {
        world.put(&query, after(world, seconds), value).await;
    }
    assert_eq!(read(world, &query, 0, 600).await, complete(world, &[(60, 7.0), (120, 8.0)]));
}

pub async fn from_is_inclusive_and_to_is_exclusive(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    for minute in 0..5 {
        world.put(&query, after(world, minute * 60), 1.0).await;
    }
    assert_eq!(read(world, &query, 60, 180).await, complete(world, &[(60, 1.0), (120, 1.0)]));
}

/// Also when the time asked for begins and ends in the middle of a period.
pub async fn a_period_counts_where_it_begins(world: &impl MetricsWorld) {
    let query = query("Requests", 300);
    for (seconds, value) in [(0, 1.0), (299, 1.0), (300, 2.0), (600, 4.0), (899, 4.0), (900, 8.0)] {
        world.put(&query, after(world, seconds), value).await;
    }
    assert_eq!(read(world, &query, 130, 710).await, complete(world, &[(300, 2.0), (600, 8.0)]));
}

pub async fn one_metric_is_read_by_two_periods(world: &impl MetricsWorld) {
    let (fine, coarse) = (query("Requests", 60), query("Requests", 300));
    for minute in 0..10 {
        world.put(&fine, after(world, minute * 60), 1.0).await;
    }
    let answers = read_all(world, &[coarse.clone(), fine.clone()], 0, 600).await;
    let each: Vec<(i64, f64)> = (0..10).map(|minute| (minute * 60, 1.0)).collect();
    let expected =
        BTreeMap::from([(fine, complete(world, &each)), (coarse, complete(world, &[(0, 5.0), (300, 5.0)]))]);
    assert_eq!(answers, expected);
}

pub async fn every_statistic_is_of_the_values_of_a_period(world: &impl MetricsWorld) {
    let sum = query("Latency", 60);
    for (seconds, value) in (1..=50).map(|n| (n, f64::from(n))).chain([(61, 7.0)]) {
        world.put(&sum, after(world, i64::from(seconds)), value).await;
    }
    let percentile = |text: &str| text.parse().map_or(Statistic::Sum, Statistic::Percentile);
    // The values are one apart.
    let slack = if world.nature().ranks_percentiles { 0.0 } else { 1.0 };
    for (statistic, first, second) in [
        (Statistic::Sum, 1_275.0, 7.0),
        (Statistic::Average, 25.5, 7.0),
        (Statistic::SampleCount, 50.0, 1.0),
        (percentile("p50"), 25.0, 7.0),
        (percentile("p90"), 45.0, 7.0),
        (percentile("p99.9"), 50.0, 7.0),
    ] {
        let query = MetricQuery { statistic, ..sum.clone() };
        let series = read(world, &query, 0, 600).await;
        let wanted = complete(world, &[(0, first), (60, second)]);
        let Statistic::Percentile(_) = statistic else {
            assert_eq!(series, wanted, "{statistic:?}");
            continue;
        };
        let near = |(is, wanted): (&Point, &Point)| {
            is.at == wanted.at && (is.value - wanted.value).abs() <= slack && is.value <= 50.0
        };
        let all = series.points.len() == wanted.points.len() && series.incomplete.is_none();
        assert!(all && series.points.iter().zip(&wanted.points).all(near), "{statistic:?}: {series:?}");
    }
}

pub async fn namespace_and_dimensions_tell_metrics_apart(world: &impl MetricsWorld) {
    let plain = query("Requests", 60);
    let mut queries = vec![
        plain.clone(),
        MetricQuery { namespace: "Other".to_owned(), ..plain.clone() },
        MetricQuery { metric: "requests".to_owned(), ..plain.clone() },
        MetricQuery { dimensions: BTreeMap::new(), ..plain.clone() },
    ];
    let mut more = plain.dimensions.clone();
    more.insert("Zone".to_owned(), "b".to_owned());
    queries.push(MetricQuery { dimensions: more, ..plain });
    for (value, query) in (1_u32..).zip(&queries) {
        world.put(query, after(world, 60), f64::from(value)).await;
    }
    let answers = read_all(world, &queries, 0, 600).await;
    for (value, query) in (1_u32..).zip(&queries) {
        assert_eq!(answers.get(query), Some(&complete(world, &[(60, f64::from(value))])), "{query:?}");
    }
}

pub async fn an_unknown_metric_is_empty_and_complete(world: &impl MetricsWorld) {
    assert_eq!(read(world, &query("NoSuchMetric", 60), 0, 600).await, Series::default());
}

pub async fn nothing_asked_is_nothing_answered(world: &impl MetricsWorld) {
    let query = query("Requests", 60);
    world.put(&query, after(world, 60), 1.0).await;
    assert!(read_all(world, &[], 0, 600).await.is_empty());
    for (from, to) in [(60, 60), (600, 0), (61, 119)] {
        assert_eq!(read(world, &query, from, to).await, Series::default(), "{from} to {to}");
    }
}

pub async fn more_queries_than_fit_into_a_request_are_all_answered(world: &impl MetricsWorld) {
    let queries: Vec<MetricQuery> = (0..1_003).map(|n| query(&format!("Requests{n}"), 60)).collect();
    for (value, query) in (0_u32..).zip(&queries) {
        world.put(query, after(world, 60), f64::from(value)).await;
    }
    let answers = read_all(world, &queries, 0, 120).await;
    assert_eq!(answers.len(), queries.len());
    for (value, query) in (0_u32..).zip(&queries) {
        assert_eq!(answers.get(query), Some(&complete(world, &[(60, f64::from(value))])), "{query:?}");
    }
}

pub async fn more_datapoints_than_fit_into_a_page_are_all_read(world: &impl MetricsWorld) {
    // CloudWatch gives 100,800 at once.
    let queries: Vec<MetricQuery> = (0..485).map(|n| query(&format!("Requests{n}"), 60)).collect();
    let each: Vec<(i64, f64)> =
        (0_i32..210).map(|minute| (i64::from(minute) * 60, f64::from(minute))).collect();
    for query in &queries {
        for (seconds, value) in &each {
            world.put(query, after(world, *seconds), *value).await;
        }
    }
    let answers = read_all(world, &queries, 0, 210 * 60).await;
    let expected = complete(world, &each);
    for query in &queries {
        assert_eq!(answers.get(query), Some(&expected), "{query:?}");
    }
}

pub async fn two_regions_are_both_read(world: &impl MetricsWorld) {
    let here = query("Here", 60);
    let there = MetricQuery { region: Some("eu-west-1".to_owned()), ..query("There", 60) };
    world.put(&here, after(world, 60), 1.0).await;
    world.put(&there, after(world, 120), 2.0).await;
    let answers = read_all(world, &[here.clone(), there.clone()], 0, 600).await;
    let expected =
        BTreeMap::from([(here, complete(world, &[(60, 1.0)])), (there, complete(world, &[(120, 2.0)]))]);
    assert_eq!(answers, expected);
}

pub async fn an_outage_is_never_an_empty_series(world: &impl MetricsWorld) {
    not_complete(world, Fault::Outage).await;
}

pub async fn a_throttled_reading_is_never_an_empty_series(world: &impl MetricsWorld) {
    not_complete(world, Fault::Throttled).await;
}

pub async fn partial_data_says_so(world: &impl MetricsWorld) {
    not_complete(world, Fault::PartialData).await;
}

pub async fn forbidden_data_says_so(world: &impl MetricsWorld) {
    not_complete(world, Fault::Forbidden).await;
}

/// Every query is answered, and says that it is not complete; also one that has no data.
async fn not_complete(world: &impl MetricsWorld, fault: Fault) {
    let queries = [query("Requests", 60), query("Errors", 60), query("Requests", 300)];
    for minute in 0..4 {
        world.put(&queries[0], after(world, minute * 60), 1.0).await;
    }
    world.flush().await;
    world.fault(fault).await;
    let answers = read_all(world, &queries, 0, 600).await;
    for query in &queries {
        match answers.get(query) {
            Some(Series { incomplete: Some(why), .. }) => assert!(!why.is_empty(), "{fault:?} says why"),
            other => panic!("{fault:?} became {other:?} for {query:?}"),
        }
    }
}

pub async fn the_dimensions_of_a_name_are_known(world: &impl MetricsWorld) {
    let sites = |name: &str| BTreeMap::from([("Site".to_owned(), name.to_owned())]);
    let wanted: Vec<BTreeMap<String, String>> = (0..505).map(|n| sites(&format!("site-{n:03}"))).collect();
    for dimensions in &wanted {
        let put = MetricQuery { dimensions: dimensions.clone(), ..query("Requests", 60) };
        world.put(&put, after(world, 60), 1.0).await;
    }
    let other = MetricQuery { dimensions: sites("other"), ..query("Errors", 60) };
    world.put(&other, after(world, 60), 1.0).await;
    world.flush().await;
    let known = world.metrics().known(&world.asked(&query("Requests", 300))).await;
    if !world.nature().lists_dimensions {
        assert!(known.as_ref().is_err_and(|why| !why.is_empty()), "{known:?}");
        return;
    }
    assert_eq!(known, Ok(wanted.into_iter().collect()));
    assert_eq!(world.metrics().known(&query("NoSuchMetric", 60)).await, Ok(Default::default()));
    world.fault(Fault::Outage).await;
    assert!(world.metrics().known(&query("Requests", 60)).await.is_err());
}

pub async fn alarms_have_the_state_they_were_given(world: &impl MetricsWorld) {
    for kind in [AlarmKind::Metric, AlarmKind::Composite] {
        for state in [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData] {
            let name = format!("{kind:?} & {state:?}");
            world.set_alarm(&name, kind, state).await;
            assert_eq!(state_of(&alarm(world, &name).await), Some(state), "{name}");
        }
    }
    assert!(world.metrics().alarms(&[]).await.is_empty());
}

pub async fn an_unknown_alarm_is_known_to_be_none(world: &impl MetricsWorld) {
    world.set_alarm("latency", AlarmKind::Metric, AlarmState::Ok).await;
    for name in ["Latency", "laten", "latency2"] {
        assert_eq!(alarm(world, name).await, AlarmReading::NoSuchAlarm, "{name}");
    }
}

/// CloudWatch takes a hundred names at once, and answers in pages of its own.
pub async fn more_alarms_than_fit_into_a_request_are_all_read(world: &impl MetricsWorld) {
    let queries: Vec<AlarmQuery> =
        (0..205).map(|n| AlarmQuery { region: None, name: format!("alarm-{n}") }).collect();
    let kind = |n: usize| if n.is_multiple_of(3) { AlarmKind::Composite } else { AlarmKind::Metric };
    let state = |n: usize| if n.is_multiple_of(7) { AlarmState::Alarm } else { AlarmState::Ok };
    for (n, query) in queries.iter().enumerate() {
        world.set_alarm(&query.name, kind(n), state(n)).await;
    }
    let answers = world.metrics().alarms(&queries).await;
    assert_eq!(answers.len(), queries.len());
    for (n, query) in queries.iter().enumerate() {
        assert_eq!(answers.get(query).and_then(state_of), Some(state(n)), "{query:?}");
    }
}

pub async fn alarms_of_two_regions_are_both_read(world: &impl MetricsWorld) {
    world.set_alarm("here", AlarmKind::Metric, AlarmState::Alarm).await;
    let here = AlarmQuery { region: None, name: "here".to_owned() };
    let there = AlarmQuery { region: Some("eu-west-1".to_owned()), name: "there".to_owned() };
    let answers = world.metrics().alarms(&[here.clone(), there.clone(), here.clone()]).await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers.get(&here).and_then(state_of), Some(AlarmState::Alarm));
    assert_eq!(answers.get(&there), Some(&AlarmReading::NoSuchAlarm));
}

/// That it was said again to be red does not make it red since then.
pub async fn an_alarm_keeps_the_time_of_its_last_change(world: &impl MetricsWorld) {
    let since = |reading| {
        let AlarmReading::Found { since: Some(since), .. } = reading else {
            panic!("{reading:?} has no time")
        };
        since
    };
    world.set_alarm("latency", AlarmKind::Metric, AlarmState::Alarm).await;
    let first = since(alarm(world, "latency").await);
    world.set_alarm("latency", AlarmKind::Metric, AlarmState::Alarm).await;
    assert_eq!(since(alarm(world, "latency").await), first);
    world.set_alarm("latency", AlarmKind::Metric, AlarmState::Ok).await;
    assert!(since(alarm(world, "latency").await) >= first);
}

pub async fn an_alarm_that_cannot_be_read_is_never_unknown(world: &impl MetricsWorld) {
    world.set_alarm("latency", AlarmKind::Metric, AlarmState::Ok).await;
    world.fault(Fault::Outage).await;
    for name in ["latency", "none"] {
        let reading = alarm(world, name).await;
        let AlarmReading::Unreadable(why) = &reading else {
            panic!("an outage became {reading:?} for {name}")
        };
        assert!(!why.is_empty(), "it says why");
    }
}

async fn alarm(world: &impl MetricsWorld, name: &str) -> AlarmReading {
    let query = AlarmQuery { region: None, name: name.to_owned() };
    match world.metrics().alarms(std::slice::from_ref(&query)).await.remove(&query) {
        Some(reading) => reading,
        None => panic!("there is no answer for {query:?}"),
    }
}

fn state_of(reading: &AlarmReading) -> Option<AlarmState> {
    match reading {
        AlarmReading::Found { state, doubt: None, .. } => Some(*state),
        AlarmReading::Found { .. } | AlarmReading::NoSuchAlarm | AlarmReading::Unreadable(_) => None,
    }
}

async fn read(world: &impl MetricsWorld, query: &MetricQuery, from: i64, to: i64) -> Series {
    let mut answers = read_all(world, std::slice::from_ref(query), from, to).await;
    match answers.remove(query) {
        Some(series) => series,
        None => panic!("there is no answer for {query:?}"),
    }
}

/// The answers by the queries as the cases name them.
async fn read_all(
    world: &impl MetricsWorld,
    queries: &[MetricQuery],
    from: i64,
    to: i64,
) -> BTreeMap<MetricQuery, Series> {
    world.flush().await;
    let asked: Vec<MetricQuery> = queries.iter().map(|query| world.asked(query)).collect();
    let mut answers = world.metrics().read(&asked, after(world, from), after(world, to)).await;
    let named = queries.iter().zip(&asked);
    let told = named.filter_map(|(query, asked)| Some((query.clone(), answers.remove(asked)?))).collect();
    assert!(answers.is_empty(), "nobody asked for {answers:?}");
    told
}

fn query(metric: &str, period_seconds: u32) -> MetricQuery {
    MetricQuery {
        region: None,
        namespace: "Conformance".to_owned(),
        metric: metric.to_owned(),
        dimensions: BTreeMap::from([("Service".to_owned(), "www & more".to_owned())]),
        period_seconds,
        statistic: Statistic::Sum,
        provider: Provider::CloudWatch,
    }
}

fn complete(world: &impl MetricsWorld, points: &[(i64, f64)]) -> Series {
    let points =
        points.iter().map(|(seconds, sum)| Point { at: after(world, *seconds), value: *sum }).collect();
    Series { points, incomplete: None }
}

/// Seconds after the base. A suite's times are small, so the sum is always a time.
fn after(world: &impl MetricsWorld, seconds: i64) -> Timestamp {
    world.base().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or_default()
}
