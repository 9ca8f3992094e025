//! From the pages of an answer to series, and to the reasons why they may not be all.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    operation::get_metric_data::GetMetricDataOutput,
    types::{MessageData, MetricDataResult, StatusCode},
};
use crossfade_core::gate::Point;
use crossfade_ports::Series;
use jiff::Timestamp;

use super::request::position;

/// What was said so far for each query of a batch.
pub(super) struct Answers {
    from: Timestamp,
    to: Timestamp,
    series: Vec<Answer>,
    /// What was said about the whole.
    messages: Vec<String>,
}

#[derive(Clone, Default)]
struct Answer {
    /// By time: a datapoint that comes twice counts once, the last time.
    values: BTreeMap<Timestamp, f64>,
    status: Status,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Missing,
    /// More was to come on another page.
    Partial,
    Complete,
}

impl Answers {
    pub(super) fn new(queries: usize, from: Timestamp, to: Timestamp) -> Answers {
        Answers { from, to, series: vec![Answer::default(); queries], messages: Vec::new() }
    }

    pub(super) fn add(&mut self, page: &GetMetricDataOutput) {
        note_all(&mut self.messages, page.messages());
        for result in page.metric_data_results() {
            let place = result.id().and_then(position);
            if let Some(answer) = place.and_then(|position| self.series.get_mut(position)) {
                answer.add(result, self.from, self.to);
            }
        }
    }

    /// One series for each query, in order. `broken_off`: why there are pages that were not read.
    pub(super) fn finish(self, broken_off: Option<&str>) -> Vec<Series> {
        let Answers { series, messages, .. } = self;
        series.into_iter().map(|answer| answer.finish(&messages, broken_off)).collect()
    }
}

impl Answer {
    fn add(&mut self, result: &MetricDataResult, from: Timestamp, to: Timestamp) {
        match result.status_code() {
            Some(StatusCode::Complete) => self.status = Status::Complete,
            Some(StatusCode::PartialData) => self.status = Status::Partial,
            Some(other) => note(&mut self.faults, format!("status {other}")),
            None => note(&mut self.faults, "no status".to_owned()),
        }
        note_all(&mut self.faults, result.messages());
        if result.timestamps().len() != result.values().len() {
            note(&mut self.faults, "datapoints without a time or without a value".to_owned());
        }
        for (at, value) in result.timestamps().iter().zip(result.values()) {
            match Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).unwrap_or(0)) {
                Ok(at) if at >= from && at < to => {
                    self.values.insert(at, *value);
                }
                Ok(_) => {}
                Err(error) => note(&mut self.faults, format!("a datapoint with an impossible time: {error}")),
            }
        }
    }

    fn finish(self, messages: &[String], broken_off: Option<&str>) -> Series {
        let mut reasons: Vec<String> = broken_off.map(str::to_owned).into_iter().collect();
        if broken_off.is_none() {
            match self.status {
                Status::Complete => {}
                Status::Partial => reasons.push("CloudWatch gave only a part of the data".to_owned()),
                Status::Missing if self.faults.is_empty() => {
                    reasons.push("CloudWatch gave no answer to this query".to_owned());
                }
                Status::Missing => {}
            }
        }
        for reason in self.faults.iter().chain(messages) {
            note(&mut reasons, reason.clone());
        }
        Series {
            points: self.values.into_iter().map(|(at, value)| Point { at, value }).collect(),
            incomplete: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }
}

fn note_all(reasons: &mut Vec<String>, messages: &[MessageData]) {
    for message in messages {
        let parts: Vec<&str> = [message.code(), message.value()].into_iter().flatten().collect();
        note(reasons, if parts.is_empty() { "an empty message".to_owned() } else { parts.join(": ") });
    }
}

fn note(reasons: &mut Vec<String>, reason: String) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}
