//! Kayenta's judge: when a step has fifty points of either side, a Mann-Whitney test of the error rates at 98 %
//! confidence. `High` on its only, critical metric is a score of 0; everything else passes.
//!
//! The judge, with its tolerance of 0.25 and confidence of 0.98:
//! <https://github.com/spinnaker/kayenta/blob/39c1d8a3f06298dcd2d3e71fd30998dc98c435ac/kayenta-judge/src/main/scala/com/netflix/kayenta/judge/NetflixACAJudge.scala>;
//! the test, and its solver's exactness of 1e-4:
//! <https://github.com/spinnaker/kayenta/blob/552aa6253b9997f157227094dc555bf2580bf5a2/kayenta-mannwhitney/src/main/scala/com/netflix/kayenta/mannwhitney/MannWhitney.scala>;
//! at least fifty points for each test: <https://spinnaker.io/docs/guides/user/canary/best-practices/>.
//!
//! Kinder than the original: the metric's direction is known to be `increase`, and at 100 %, where no control is left,
//! it passes; and a shift within its solver's tolerance is none, where the original calls rounding errors `High`.

use crossfade_core::gate::{Reading, Row};

use crate::simulation::cutover::{Decision, Rule, Seen};

const POINTS: usize = 50;

/// Seconds that the resolvers are given.
const SETTLES: i64 = 60;

/// Normal quantile, two-sided 98 %.
const Z: f64 = 2.326_347_874_040_840_8;

/// The part of the estimated shift that its confidence interval has to be above.
const TOLERANCE: f64 = 0.25;

/// The original's solver stops there, in percent.
const EXACT_TO: f64 = 1e-4;

pub(crate) struct Kayenta;

impl Rule for Kayenta {
    fn decide(&mut self, seen: &Seen) -> Decision {
        let settled = seen.rows.partition_point(|row| row.start < seen.step_started_at + SETTLES);
        let minutes = &seen.rows[settled..];
        if minutes.len() < POINTS {
            return Decision::Stay;
        }
        let percents = |side: fn(&Row) -> Reading| -> Vec<f64> {
            minutes.iter().map(side).filter_map(percent).collect()
        };
        let is_high = seen.weight < 1.0 && is_high(&percents(|row| row.to), &percents(|row| row.from));
        if is_high { Decision::Revert } else { Decision::Advance }
    }
}

/// The judge's numbers are percents, or its solver's tolerance would be as large as the rates.
fn percent(reading: Reading) -> Option<f64> {
    let requests = reading.requests.filter(|requests| *requests > 0)?;
    Some(100.0 * reading.errors.unwrap_or(0) as f64 / requests as f64)
}

/// In percent.
pub(crate) fn is_high(canary: &[f64], control: &[f64]) -> bool {
    if canary.is_empty() || control.is_empty() {
        return false;
    }
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Where both sides' values overlap, a test that says little without any shift needs none: the usual case.
    if least(canary) <= most(control) && deviations(canary, control, 0.0, true) <= Z {
        return false;
    }
    shift(canary, control, Z) > TOLERANCE * shift(canary, control, 0.0).abs()
}

/// How far the canary has to be moved down until the test says no more than `z` standard deviations: the lower end of
/// the confidence interval, or, at 0, the Hodges-Lehmann estimate. As R's `wilcox.test` finds them.
fn shift(canary: &[f64], control: &[f64], z: f64) -> f64 {
    let range = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(*value), most.max(*value))
        })
    };
    let ((canary_least, canary_most), (control_least, control_most)) = (range(canary), range(control));
    let (mut low, mut high) = (canary_least - control_most, canary_most - control_least);
    if deviations(canary, control, low, z > 0.0) <= z {
        return low;
    }
    if deviations(canary, control, high, z > 0.0) >= z {
        return high;
    }
    while high - low > 0.1 * EXACT_TO {
        let middle = 0.5 * (low + high);
        if deviations(canary, control, middle, z > 0.0) > z { low = middle } else { high = middle }
    }
    let shift = 0.5 * (low + high);
    if shift.abs() < EXACT_TO { 0.0 } else { shift }
}

/// The test's statistic for a canary moved down by `by`, in standard deviations.
fn deviations(canary: &[f64], control: &[f64], by: f64, corrected: bool) -> f64 {
    let moved = canary.iter().map(|value| (value - by, true));
    let mut all: Vec<(f64, bool)> = moved.chain(control.iter().map(|value| (*value, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (n, m) = (canary.len() as f64, control.len() as f64);
    let (mut ranks, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let end = at + all[at..].partition_point(|value| value.0 <= all[at].0);
        let (tied, of_canary) =
            ((end - at) as f64, all[at..end].iter().filter(|value| value.1).count() as f64);
        ranks += of_canary * 0.5 * (at + end + 1) as f64;
        ties += tied * tied * tied - tied;
        at = end;
    }
    let above = ranks - n * (n + 1.0) / 2.0 - n * m / 2.0;
    let correction = if corrected && above != 0.0 { 0.5 * above.signum() } else { 0.0 };
    let variance = n * m / 12.0 * (n + m + 1.0 - ties / ((n + m) * (n + m - 1.0)));
    if variance > 0.0 { (above - correction) / variance.sqrt() } else { 0.0 }
}
