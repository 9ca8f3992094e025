//! How many Route 53 requests an account may still make.
//!
//! Route 53 throttles an account as a whole, together with everything else that uses it, so the engine keeps to half.
//! Nobody waits for the budget: a shift that finds it spent looks again later, and stays ready for a revert, which
//! does not ask the budget at all.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::{InMemoryState, NotKeyed},
};

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

pub(crate) struct Budgets {
    limiters: BTreeMap<String, Limiter>,
    clock: DefaultClock,
}

impl Budgets {
    pub(crate) fn new<'a>(accounts: impl IntoIterator<Item = &'a str>, requests_per_second: u32) -> Budgets {
        let rate = NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN);
        // Twice the rate at once: a step of a few zones should not wait for seconds.
        let quota =
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        let limiters =
            accounts.into_iter().map(|name| (name.to_owned(), RateLimiter::direct(quota))).collect();
        Budgets { limiters, clock: DefaultClock::default() }
    }

    /// Takes one request from the budget, or says how long it stays spent.
    pub(crate) fn take(&self, account: &str) -> Result<(), Duration> {
        match self.limiters.get(account).map(RateLimiter::check) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(spent)) => Err(spent.wait_time_from(self.clock.now())),
        }
    }
}
