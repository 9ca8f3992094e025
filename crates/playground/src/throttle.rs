//! The account's token bucket for Route 53 calls.

use serde::{Deserialize, Serialize};

use crate::clock::UnixSeconds;

/// A token bucket: so many calls at once, so many more each second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throttle {
    /// Calls that may come at once.
    pub capacity: f64,
    /// Calls per second in the long run.
    pub refill_per_second: f64,
}

impl Default for Throttle {
    /// Route 53's account-level bucket.
    fn default() -> Self {
        Self { capacity: 50.0, refill_per_second: 10.0 }
    }
}

#[derive(Debug)]
pub(crate) struct Bucket {
    throttle: Option<Throttle>,
    tokens: f64,
    filled_at: UnixSeconds,
}

impl Bucket {
    pub(crate) fn new(throttle: Option<Throttle>, now: UnixSeconds) -> Self {
        Self { throttle, tokens: throttle.map_or(0.0, |throttle| throttle.capacity), filled_at: now }
    }

    /// Takes a token; false when there is none.
    pub(crate) fn admit(&mut self, now: UnixSeconds) -> bool {
        let Some(throttle) = self.throttle else { return true };
        let refilled = (now - self.filled_at).max(0.0) * throttle.refill_per_second;
        self.tokens = (self.tokens + refilled).min(throttle.capacity);
        self.filled_at = now;
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_empties_and_refills() {
        let mut bucket = Bucket::new(Some(Throttle { capacity: 2.0, refill_per_second: 1.0 }), 0.0);
        assert!(bucket.admit(0.0));
        assert!(bucket.admit(0.0));
        assert!(!bucket.admit(0.5));
        assert!(bucket.admit(1.0));
        assert!(!bucket.admit(1.0));
        assert!(bucket.admit(100.0));
        assert!(bucket.admit(100.0));
        assert!(!bucket.admit(100.0));
    }
}
