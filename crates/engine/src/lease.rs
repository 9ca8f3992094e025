//! Leases, from the side of those who hold them.
//!
//! # The protocol
//!
//! The unit of work is an AWS account, and an account has one lease, a row in the store. Only who holds it runs rounds
//! for the account's shifts. Any replica takes people's commands: they are commits like any other, and the holder sees
//! them at its next look at the store, which a poke may hasten.
//!
//! **Holding.** A lease lasts for [`Terms::lease`] by the database's clock and is renewed after a third of that. Its
//! holder trusts it for a fifth less, counted on its own monotonic clock from the *start* of the attempt that was
//! answered: so its trust ends before the lease does, however long the answer took and whatever wall clocks say. A
//! process that was stopped for a while finds its trust gone when it goes on. Doubt is enough: nobody asks why a
//! renewal was not answered.
//!
//! **Commits** name the lease, and the database refuses them once it is lost, whatever the holder believes.
//!
//! **Effects** cannot be refused by a database. Trust is checked before each, and waiting for an answer ends with it;
//! a batch that is on its way even so is refused by Route 53, once anything newer was written: it is a
//! compare-and-swap over the zone's fences.
//!
//! **Epochs.** Each acquisition gets a higher one, which stands in the fences it writes. After a database lost its
//! newest rows (a failover, a backup) its epochs may come twice; the zones remember better. A round that reads a fence
//! of this installation with a higher epoch than its own is not the newest owner, or does not look like it: it ends,
//! and the lease is acquired anew, above what was seen. So the epoch is `max(database, fences seen) + 1` as soon as a
//! fence matters, without reading every zone beforehand. Nor does a replica take an epoch twice. Two replicas can come to
//! have the same one: the first notices at its next look, within a second, that the lease is not, or no longer, its
//! own; till then a batch of either is refused unless it names the fence that the other left, and a commit names the
//! replica beside the epoch.
//!
//! **Going down without the store.** Down needs nothing: with the database down for all, nobody can take a lease over,
//! and errors must still bring traffic back. So while the store does not answer, a revert or a step back goes on beyond
//! the trust, where everything else stands still. It only lowers the share, and only as a compare-and-swap with what
//! this replica itself left: a fence of a higher generation or epoch than it knows means that somebody else goes on
//! with the shift, and is the end of it (`guard`). It also ends once the store answers that the lease is lost. What
//! remains is a database that only this replica cannot reach: if a new owner has written nothing yet, this one may
//! still take the shift back for errors that both see, even if somebody has just frozen it over there.
//!
//! **Sharing out.** Replicas say in the store that they are there, and for which accounts.
//!
//! - A free account is taken at once by who holds least. Others wait a look for each replica that holds less, so
//!   that one which is hung does not keep an account from being worked on.
//! - Who holds two more than somebody who could have one gives one up, each look, and leaves it alone for a while.
//!   So shares come to differ by one at most, and nothing is handed to and fro. If nobody takes it, it is taken back
//!   and kept.
//! - An account of active shifts that is in nobody's configuration is taken by anybody, to say so; it is given up for
//!   a replica that knows it.
//!
//! - Who has had no answer of an account's Route 53 for [`Terms::unreached`] gives the account up, if somebody else is
//!   there who could have it, and for some minutes does not count as one who could. So each replica tries once, and
//!   where none of them gets an answer, the account stays with the last one until the first may try again.
//!
//! **Leaving.** A daemon that stops ends its rounds, then releases its leases: the next one has them within a second.

mod keeper;
mod roster;
mod terms;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crossfade_ports::store::Lease;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{keeper::Keeper, terms::Terms};

/// No start of an engine comes near this. A fence that says more was not written by one.
const EPOCH_MAX: u64 = 1 << 53;

/// The accounts of this replica, by name.
pub(crate) type Holdings = BTreeMap<String, Arc<Holding>>;

/// A lease that this replica got, for as long as it may still count.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) lease: Lease,
    terms: Terms,
    /// The start of the last attempt that was answered.
    renewed_at: Mutex<Instant>,
    over: CancellationToken,
    /// The highest epoch that was seen: its own, or in a fence.
    seen: AtomicU64,
    route53: Mutex<Route53>,
    /// Wakes the keeper.
    nudge: Arc<Notify>,
}

/// Whether the account's Route 53 answers this replica.
#[derive(Debug)]
struct Route53 {
    answered_at: Instant,
    /// Of the attempts since then that had no answer: when the first began and when the last was over.
    unanswered: Option<(Instant, Instant)>,
}

impl Holding {
    pub(crate) fn new(lease: Lease, terms: Terms, attempted_at: Instant, nudge: Arc<Notify>) -> Holding {
        Holding {
            terms,
            renewed_at: Mutex::new(attempted_at),
            over: CancellationToken::new(),
            // A database that has lost this lease may give its epoch again, but not to the same replica.
            seen: AtomicU64::new(lease.epoch),
            route53: Mutex::new(Route53 { answered_at: attempted_at, unanswered: None }),
            lease,
            nudge,
        }
    }

    /// Whether this replica may act on it now.
    pub(crate) fn is_trusted(&self) -> bool {
        !self.is_over() && Instant::now() < self.trusted_until()
    }

    /// Whether it is known to be lost, rather than only in doubt.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(crate) fn trusted_until(&self) -> Instant {
        self.renewed_at() + self.terms.trusted()
    }

    /// Returns when it is no longer trusted.
    pub(crate) async fn distrusted(&self) {
        while self.is_trusted() {
            tokio::select! {
                () = sleep_until(self.trusted_until()) => {}
                () = self.over.cancelled() => {}
            }
        }
    }

    /// The store said that it is lost.
    pub(crate) fn lose(&self) {
        self.over.cancel();
        self.nudge.notify_one();
    }

    /// Takes note of a fence's epoch. `false` when it is above the lease's, which then is over.
    pub(crate) fn outranks(&self, epoch: u64) -> bool {
        if epoch <= self.lease.epoch || epoch > EPOCH_MAX {
            return true;
        }
        tracing::warn!(
            account.name = self.lease.account,
            lease.epoch = self.lease.epoch,
            fence.epoch = epoch,
            "a fence is newer than the lease"
        );
        self.seen.fetch_max(epoch, Ordering::Relaxed);
        self.lose();
        false
    }

    /// Takes note of an answer of Route 53, even a refusal.
    pub(crate) fn answered(&self) {
        *self.route53() = Route53 { answered_at: Instant::now(), unanswered: None };
    }

    /// Takes note that an attempt which began then had no answer.
    pub(crate) fn unanswered(&self, began: Instant) {
        let mut route53 = self.route53();
        let first = route53.unanswered.map_or(began.max(route53.answered_at), |(first, _)| first);
        route53.unanswered = Some((first, Instant::now()));
    }

    /// Whether there was no answer for so long that somebody else should try.
    fn is_unreached(&self) -> bool {
        self.route53().unanswered.is_some_and(|(first, last)| last - first >= self.terms.unreached())
    }

    fn route53(&self) -> MutexGuard<'_, Route53> {
        self.route53.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next lease's epoch has to be above.
    fn at_least(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    fn renewed(&self, attempted_at: Instant) {
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = attempted_at;
    }

    fn renewal_is_due(&self) -> bool {
        self.renewed_at().elapsed() >= self.terms.renew_every()
    }

    fn renewed_at(&self) -> Instant {
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
