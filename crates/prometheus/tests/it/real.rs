//! Counters as services have them, in blocks that were written beforehand, so that nobody waits for a scrape.

use std::{fmt::Write as _, sync::Arc};

use crossfade_core::{gate, plan::Source};
use crossfade_ports::{Clock as _, Metrics as _, SystemClock, fake::metrics::MemoryMetrics};
use crossfade_prometheus::{Routed, Server};
use jiff::{SignedDuration, Timestamp};

use crate::server::{Prometheus, start};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const MINUTES: i64 = 120;

/// The end of the record: the present hour, less one that a block can be made of.
fn ends() -> Timestamp {
    let hour = 3_600 * (SystemClock.now().as_second() / 3_600 - 1);
    Timestamp::from_second(hour).unwrap()
}

async fn prometheus() -> Option<Prometheus> {
    start(Some(samples())).await
}

/// Two instances, each with 100 requests in a quarter of a minute and one error a minute, but for one that was
/// restarted half-way; the errors of the second begin late.
fn samples() -> String {
    let mut text = "# TYPE requests counter\n".to_owned();
    let first = ends().as_second() - MINUTES * 60;
    for instance in ["a", "b"] {
        for quarter in 0..=MINUTES * 4 {
            let since = if instance == "b" && quarter >= MINUTES * 2 { MINUTES * 2 } else { 0 };
            let (at, count) = (first + quarter * 15, (quarter - since) * 100);
            writeln!(text, "requests_total{{instance=\"{instance}\"}} {count} {at}").unwrap();
        }
    }
    text.push_str("# TYPE errors counter\n");
    for quarter in MINUTES * 2..=MINUTES * 4 {
        writeln!(text, "errors_total {} {}", quarter / 4, first + quarter * 15).unwrap();
    }
    text + "# EOF\n"
}

#[tokio::test]
async fn counters_are_summed_up_period_by_period() {
    let Some(prometheus) = prometheus().await else { return };
    let from = ends() - SignedDuration::from_mins(MINUTES - 5);
    let read = async |text: &str| prometheus.server.range(text, MINUTE, from, ends()).await;

    let requests = read("requests_total").await.unwrap();
    assert_eq!(requests.len() as i64, MINUTES - 5);
    assert_eq!(requests.first().unwrap().at, from);
    assert!(requests.windows(2).all(|pair| pair[1].at.duration_since(pair[0].at) == MINUTE));
    let restart = ends() - SignedDuration::from_mins(MINUTES / 2 + 1);
    let around = |point: &&gate::Point| (point.at.as_second() - restart.as_second()).abs() > 60;
    // Two instances with 400 a minute; a restarted counter is no negative count.
    assert!(requests.iter().filter(around).all(|point| (point.value - 800.0).abs() < 1.0), "{requests:?}");
    assert!(requests.iter().all(|point| point.value > 0.0));

    let errors = read("errors_total").await.unwrap();
    assert!(errors.len() < requests.len() && errors.first().unwrap().at >= restart, "{errors:?}");
    assert_eq!(read("sum(increase(requests_total[$period]))").await.unwrap(), requests);
    assert_eq!(read("nothing_total").await.unwrap(), []);

    let several = read("increase(requests_total[$period])").await.unwrap_err();
    assert!(several.contains("2 series"), "{several}");
    let wrong = read("sum(").await.unwrap_err();
    assert!(wrong.contains("bad_data"), "{wrong}");
}

#[tokio::test]
async fn a_source_of_a_plan_becomes_periods() {
    let Some(prometheus) = prometheus().await else { return };
    let source = r#"{"preset":"prometheus","errors":"errors_total","requests":"requests_total"}"#;
    let source: Source = serde_json::from_str(source).unwrap();
    let read = async |server: Option<Server>| {
        let routed = Routed::new(Arc::new(MemoryMetrics::new()), server);
        routed.read(&gate::queries(&source), ends() - SignedDuration::from_mins(20), ends()).await
    };
    let series = read(Some(prometheus.server.clone())).await;
    assert!(series.values().all(|series| series.incomplete.is_none()), "{series:?}");
    let series = series.into_iter().map(|(query, series)| (query, series.points)).collect();
    let periods = gate::periods(&source, &series);
    assert_eq!(periods.len(), 20);
    assert!(
        periods.iter().all(|period| period.requests == Some(800) && period.errors == Some(1)),
        "{periods:?}"
    );
    let unset = read(None).await;
    assert!(unset.values().all(|series| series.incomplete.as_ref().unwrap().contains("prometheus.url")));
}

#[tokio::test]
async fn more_points_than_an_answer_may_have_are_asked_for_in_parts() {
    let Some(prometheus) = prometheus().await else { return };
    let from = ends() - SignedDuration::from_hours(20);
    let period = SignedDuration::from_secs(5);
    let points = prometheus.server.range("vector(1) + 0 * $period / $period", period, from, ends()).await;
    assert!(points.is_err(), "a length of time is no number");
    let points =
        prometheus.server.range("sum(vector(1) or requests_total @ $period)", period, from, ends()).await;
    assert!(points.is_err(), "nor is it an instant");
    let points = prometheus
        .server
        .range("count_over_time(vector(1)[$period:1s])", period, from, ends())
        .await
        .unwrap();
    assert_eq!(points.len(), 20 * 720);
}
