//! How many Route 53 requests an account may still make.
//!
//! Route 53 throttles an account as a whole, together with everything else that uses it, so the engine keeps to half.
//! Nobody waits for the budget: a shift that finds it spent looks again later, and stays ready for a revert, which
//! does not ask the budget at all.
//!
//! Reading back what is thought to be unchanged goes in turn, and leaves a part of the budget to whoever has something
//! to do: among hundreds of shifts, those that look first would otherwise take all of it, again and again.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

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
    accounts: BTreeMap<String, Budget>,
    clock: Monotonic,
    /// Between two zones that are read back: four fifths of the budget.
    turns_every: Duration,
}

struct Budget {
    limiter: Limiter,
    next_turn: Mutex<Instant>,
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
        let budget = |name: &str| {
            let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
            (name.to_owned(), Budget { limiter, next_turn: Mutex::new(Instant::now()) })
        };
        let accounts = accounts.into_iter().map(budget).collect();
        Budgets { accounts, clock, turns_every: Duration::from_secs(5) / 4 / rate.get() }
    }

    /// Takes one request from the budget, or says how long it stays spent.
    pub(crate) fn take(&self, account: &str) -> Result<(), Duration> {
        match self.accounts.get(account).map(|budget| budget.limiter.check()) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(spent)) => Err(spent.wait_time_from(self.clock.now())),
        }
    }

    /// How long it is until a zone may be read back. Whoever has no turn yet gets the next one that is free.
    pub(crate) fn turn(&self, account: &str, turn: &mut Option<Instant>) -> Duration {
        let Some(budget) = self.accounts.get(account) else { return Duration::ZERO };
        let now = Instant::now();
        let at = *turn.get_or_insert_with(|| {
            let mut next = budget.next_turn.lock().unwrap_or_else(PoisonError::into_inner);
            let at = now.max(*next);
            *next = at + self.turns_every;
            at
        });
        at.saturating_duration_since(now)
    }

    /// Nobody waits in these accounts any more: whoever comes next does not stand behind empty places.
    pub(crate) fn forget_turns(&self, of: impl Fn(&str) -> bool) {
        for (_, budget) in self.accounts.iter().filter(|(name, _)| of(name)) {
            *budget.next_turn.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }
}
