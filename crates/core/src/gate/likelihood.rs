//! How much likelier a period's errors are at one error rate than at another.
//!
//! Errors come in bursts, so they are taken for beta-binomial: in each period the rate wavers around its mean, and
//! any two requests of a period fail together with the correlation `burstiness`. However many requests there are, a
//! period then counts for no more than 1 / burstiness independent ones.

/// Above this, counts are scaled down together: it is far beyond what a period can tell, and floats still resolve it.
const MOST_REQUESTS: f64 = 1e9;

/// Rising factorials of so few factors are multiplied out, which is exact and takes one logarithm.
const FEW: f64 = 16.0;

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// The counts of a period, ready to be asked about several rates.
pub(super) struct Sample {
    errors: f64,
    successes: f64,
    /// The two parameters of the beta distribution together.
    concentration: f64,
}

impl Sample {
    pub(super) fn new(requests: u64, errors: u64, burstiness: f64) -> Sample {
        Sample::expected(requests as f64, errors as f64, burstiness)
    }

    /// Counts that need not be whole.
    pub(super) fn expected(requests: f64, errors: f64, burstiness: f64) -> Sample {
        let scale = (MOST_REQUESTS / requests).min(1.0);
        Sample {
            errors: errors * scale,
            successes: (requests - errors) * scale,
            concentration: 1.0 / burstiness - 1.0,
        }
    }

    /// The logarithm of the likelihood at the mean rate `rate`, without the terms that no rate changes.
    pub(super) fn ln_likelihood(&self, rate: f64) -> f64 {
        ln_rising(rate * self.concentration, self.errors)
            + ln_rising((1.0 - rate) * self.concentration, self.successes)
    }
}

/// ln Γ(from + count) − ln Γ(from).
fn ln_rising(from: f64, count: f64) -> f64 {
    if count <= FEW && count.fract() == 0.0 {
        let factors = 0..count as u32;
        return factors.map(|i| from + f64::from(i)).product::<f64>().ln();
    }
    ln_gamma(from + count) - ln_gamma(from)
}

/// The logarithm of the gamma function of a positive number: moved to 10 and beyond, where six terms of Stirling's
/// series are as exact as a float. <https://dlmf.nist.gov/5.11#E1>
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut passed) = (x, 1.0);
    while x < 10.0 {
        passed *= x;
        x += 1.0;
    }
    let r = 1.0 / x;
    let r2 = r * r;
    let beyond = r2 * (1.0 / 1_188.0 - r2 * (691.0 / 360_360.0));
    let series = r * (1.0 / 12.0 - r2 * (1.0 / 360.0 - r2 * (1.0 / 1_260.0 - r2 * (1.0 / 1_680.0 - beyond))));
    let moved = if passed == 1.0 { 0.0 } else { passed.ln() };
    (x - 0.5) * x.ln() - x + HALF_LN_TAU + series - moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_is_that_of_the_tables() {
        for (x, wanted) in [
            (0.5, 0.572_364_942_924_700_1),
            (1.0, 0.0),
            (2.0, 0.0),
            (5.0, 24_f64.ln()),
            (14.5, 23.862_765_841_689_085),
            (100.0, 359.134_205_369_575_4),
            (1e6, 12_815_504.569_147_77),
        ] {
            let found = ln_gamma(x);
            assert!((found - wanted).abs() <= 1e-13 * wanted.abs().max(1.0), "{x}: {found}");
        }
    }

    #[test]
    fn multiplied_out_or_not_it_is_the_same() {
        for from in [1e-6, 0.6, 6.0, 993.0, 99_999.0] {
            for count in 0..=16 {
                let count = f64::from(count);
                let (product, gammas) = (ln_rising(from, count), ln_gamma(from + count) - ln_gamma(from));
                assert!((product - gammas).abs() < 1e-9, "{from} {count}: {product} {gammas}");
            }
        }
    }

    /// 3 errors in 60 requests, at 1.2 % against 0.6 %; the number is from exact fractions.
    #[test]
    fn a_ratio_by_another_hand() {
        let sample = Sample::new(60, 3, 0.001);
        let ratio = sample.ln_likelihood(0.012) - sample.ln_likelihood(0.006);
        assert!((ratio - 1.535_926_360_027_698_2).abs() < 1e-11, "{ratio}");
    }

    #[test]
    fn counts_beyond_measure_are_scaled() {
        let ratio = |requests: u64, errors: u64| {
            let sample = Sample::new(requests, errors, 0.001);
            sample.ln_likelihood(0.05) - sample.ln_likelihood(0.01)
        };
        for (percent, sign) in [(0, -1.0), (1, -1.0), (5, 1.0), (100, 1.0)] {
            let (many, all) =
                (ratio(100_000_000_000, 1_000_000_000 * percent), ratio(u64::MAX, u64::MAX / 100 * percent));
            assert!(
                all.is_finite() && all.signum() == sign && (many - all).abs() < 0.01 * all.abs(),
                "{many} {all}"
            );
        }
    }
}
