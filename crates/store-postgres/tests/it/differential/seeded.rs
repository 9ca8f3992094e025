//! Random cases that can be had again.
//!
//! `DIFFERENTIAL_CASES` says how many, `DIFFERENTIAL_SEED` which. Both are read when the tests are compiled.

use std::{fmt, num::NonZeroU32};

use proptest::{
    prelude::{ProptestConfig, Rng, Strategy},
    test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

/// Enough for every pair of operations to come after each other somewhere.
const CASES: u32 = 30;

pub(super) struct Seeded {
    seed: u64,
    config: ProptestConfig,
}

impl Seeded {
    pub(super) fn new() -> Seeded {
        let drawn = || TestRunner::default().rng().next_u64();
        let seed = match option_env!("DIFFERENTIAL_SEED") {
            None | Some("") => drawn(),
            Some(text) => parsed("DIFFERENTIAL_SEED", text),
        };
        let config =
            ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
        Seeded { seed, config }
    }

    /// For what is another case each time that it is tried.
    pub(super) fn without_shrinking(mut self) -> Seeded {
        self.config.max_shrink_iters = 0;
        self
    }

    pub(super) fn run<S: Strategy>(self, cases: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
        let Seeded { seed, config } = self;
        let count = config.cases;
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4));
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(cases, test) {
            panic!("{error}\nThese cases again: DIFFERENTIAL_SEED={seed} DIFFERENTIAL_CASES={count}");
        }
    }
}

/// A wrong number is not taken for the usual one: somebody believes that there were as many as they said.
pub(super) fn cases() -> u32 {
    match option_env!("DIFFERENTIAL_CASES") {
        None | Some("") => CASES,
        Some(text) => parsed::<NonZeroU32>("DIFFERENTIAL_CASES", text).get(),
    }
}

fn parsed<T: std::str::FromStr<Err: fmt::Display>>(name: &str, text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

#[test]
#[should_panic(expected = "DIFFERENTIAL_CASES=x2: invalid digit")]
fn what_is_no_number_of_cases_fails() {
    parsed::<NonZeroU32>("DIFFERENTIAL_CASES", "x2");
}
