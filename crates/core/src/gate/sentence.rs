//! What whoever is woken up reads: the number that decided, beside the one it was held against.

use jiff::Timestamp;

use super::evaluate::{Code, Config, Evaluation, PROOF_PERIODS_MIN, State};

pub(super) fn sentence(config: &Config, state: &State, told: &Evaluation) -> String {
    match told.code {
        Code::Errors => format!(
            "the error rate is above the limit of {} beyond reasonable doubt (latest {} {})",
            percent(told.limit),
            unit(config, 1),
            percent(told.newest.map(|newest| newest.rate())),
        ),
        Code::Silence => {
            let (periods, requests) =
                told.silence.map_or((0, 0), |silence| (silence.periods, silence.requests));
            format!(
                "no request reached the `to` side for {}, while the `from` side served {} at a share of {}",
                periods_of(config, periods as u64),
                grouped(requests),
                percent(Some(state.weight)),
            )
        }
        Code::NoData => format!("no datapoint of either side in the last 3 closed {}", unit(config, 2)),
        Code::NoBaseline => {
            "the `from` side has too few requests to compare with, and there is no max_error_rate".to_owned()
        }
        Code::Suspicious => suspicious(config, told),
        Code::SharedOutage => format!(
            "the `to` side is at {}, but the `from` side is failing too: going back would not help",
            percent(told.newest.map(|newest| newest.rate()))
        ),
        Code::Share => format!(
            "the `to` side gets {} of the requests, though its share is {}",
            percent(told.observed.map(|observed| observed.share)),
            percent(Some(state.weight))
        ),
        Code::Stalled => {
            let lacks = lacks(config, told, told.lacks.unwrap_or(Code::NotProven));
            format!("not proven healthy in time: {lacks}")
        }
        Code::StalledBad => {
            let (rate, limit) = told.stalled.unzip();
            format!(
                "not proven healthy in time, and the step's error rate of {} is clearly above the limit of {}",
                percent(rate),
                percent(limit)
            )
        }
        Code::Settling | Code::Baking | Code::FewPeriods | Code::FewRequests | Code::NotProven => {
            lacks(config, told, told.code)
        }
        Code::Healthy => format!(
            "{} ({}, at most {}), under the limit of {}",
            counted(told.errors, told.requests),
            percent(Some(told.errors as f64 / told.requests.max(1) as f64)),
            percent(told.upper_bound),
            percent(told.advance_limit)
        ),
    }
}

fn suspicious(config: &Config, told: &Evaluation) -> String {
    let newest = told.newest.map_or_else(String::new, |newest| {
        let at = Timestamp::from_second(newest.start).map_or_else(
            |_| String::new(),
            |at| at.strftime(if config.period < 60 { " at %H:%M:%S" } else { " at %H:%M" }).to_string(),
        );
        format!(
            " ({} of {} requests failed{at}, limit {})",
            grouped(newest.errors),
            grouped(newest.requests),
            percent(told.limit)
        )
    });
    let but = match (told.recovering, told.score >= 1.0) {
        (true, _) => ", but errors are falling",
        (false, true) => ", but there are too few errors yet to act on",
        (false, false) => "",
    };
    let level = (100.0 * told.score + 1e-6).floor();
    format!("evidence against the `to` side is at {level} % of the level at which it fails{newest}{but}")
}

fn lacks(config: &Config, told: &Evaluation, code: Code) -> String {
    match code {
        Code::Settling => "the traffic has not settled on the new weights".to_owned(),
        Code::Baking => "the step has not been observed for its hold time".to_owned(),
        Code::FewPeriods => {
            format!("{} of {} settled {}", told.periods, PROOF_PERIODS_MIN, unit(config, 2))
        }
        Code::FewRequests => format!(
            "{} of {} requests since the step settled",
            grouped(told.requests),
            grouped(config.min_requests)
        ),
        Code::NotProven
        | Code::Healthy
        | Code::Stalled
        | Code::Share
        | Code::SharedOutage
        | Code::Suspicious
        | Code::NoBaseline
        | Code::NoData
        | Code::StalledBad
        | Code::Silence
        | Code::Errors => format!(
            "{}: could be as high as {}, limit {}{}",
            counted(told.errors, told.requests),
            percent(told.upper_bound),
            percent(told.advance_limit),
            to_go(config, told)
        ),
    }
}

fn to_go(config: &Config, told: &Evaluation) -> String {
    match told.periods_to_go {
        None => String::new(),
        Some(periods) => {
            let seconds = periods.saturating_mul(config.period.max(0).unsigned_abs());
            let about = match seconds {
                0..=119 => format!("{seconds} more seconds"),
                120..=7_199 => format!("{} more minutes", seconds.div_ceil(60)),
                _ => format!("{} more hours", seconds.div_ceil(3_600)),
            };
            format!(" (about {about} at this traffic)")
        }
    }
}

fn counted(errors: u64, requests: u64) -> String {
    let (error, request) =
        (if errors == 1 { "error" } else { "errors" }, if requests == 1 { "request" } else { "requests" });
    format!("{} {error} in {} {request}", grouped(errors), grouped(requests))
}

fn periods_of(config: &Config, count: u64) -> String {
    format!("{count} {}", unit(config, count))
}

fn unit(config: &Config, count: u64) -> &'static str {
    match (config.period, count) {
        (60, 1) => "minute",
        (60, _) => "minutes",
        (_, 1) => "period",
        (_, _) => "periods",
    }
}

/// Two significant digits, as many as anybody reads.
fn percent(ratio: Option<f64>) -> String {
    let Some(percent) = ratio.map(|ratio| 100.0 * ratio) else { return "unknown".to_owned() };
    let digits: usize = match percent.abs() {
        0.0 => 0,
        p if p < 0.001 => 5,
        p if p < 0.01 => 4,
        p if p < 0.1 => 3,
        p if p < 1.0 => 2,
        p if p < 10.0 => 1,
        _ => 0,
    };
    let text = format!("{percent:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// 1500 as 1,500.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_they_are_read() {
        for (ratio, wanted) in [
            (0.0, "0 %"),
            (0.006_555, "0.66 %"),
            (0.052, "5.2 %"),
            (0.05, "5 %"),
            (0.2, "20 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(percent(Some(ratio)), wanted);
        }
        assert_eq!(percent(Some(0.000_012_3)), "0.0012 %");
        assert_eq!(percent(None), "unknown");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
