//! The world's time: one place that reads a clock, and it follows tokio's, so a paused runtime pauses the world.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, with fractions.
pub(crate) type UnixSeconds = f64;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: tokio::time::Instant,
    started_unix: Duration,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the world has to start at some time, and nobody above hands it one"
    )]
    pub(crate) fn start() -> Self {
        Self {
            started: tokio::time::Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    pub(crate) fn unix(&self) -> UnixSeconds {
        (self.started_unix + self.started.elapsed()).as_secs_f64()
    }

    /// RFC 3339 in UTC with milliseconds, as Route 53 writes `SubmittedAt`.
    pub(crate) fn rfc3339(at: UnixSeconds) -> String {
        let millis = (at * 1000.0) as i64;
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            Err(_) => "1970-01-01T00:00:00.000Z".to_owned(),
        }
    }
}
