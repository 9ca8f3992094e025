//! Before the start: what the record of the side that serves says about a gate's settings.

use super::Counts;
use crate::plan::{Errors, Percent};

/// A shorter record says too little about how much errors come together.
const RECORD_SECONDS: i64 = 6 * 3_600;

/// So do fewer errors.
const RECORD_ERRORS: u64 = 20;

/// Below this it makes no difference, and above it a bad hour has been taken for bursts.
const BURSTINESS: (f64, f64) = (0.0005, 0.01);

/// A setting that is off by less is as good.
const OFF_BY: f64 = 1.5;

/// The limit should be so many times the usual rate: what half as many errors again make of it is still usual.
const LIMIT_OVER_USUAL: f64 = 1.5;

/// What a record says, and what should be written into the plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// How much errors come together; `None` where the record cannot tell.
    pub burstiness: Option<f64>,
    /// A sentence each.
    pub sentences: Vec<String>,
}

/// From counts by periods of so many seconds of the side that serves.
pub fn advice(errors: &Errors, record: &[Counts], period: i64) -> Advice {
    let burstiness = burstiness(record, period);
    let usual = rate(record);
    let sentences = [
        burstiness.and_then(|found| about_burstiness(found, errors.burstiness)),
        usual.and_then(|usual| about_the_limit(usual, errors.max_error_rate)),
    ];
    Advice { burstiness, sentences: sentences.into_iter().flatten().collect() }
}

/// The correlation of two requests of the same period: by how much the counts of errors vary more than those of
/// independent requests would. `None` with less than six hours or twenty errors.
pub fn burstiness(record: &[Counts], period: i64) -> Option<f64> {
    let record: Vec<&Counts> = record.iter().filter(|period| period.requests > 0).collect();
    let errors = record.iter().fold(0_u64, |sum, period| sum.saturating_add(period.errors));
    if (record.len() as i64).saturating_mul(period) < RECORD_SECONDS || errors < RECORD_ERRORS {
        return None;
    }
    let requests: f64 = record.iter().map(|period| period.requests as f64).sum();
    let p = errors as f64 / requests;
    let spread: f64 = record.iter().map(|at| (at.errors as f64 - at.requests as f64 * p).powi(2)).sum();
    let pairs: f64 = record.iter().map(|at| at.requests as f64 * (at.requests as f64 - 1.0)).sum();
    let variance = p * (1.0 - p);
    (variance > 0.0 && pairs > 0.0)
        .then(|| ((spread - requests * variance) / (variance * pairs)).clamp(BURSTINESS.0, BURSTINESS.1))
}

fn rate(record: &[Counts]) -> Option<f64> {
    let requests: f64 = record.iter().map(|period| period.requests as f64).sum();
    let errors: f64 = record.iter().map(|period| period.errors as f64).sum();
    (requests > 0.0).then(|| errors / requests)
}

fn about_burstiness(found: f64, taken: f64) -> Option<String> {
    let off = (found / taken).max(taken / found) > OFF_BY;
    let found = format!("{found:.4}");
    let found = found.trim_end_matches('0');
    off.then(|| format!("errors come together: burstiness {found}, and the gate takes it for {taken}: write `burstiness: {found}`"))
}

fn about_the_limit(usual: f64, limit: Percent) -> Option<String> {
    let least = 100.0 * usual * LIMIT_OVER_USUAL;
    (limit.0 < least).then(|| {
        format!(
            "the usual error rate of {:.2} % is close to max_error_rate, {limit}, or above it, so that a healthy step may \
             fail: mend what fails, or write `max_error_rate: {:.1}%` or more",
            100.0 * usual,
            (10.0 * least - 1e-6).ceil() / 10.0,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Format, parse};

    fn errors(keys: &str) -> Errors {
        let plan = format!(
            "name: x\nrecords: [{{ zone: Z1, name: www.example.com, types: [A] }}]\nfrom: {{ legacy: 1 }}\n\
             to: {{ cloud: 1 }}\nramp: {{ steps: [10], hold: 10m }}\ngates: [{{ name: errors, error_rate: {{ \
             to: {{ preset: alb, load_balancer: app/cloud/1 }} }}{keys} }}]"
        );
        parse(&plan, Format::Yaml).unwrap().gates.remove(0).errors().unwrap().clone()
    }

    /// Minutes of a thousand requests, of which these fail by turns.
    fn record(minutes: usize, failing: &[u64]) -> Vec<Counts> {
        (0..minutes).map(|i| Counts { requests: 1_000, errors: failing[i % failing.len()] }).collect()
    }

    /// With the same probability of 1 % for every request and a correlation of 0, minutes have a variance of 9.9; with
    /// a correlation ρ, it is 9.9 × (1 + 999 ρ).
    #[test]
    fn errors_that_come_together_are_found() {
        // The variance of 0 and 20 by turns is 100.
        let found = burstiness(&record(1_440, &[0, 20]), 60).unwrap();
        assert!((found - (100.0 / 9.9 - 1.0) / 999.0).abs() < 1e-6, "{found}");
        assert_eq!(burstiness(&record(1_440, &[10]), 60), Some(0.0005));
        assert_eq!(burstiness(&record(1_440, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 100]), 60), Some(0.01));
    }

    #[test]
    fn a_record_that_says_too_little_says_nothing() {
        assert_eq!(burstiness(&[], 60), None);
        assert_eq!(burstiness(&record(359, &[0, 20]), 60), None);
        assert!(burstiness(&record(360, &[0, 20]), 60).is_some());
        assert!(burstiness(&record(72, &[0, 20]), 300).is_some());
        assert_eq!(burstiness(&record(1_440, &[1_000]), 60), None);
        let mut quiet = record(1_440, &[0]);
        quiet[7].errors = 19;
        assert_eq!(burstiness(&quiet, 60), None);
        let idle = vec![Counts::default(); 1_440];
        assert_eq!(advice(&errors(""), &idle, 60), Advice::default());
    }

    #[test]
    fn advice_says_what_to_write() {
        let told = |keys: &str, failing: &[u64]| advice(&errors(keys), &record(1_440, failing), 60).sentences;
        assert_eq!(
            told(", max_error_rate: 2%", &[0, 20]),
            [
                "errors come together: burstiness 0.0091, and the gate takes it for 0.001: write `burstiness: 0.0091`"
            ]
        );
        assert!(told(", max_error_rate: 2%, burstiness: 0.009", &[0, 20]).is_empty());
        assert_eq!(
            told(", burstiness: 0.0005", &[8]),
            [
                "the usual error rate of 0.80 % is close to max_error_rate, 1%, or above it, so that a healthy step may \
                 fail: mend what fails, or write `max_error_rate: 1.2%` or more"
            ]
        );
        assert!(told(", burstiness: 0.0005", &[6]).is_empty());
    }
}
