use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::cloudwatch::{Dimensions, MetricKey, Query, Statistic};
use crate::endpoint::{Endpoint, MetricShape};
use crate::example::{ExampleOptions, example_world_with};
use crate::world::World;
use crate::{Options, Record};

const SECONDS: u64 = 120;

fn world() -> World {
    World::new(Options { seed: 11, ..Options::default() }, CancellationToken::new())
}

/// Lets the world's own time pass: the tests run on a paused clock.
async fn pass(world: &World, seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
    world.advance();
}

fn share(world: &World, endpoint: &str) -> f64 {
    let observed = world.observed(Duration::from_secs(SECONDS));
    let requests = |name: &str| observed.get(name).map_or(0.0, |observed| observed.requests as f64);
    requests(endpoint) / observed.values().map(|observed| observed.requests as f64).sum::<f64>()
}

fn series(world: &World, namespace: &str, metric: &str, dimension: (&str, &str)) -> Vec<(i64, f64)> {
    read(world, namespace, metric, &[dimension], 1, Statistic::Sum)
}

fn read(
    world: &World,
    namespace: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
    period: i64,
    statistic: Statistic,
) -> Vec<(i64, f64)> {
    let dimensions: Dimensions =
        dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let key = MetricKey { namespace: namespace.to_owned(), name: metric.to_owned(), dimensions };
    let query = Query { key, period, statistic };
    let state = world.lock();
    state.metrics.read(&query, 0.0, 1e12, 1e12, Duration::ZERO)
}

fn total(series: &[(i64, f64)]) -> f64 {
    series.iter().map(|(_, value)| value).sum()
}

#[tokio::test(start_paused = true)]
async fn traffic_follows_the_weights_with_the_caches_delay() {
    let world = world();
    let example = example_world_with(&world, &ExampleOptions { ttl: 2, ..ExampleOptions::default() });
    pass(&world, SECONDS).await;
    assert_eq!(share(&world, "legacy"), 1.0);
    let requests: u64 = world.observed(Duration::from_secs(SECONDS)).values().map(|seen| seen.requests).sum();
    assert!((23_000..=24_200).contains(&requests), "200 a second for two minutes: {requests}");

    for (id, weight) in [("legacy", 75), ("cloud", 25)] {
        let written = world.foreign_weight(&example.zone_id, &example.record_name, "A", id, weight);
        assert_eq!(written, Ok(()));
    }
    pass(&world, 2 * SECONDS).await;
    let cloud = share(&world, "cloud");
    assert!((0.20..=0.30).contains(&cloud), "{cloud}");
}

#[tokio::test(start_paused = true)]
async fn stubborn_resolvers_keep_what_they_know() {
    let world = world();
    let zone = world.create_zone("example.com");
    for (id, weight, address) in [("legacy", 100, "192.0.2.10"), ("cloud", 0, "198.51.100.10")] {
        world.put_record(&zone, Record::weighted("www.example.com", "A", 2, id, weight, [address]));
        world.add_endpoint(Endpoint::new(id, [address]));
    }
    world.start_traffic(Traffic {
        name: "www.example.com".to_owned(),
        zipf_exponent: 0.0,
        stubborn_fraction: 0.5,
        stubborn_factor: 1_000.0,
        ..Traffic::default()
    });
    pass(&world, 5).await;
    for (id, weight) in [("legacy", 0), ("cloud", 100)] {
        let written = world.foreign_weight(&zone, "www.example.com", "A", id, weight);
        assert_eq!(written, Ok(()));
    }
    pass(&world, 5).await;
    pass(&world, SECONDS).await;
    let legacy = share(&world, "legacy");
    assert!((0.35..=0.65).contains(&legacy), "half of the resolvers are stubborn: {legacy}");
}

#[tokio::test(start_paused = true)]
async fn pinned_resolvers_follow_no_weights_until_they_are_released() {
    let world = world();
    let example = example_world_with(&world, &ExampleOptions { ttl: 2, ..ExampleOptions::default() });
    pass(&world, 5).await;
    world.pin_resolvers(true);
    for (id, weight) in [("legacy", 0), ("cloud", 100)] {
        let written = world.foreign_weight(&example.zone_id, &example.record_name, "A", id, weight);
        assert_eq!(written, Ok(()));
    }
    pass(&world, SECONDS).await;
    assert_eq!(share(&world, "cloud"), 0.0);
    world.pin_resolvers(false);
    pass(&world, 5).await;
    pass(&world, SECONDS).await;
    assert_eq!(share(&world, "cloud"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn endpoints_publish_what_they_see() {
    let world = world();
    let example = example_world_with(&world, &ExampleOptions { ttl: 2, ..ExampleOptions::default() });
    let metric =
        |name: &str, endpoint: &str| series(&world, &example.namespace, name, (&example.dimension, endpoint));
    pass(&world, 30).await;
    assert!((5_000.0..6_100.0).contains(&total(&metric("Requests", "legacy"))));
    assert_eq!(metric("Errors", "legacy"), [], "errors are sparse");
    assert_eq!(metric("Requests", "cloud"), [], "no traffic, no datapoints");

    world.set_error_rate("legacy", 0.1);
    pass(&world, 60).await;
    let rate = total(&metric("Errors", "legacy")) / 12_000.0;
    assert!((0.08..=0.12).contains(&rate), "{rate}");

    world.set_down("legacy", true);
    pass(&world, 2).await;
    let before = metric("Requests", "legacy").len();
    pass(&world, 30).await;
    assert_eq!(metric("Requests", "legacy").len(), before, "a dead endpoint publishes nothing");
    let observed = world.observed(Duration::from_secs(20)).remove("legacy").unwrap_or_default();
    assert!(observed.requests > 0 && observed.errors == observed.requests, "{observed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_publishes_as_alb_does() {
    let world = world();
    let zone = world.create_zone("example.com");
    world.put_record(&zone, Record::simple("www.example.com", "A", 5, ["192.0.2.10"]));
    world.add_endpoint(Endpoint::new("lb", ["192.0.2.10"]).with_load_balancer_metrics("app/lb/1"));
    world.start_traffic(Traffic { name: "www.example.com".to_owned(), ..Traffic::default() });
    let metric =
        |name: &str| total(&series(&world, "AWS/ApplicationELB", name, ("LoadBalancer", "app/lb/1")));
    pass(&world, 10).await;
    let served = metric("RequestCount");
    assert!(served > 1_500.0, "{served}");
    assert_eq!(metric("HTTPCode_Target_5XX_Count"), 0.0);

    world.set_endpoint_state("lb", EndpointState::Refusing);
    pass(&world, 3).await;
    let after = metric("RequestCount");
    pass(&world, 10).await;
    assert_eq!(metric("RequestCount"), after, "refused requests never reached a target");
    assert!(metric("HTTPCode_ELB_5XX_Count") > 1_500.0);
}

/// Every request of `www.example.com` goes to one endpoint of this shape, and a quarter of them fail.
async fn published(shape: MetricShape) -> World {
    let world = world();
    let zone = world.create_zone("example.com");
    world.put_record(&zone, Record::simple("www.example.com", "A", 5, ["192.0.2.10"]));
    world.add_endpoint(Endpoint { metrics: shape, error_rate: 0.25, ..Endpoint::new("it", ["192.0.2.10"]) });
    world.start_traffic(Traffic { name: "www.example.com".to_owned(), ..Traffic::default() });
    pass(&world, 60).await;
    world
}

/// Of the datapoints of a minute, the one with the most seconds in it.
fn fullest(points: &[(i64, f64)]) -> f64 {
    points.iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
async fn a_classic_load_balancer_publishes_under_its_own_names() {
    let world = published(MetricShape::ClassicLoadBalancer { load_balancer: "lb".to_owned() }).await;
    let metric = |name: &str| total(&series(&world, "AWS/ELB", name, ("LoadBalancerName", "lb")));
    let rate = metric("HTTPCode_Backend_5XX") / metric("RequestCount");
    assert!((0.2..0.3).contains(&rate), "{rate}");
    assert_eq!(metric("HTTPCode_ELB_5XX"), 0.0);
    world.set_endpoint_state("it", EndpointState::Refusing);
    pass(&world, 3).await;
    let before = metric("RequestCount");
    pass(&world, 10).await;
    assert_eq!(metric("RequestCount"), before);
    assert!(metric("HTTPCode_ELB_5XX") > 1_500.0);
}

/// A rate in percent, weighted by requests: the average of a minute is the minute's rate.
#[tokio::test(start_paused = true)]
async fn a_distribution_publishes_percentages() {
    let world = published(MetricShape::Distribution { id: "E2Q".to_owned() }).await;
    let dimensions = [("DistributionId", "E2Q"), ("Region", "Global")];
    let metric = |name: &str, statistic| read(&world, "AWS/CloudFront", name, &dimensions, 3_600, statistic);
    let requests = total(&metric("Requests", Statistic::Sum));
    assert!(requests > 9_000.0, "{requests}");
    let rate = fullest(&metric("5xxErrorRate", Statistic::Average));
    assert!((20.0..30.0).contains(&rate), "{rate}");
    world.set_error_rate("it", 0.0);
    pass(&world, 10).await;
    let seconds = read(&world, "AWS/CloudFront", "5xxErrorRate", &dimensions, 1, Statistic::Average);
    assert_eq!(seconds.last().map(|(_, rate)| *rate), Some(0.0), "zeros are published");
}

#[tokio::test(start_paused = true)]
async fn an_http_api_publishes_a_zero_or_a_one_for_each_request() {
    let world = published(MetricShape::HttpApi { id: "abc".to_owned() }).await;
    let metric = |name: &str, statistic| {
        total(&read(&world, "AWS/ApiGateway", name, &[("ApiId", "abc")], 3_600, statistic))
    };
    let requests = metric("Count", Statistic::SampleCount);
    assert!(requests > 9_000.0, "{requests}");
    assert_eq!(metric("5xx", Statistic::SampleCount), requests);
    let rate = metric("5xx", Statistic::Sum) / requests;
    assert!((0.2..0.3).contains(&rate), "{rate}");
    let latency =
        fullest(&read(&world, "AWS/ApiGateway", "Latency", &[("ApiId", "abc")], 3_600, Statistic::Average));
    assert!((25.0..150.0).contains(&latency), "milliseconds, 50 of them typically: {latency}");
}

#[tokio::test(start_paused = true)]
async fn explicit_zeros_fill_every_second() {
    let world = world();
    let options = ExampleOptions { explicit_zeros: true, ..ExampleOptions::default() };
    let example = example_world_with(&world, &options);
    pass(&world, 30).await;
    let cloud = series(&world, &example.namespace, "Errors", (&example.dimension, "cloud"));
    assert!(cloud.len() >= 29, "{}", cloud.len());
    assert_eq!(total(&cloud), 0.0);
}

#[tokio::test(start_paused = true)]
async fn requests_without_an_answer_are_seen() {
    let world = world();
    world.create_zone("example.com");
    world.start_traffic(Traffic { name: "missing.example.com".to_owned(), ..Traffic::default() });
    pass(&world, 10).await;
    let unresolved = world.observed(Duration::from_secs(SECONDS)).remove(UNRESOLVED).unwrap_or_default();
    assert!(unresolved.requests > 1_500 && unresolved.errors == unresolved.requests, "{unresolved:?}");
}

#[test]
fn the_same_seed_and_the_same_calls_give_the_same_world() {
    let run = || {
        let world = world();
        let example = example_world_with(&world, &ExampleOptions::default());
        for id in ["legacy", "cloud"] {
            let written = world.foreign_weight(&example.zone_id, &example.record_name, "A", id, 50);
            assert_eq!(written, Ok(()));
        }
        let draws: Vec<_> = (0..50)
            .map(|_| Authority::of(&mut world.lock()).resolve("www.example.com.", "A").final_values())
            .collect();
        (example.zone_id, draws)
    };
    assert_eq!(run(), run());
}
