//! The time that a program has had a processor: on a shared machine the wall's clock measures the others, too.

use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(crate) struct Clock {
    wall: Instant,
    processor: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { wall: Instant::now(), processor: processor() }
    }

    /// Of this thread; of the wall where the system does not tell.
    pub(crate) fn elapsed(self) -> Duration {
        match processor().zip(self.processor) {
            Some((now, then)) => now.saturating_sub(then),
            None => self.wall.elapsed(),
        }
    }
}

/// <https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat>
fn processor() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
