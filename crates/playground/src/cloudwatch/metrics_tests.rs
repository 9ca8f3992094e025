use super::*;

fn key(namespace: &str, dimensions: &[(&str, &str)]) -> MetricKey {
    let dimensions =
        dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    MetricKey { namespace: namespace.to_owned(), name: "Requests".to_owned(), dimensions }
}

fn query(key: MetricKey, period: i64, statistic: Statistic) -> Query {
    Query { key, period, statistic }
}

fn stored() -> Metrics {
    let mut metrics = Metrics::new(Duration::from_secs(3_600));
    for (at, value) in [(600.0, 1.0), (601.5, 3.0), (659.0, 5.0), (720.0, 7.0)] {
        metrics.put(key("App", &[("Endpoint", "cloud")]), at, Measurement::one(value));
    }
    metrics
}

/// Reads one series and compares its datapoints.
fn check(what: &str, read: Vec<(i64, f64)>, expected: &[(i64, f64)]) {
    assert_eq!(read, expected, "{what}");
}

#[test]
fn series_are_sparse_aligned_and_half_open() {
    let metrics = stored();
    let cloud = || key("App", &[("Endpoint", "cloud")]);
    let sum = |period, start, end| {
        metrics.read(&query(cloud(), period, Statistic::Sum), start, end, 1e9, Duration::ZERO)
    };
    check("a minute with nothing has no datapoint", sum(60, 540.0, 900.0), &[(600, 9.0), (720, 7.0)]);
    check("the start is rounded down", sum(60, 630.0, 900.0), &[(600, 9.0), (720, 7.0)]);
    check("the start is included", sum(60, 600.0, 661.0), &[(600, 9.0)]);
    check("the end is not", sum(60, 600.0, 720.0), &[(600, 9.0)]);
    check("five minutes", sum(300, 0.0, 900.0), &[(600, 16.0)]);
    check("seconds", sum(1, 600.0, 602.0), &[(600, 1.0), (601, 3.0)]);
}

#[test]
fn a_metric_is_its_namespace_and_exactly_its_dimensions() {
    let metrics = stored();
    for (what, other) in [
        ("another namespace", key("Other", &[("Endpoint", "cloud")])),
        ("no dimensions", key("App", &[])),
        ("another value", key("App", &[("Endpoint", "legacy")])),
        ("one dimension more", key("App", &[("Endpoint", "cloud"), ("Zone", "a")])),
    ] {
        check(what, metrics.read(&query(other, 60, Statistic::Sum), 0.0, 1e4, 1e9, Duration::ZERO), &[]);
    }
}

#[test]
fn statistics_are_of_all_samples_in_the_period() {
    let mut metrics = Metrics::new(Duration::from_secs(3_600));
    let latency = || key("App", &[]);
    metrics.put(
        latency(),
        60.0,
        Measurement::Values((1..=100).map(|value| (f64::from(value), 1.0)).collect()),
    );
    let one = |statistic: &str, metrics: &Metrics| {
        let statistic = Statistic::parse(statistic).unwrap_or(Statistic::Sum);
        metrics.read(&query(latency(), 60, statistic), 60.0, 120.0, 1e9, Duration::ZERO)
    };
    for (statistic, value) in [
        ("Sum", 5_050.0),
        ("Average", 50.5),
        ("SampleCount", 100.0),
        ("Minimum", 1.0),
        ("Maximum", 100.0),
        ("p50", 50.0),
        ("p99", 99.0),
        ("p100", 100.0),
        ("p99.9", 100.0),
    ] {
        check(statistic, one(statistic, &metrics), &[(60, value)]);
    }
    metrics.put(
        latency(),
        61.0,
        Measurement::Summary { count: 2.0, sum: 10.0, minimum: -1.0, maximum: 11.0 },
    );
    check("a summary counts", one("SampleCount", &metrics), &[(60, 102.0)]);
    check("and has extremes", one("Minimum", &metrics), &[(60, -1.0)]);
    check("but no percentiles", one("p99", &metrics), &[]);
    assert!(Statistic::parse("Median").is_err());
    assert!(Statistic::parse("p101").is_err());
}

#[test]
fn data_can_be_late() {
    let mut metrics = Metrics::new(Duration::from_secs(3_600));
    metrics.set_delay("App", None, Duration::from_secs(30));
    metrics.put(key("App", &[]), 100.0, Measurement::one(1.0));
    let seen = |at, extra| {
        metrics
            .read(&query(key("App", &[]), 1, Statistic::Sum), 0.0, 1e3, at, Duration::from_secs(extra))
            .len()
    };
    assert_eq!(seen(129.0, 0), 0, "the namespace's publication delay");
    assert_eq!(seen(130.0, 0), 1);
    assert_eq!(seen(130.0, 60), 0, "a fault's delay");
    assert_eq!(seen(160.0, 60), 1);
}

#[test]
fn old_data_are_forgotten() {
    let mut metrics = stored();
    metrics.put(key("App", &[("Endpoint", "cloud")]), 5_000.0, Measurement::one(1.0));
    let all = query(key("App", &[("Endpoint", "cloud")]), 1, Statistic::Sum);
    check("only the last hour", metrics.read(&all, 0.0, 1e5, 1e9, Duration::ZERO), &[(5_000, 1.0)]);
}
