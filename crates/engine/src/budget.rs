//! How many Route 53 requests an account may still make.
//!
//! Route 53 throttles an account as a whole, together with everything else that uses it, so the engine keeps to half.
//! Nobody waits for the budget: a shift that finds it spent looks again later, and stays ready for a revert, which
//! does not ask the budget at all.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

type Limiter = RateLimiter<NotKeyed, InMemoryState, Monotonic, NoOpMiddleware<Nanos>>;

pub(crate) struct Budgets {
    limiters: BTreeMap<String, Limiter>,
    clock: Monotonic,
}

/// Tokio's clock, which the engine's timers follow, too.
#[derive(Clone, Debug)]
struct Monotonic {
    began: Instant,
}

impl Clock for Monotonic {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.began.elapsed().into()
    }
}

impl Budgets {
    pub(crate) fn new<'a>(accounts: impl IntoIterator<Item = &'a str>, requests_per_second: u32) -> Budgets {
        let rate = NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN);
        // Twice the rate at once: a step of a few zones should not wait for seconds.
        let quota =
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let clock = Monotonic { began: Instant::now() };
        let limiter = |name: &str| (name.to_owned(), RateLimiter::direct_with_clock(quota, clock.clone()));
        let limiters = accounts.into_iter().map(limiter).collect();
        Budgets { limiters, clock }
    }

    /// Takes one request from the budget, or says how long it stays spent.
    pub(crate) fn take(&self, account: &str) -> Result<(), Duration> {
        match self.limiters.get(account).map(RateLimiter::check) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(spent)) => Err(spent.wait_time_from(self.clock.now())),
        }
    }
}
