//! The time, as an argument of everything that depends on it.

use jiff::Timestamp;

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's clock: the only place of the product that reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the source that everything else is told to use")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
