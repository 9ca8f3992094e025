//! Chance from a seed, for simulations: the same on every machine, and no dependency.

/// SplitMix64. <https://prng.di.unimi.it/splitmix64.c>
pub(crate) struct Random(u64);

/// Fewer successes than this are drawn exactly; more are close enough to normal.
const EXACT_BELOW: f64 = 40.0;

impl Random {
    /// Seeds that follow each other begin far apart: where they are steps of the generator itself, each cutover would
    /// be drawn from the numbers of the one before.
    pub(crate) fn new(seed: u64) -> Random {
        Random(mixed(mixed(seed.wrapping_add(1))))
    }

    /// Above 0 and below 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mixed(self.0) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON / 4.0
    }

    /// From 0 to `end`, without it.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        (self.uniform() * end as f64) as i64
    }

    pub(crate) fn binomial(&mut self, trials: u64, chance: f64) -> u64 {
        if chance <= 0.0 || trials == 0 {
            return 0;
        }
        if chance > 0.5 {
            return trials - self.binomial(trials, 1.0 - chance);
        }
        let mean = trials as f64 * chance;
        if mean >= EXACT_BELOW {
            let drawn = mean + self.normal() * (mean * (1.0 - chance)).sqrt();
            return (drawn.round().max(0.0) as u64).min(trials);
        }
        // By inversion, from no success upwards.
        let (ratio, mut left) = (chance / (1.0 - chance), self.uniform());
        let mut at = ((-chance).ln_1p() * trials as f64).exp();
        for successes in 0..trials {
            left -= at;
            if left < 0.0 {
                return successes;
            }
            at *= ratio * (trials - successes) as f64 / (successes + 1) as f64;
            // What is left is less than a float can tell from nothing.
            if at == 0.0 {
                return successes;
            }
        }
        trials
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean >= EXACT_BELOW {
            return (mean + self.normal() * mean.sqrt()).round().max(0.0) as u64;
        }
        let (mut left, mut at, mut count) = (self.uniform(), (-mean).exp(), 0);
        while left >= at && at > 0.0 {
            left -= at;
            count += 1;
            at *= mean / count as f64;
        }
        count
    }

    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// By Marsaglia and Tsang. <https://doi.org/10.1145/358407.358414>
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.uniform().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn mixed(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
