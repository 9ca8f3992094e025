//! How long everything about a lease takes: all of it follows from the length of the lease.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms(Duration);

/// However long leases are: what was released does not wait for longer.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

impl Terms {
    pub(crate) fn new(lease: Duration) -> Terms {
        Terms(lease)
    }

    /// How long a lost replica's accounts wait for another one.
    pub(crate) fn lease(self) -> Duration {
        self.0
    }

    /// Two renewals may be lost, and the third still comes in time.
    pub(crate) fn renew_every(self) -> Duration {
        self.0 / 3
    }

    /// All but what two clocks can drift apart in it, or a scheduler can delay a check, and much more.
    pub(crate) fn trusted(self) -> Duration {
        self.0 * 4 / 5
    }

    /// An answer that takes longer comes too late for two further attempts within the time of trust.
    pub(crate) fn answer_within(self) -> Duration {
        self.0 / 5
    }

    /// How long a replica counts as present. Less than a lease by more than the time between two renewals, so that a
    /// lost replica's leases never run out before its presence does, and nobody gives up an account for it.
    pub(crate) fn present(self) -> Duration {
        self.0 * 3 / 5
    }

    /// How often it is looked for free accounts.
    pub(crate) fn look_every(self) -> Duration {
        LOOK_AT_LEAST_EVERY.min(self.0 / 15)
    }

    /// How long Route 53 does not answer before another replica should try: what may be a failure of Route 53 itself,
    /// or of the way to it, is given the time that a lost replica is waited for, and a retry or two more.
    pub(crate) fn unreached(self) -> Duration {
        self.0 * 3
    }

    /// How long what was given up is left to others: they look several times meanwhile.
    pub(crate) fn left_to_others(self) -> Duration {
        self.look_every() * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_outlives_two_lost_renewals_and_presence_ends_before_leases_do() {
        for lease in [3, 4, 7, 15, 60, 600].map(Duration::from_secs) {
            let terms = Terms::new(lease);
            let looks = terms.look_every() * 11 / 10;
            assert!(terms.renew_every() * 2 + looks < terms.trusted(), "{lease:?}");
            assert!(terms.trusted() + terms.answer_within() <= lease, "{lease:?}");
            assert!(terms.present() + terms.renew_every() < lease, "{lease:?}");
            assert!(terms.look_every() <= LOOK_AT_LEAST_EVERY, "{lease:?}");
        }
    }
}
