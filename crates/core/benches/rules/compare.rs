//! Who is compared, and what becomes of many cutovers under each.

use crate::{
    alarm::Alarm,
    argo::Argo,
    flagger::Flagger,
    kayenta::Kayenta,
    oracle::Oracle,
    script::Script,
    simulation::{
        cutover::{End, Outcome, Rule, Story, run},
        ours::{Gate, config},
        traffic::Traffic,
    },
};

pub(crate) type NewRule = fn() -> Box<dyn Rule>;

pub(crate) const ORACLE: (&str, NewRule) = ("oracle", || Box::new(Oracle::new(false)));

/// An oracle that sits a blip of two minutes out.
pub(crate) const PATIENT_ORACLE: (&str, NewRule) = ("oracle-blip", || Box::new(Oracle::new(true)));

pub(crate) const GATE: (&str, NewRule) = ("gate", || Box::new(Gate::new(config())));

pub(crate) const OTHERS: [(&str, NewRule); 8] = [
    ("flagger-5", || Box::new(Flagger::new(5))),
    ("flagger-10", || Box::new(Flagger::new(10))),
    ("argo-1m", || Box::new(Argo::new(1))),
    ("argo-5m", || Box::new(Argo::new(5))),
    ("alarm-1of1", || Box::new(Alarm::new(1))),
    ("alarm-3of3", || Box::new(Alarm::new(3))),
    ("kayenta", || Box::new(Kayenta)),
    ("script", || Box::new(Script)),
];

/// Requests a second.
pub(crate) const SIZES: [f64; 4] = [10.0, 100.0, 1_000.0, 10_000.0];

/// Many cutovers of one kind under one rule.
pub(crate) struct Sample(Vec<Outcome>);

/// Under every rule the cutovers have the same seeds, so that differences between rules are theirs.
pub(crate) fn sample(traffic: Traffic, story: Story, rule: NewRule, runs: u64) -> Sample {
    Sample((1..=runs).map(|seed| run(traffic, story, rule().as_mut(), seed)).collect())
}

impl Sample {
    /// The part of the cutovers that came to this end.
    pub(crate) fn part(&self, end: End) -> f64 {
        self.0.iter().filter(|outcome| outcome.end == end).count() as f64 / self.0.len() as f64
    }

    /// Without those that had come to an end before their fault began.
    pub(crate) fn with_fault(self) -> Sample {
        Sample(self.0.into_iter().filter(|outcome| outcome.delay >= 0).collect())
    }

    pub(crate) fn mean_harm(&self) -> f64 {
        self.0.iter().map(|outcome| outcome.harm).sum::<f64>() / self.0.len() as f64
    }

    /// Minutes until the fault was acted on, where it was before the cutover was completed.
    pub(crate) fn delay(&self, quantile: f64) -> f64 {
        let noticed = self.0.iter().filter(|outcome| outcome.end != End::Completed);
        at(quantile, noticed.map(|outcome| outcome.delay as f64 / 60.0).collect())
    }

    /// Minutes from the start to the end of those that were completed.
    pub(crate) fn minutes_to_complete(&self, quantile: f64) -> f64 {
        let completed = self.0.iter().filter(|outcome| outcome.end == End::Completed);
        at(quantile, completed.map(|outcome| outcome.took as f64 / 60.0).collect())
    }
}

fn at(quantile: f64, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (quantile * values.len() as f64).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
