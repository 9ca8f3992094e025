//! Who is compared, and what becomes of many cutovers under each.

use crate::{
    alarm::Alarm,
    argo::Argo,
    flagger::Flagger,
    kayenta::Kayenta,
    oracle::{BURSTINESS, Oracle},
    script::Script,
    simulation::{
        cutover::{End, Outcome, Rule, Story, run},
        ours::{Gate, config},
        traffic::Traffic,
    },
};

pub(crate) type NewRule = fn() -> Box<dyn Rule>;

pub(crate) const ORACLE: (&str, NewRule) = ("oracle", || Box::new(Oracle::new(false, BURSTINESS)));

/// An oracle that sits a blip of two minutes out.
pub(crate) const PATIENT_ORACLE: (&str, NewRule) =
    ("oracle-blip", || Box::new(Oracle::new(true, BURSTINESS)));

pub(crate) const GATE: (&str, NewRule) = ("gate", || Box::new(Gate::new(config())));

/// The gate with the design's order of verdicts: a step that is stalled and bad is held while its meter is not empty.
pub(crate) const HOLDING_FIRST: (&str, NewRule) =
    ("holding first", || Box::new(Gate::new(config()).holding_first()));

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

/// Runs of the design's simulation: of a cutover that should be completed, and of one that breaks.
pub(crate) const DESIGN_RUNS: f64 = 4_000.0;
pub(crate) const DESIGN_BROKEN_RUNS: f64 = 1_000.0;

/// Many cutovers of one kind under one rule.
pub(crate) struct Sample(Vec<Outcome>);

/// Under every rule the cutovers have the same seeds, so that differences between rules are theirs.
pub(crate) fn sample(traffic: Traffic, story: Story, rule: NewRule, runs: u64) -> Sample {
    sample_of(traffic, story, || rule(), runs)
}

pub(crate) fn sample_of(
    traffic: Traffic,
    story: Story,
    rule: impl Fn() -> Box<dyn Rule>,
    runs: u64,
) -> Sample {
    // FNV-1a of what is simulated, so that chance is not the same in every row of a table.
    let what = format!("{traffic:?} {story:?}");
    let first = what.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    let seeds = (0..runs).map(|at| first.wrapping_add(at));
    Sample(seeds.map(|seed| run(traffic, story, rule().as_mut(), seed)).collect())
}

pub(crate) fn rules() -> impl Iterator<Item = (&'static str, NewRule)> {
    [GATE].into_iter().chain(OTHERS)
}

/// How often the design ran a rule.
pub(crate) fn design_runs(rule: &str, story: Story) -> f64 {
    let breaks = matches!(story, Story::Breaks(_) | Story::BreaksOnAndOff(_));
    match (rule, breaks) {
        ("kayenta", true) => 200.0,
        ("kayenta", false) => 500.0,
        (_, true) => DESIGN_BROKEN_RUNS,
        ("gate", false) if story == Story::Healthy => 20_000.0,
        (_, false) => DESIGN_RUNS,
    }
}

impl Sample {
    pub(crate) fn runs(&self) -> f64 {
        self.0.len() as f64
    }

    /// The part of the cutovers that came to this end.
    pub(crate) fn part(&self, end: End) -> f64 {
        self.0.iter().filter(|outcome| outcome.end == end).count() as f64 / self.runs()
    }

    /// Without those that had come to an end before their fault began.
    pub(crate) fn with_fault(self) -> Sample {
        Sample(self.0.into_iter().filter(|outcome| outcome.delay >= 0).collect())
    }

    pub(crate) fn mean_harm(&self) -> f64 {
        self.0.iter().map(|outcome| outcome.harm).sum::<f64>() / self.runs()
    }

    pub(crate) fn deviation_of_harm(&self) -> f64 {
        let mean = self.mean_harm();
        (self.0.iter().map(|outcome| (outcome.harm - mean).powi(2)).sum::<f64>() / self.runs()).sqrt()
    }

    /// Minutes until the fault was acted on, where it was before the cutover was completed; sorted.
    pub(crate) fn delays(&self) -> Vec<f64> {
        let noticed = self.0.iter().filter(|outcome| outcome.end != End::Completed);
        sorted(noticed.map(|outcome| outcome.delay as f64 / 60.0).collect())
    }

    /// Minutes from the start to the end of those that were completed; sorted.
    pub(crate) fn minutes_to_complete(&self) -> Vec<f64> {
        let completed = self.0.iter().filter(|outcome| outcome.end == End::Completed);
        sorted(completed.map(|outcome| outcome.took as f64 / 60.0).collect())
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn at(quantile: f64, sorted: &[f64]) -> f64 {
    let at = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
