//! Gets leases, renews them, gives them up.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use crossfade_ports::{
    Clock, Store, StoreError, Vitals,
    store::{Lease, Replica},
    vitals::Held,
};
use futures::future::{join, join_all};
use jiff::SignedDuration;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Holding, Holdings, Terms, roster::Roster};
use crate::{Point, Probe};

/// After nobody took what was given up, nothing is given up for so long: whoever should have is not well.
const KEPT_AFTERWARDS: Duration = Duration::from_secs(60);

/// Who could not reach Route 53 leaves the account to others for so long. Each change of hands takes from shifts the
/// time to read everything anew, so it should be rare where nobody is better off.
const WITHDRAWN: Duration = Duration::from_secs(600);

pub(crate) struct Keeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    vitals: Vitals,
    probe: Probe,
    me: Replica,
    terms: Terms,
    held: Holdings,
    published: watch::Sender<Holdings>,
    /// The accounts of active shifts.
    worked_on: watch::Receiver<BTreeSet<String>>,
    /// From when on an account has been free, or is to be taken for free.
    free_since: BTreeMap<String, Instant>,
    given_up: BTreeSet<String>,
    /// Accounts whose Route 53 did not answer here, and until when this replica does not count as one that could have
    /// them.
    withdrawn: BTreeMap<String, Instant>,
    /// Until when nothing is given up.
    kept_until: Instant,
    attended_at: Option<Instant>,
    nudge: Arc<Notify>,
    looks: u64,
    /// Whether the store failed at the last look, so that an outage is logged once.
    troubled: bool,
}

/// What became of a lease.
enum Kept {
    Still,
    Anew(Arc<Holding>),
    Lost,
    /// The store did not answer.
    Unknown(StoreError),
}

impl Keeper {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        vitals: Vitals,
        probe: Probe,
        me: Replica,
        terms: Terms,
        worked_on: watch::Receiver<BTreeSet<String>>,
    ) -> Keeper {
        Keeper {
            store,
            clock,
            vitals,
            probe,
            me,
            terms,
            held: Holdings::new(),
            published: watch::Sender::default(),
            worked_on,
            free_since: BTreeMap::new(),
            given_up: BTreeSet::new(),
            withdrawn: BTreeMap::new(),
            kept_until: Instant::now(),
            attended_at: None,
            nudge: Arc::new(Notify::new()),
            looks: 0,
            troubled: false,
        }
    }

    pub(crate) fn holdings(&self) -> watch::Receiver<Holdings> {
        self.published.subscribe()
    }

    /// Makes it look at once.
    pub(crate) fn nudge(&self) -> Arc<Notify> {
        self.nudge.clone()
    }

    /// Until it is cancelled; then gives up all it holds.
    pub(crate) async fn run(mut self, done: CancellationToken) {
        let nudge = self.nudge.clone();
        loop {
            tokio::select! {
                // What was asked of the store and is not waited for has no effect that would not run out by itself.
                () = done.cancelled() => break,
                () = self.look() => {}
            }
            tokio::select! {
                () = done.cancelled() => break,
                () = nudge.notified() => {}
                () = sleep(self.pause()) => {}
            }
        }
        self.leave().await;
    }

    async fn look(&mut self) {
        self.looks += 1;
        let outcome = async {
            self.keep().await?;
            self.publish();
            self.share_out().await
        };
        let outcome = outcome.await;
        self.publish();
        if let Err(error) = &outcome
            && !self.troubled
        {
            tracing::warn!(error = %error, "leases cannot be looked after");
        }
        self.troubled = outcome.is_err();
    }

    /// Renews what is due, and gets back what was lost where nobody else has it yet.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let due: Vec<Arc<Holding>> = self
            .held
            .values()
            .filter(|holding| holding.is_over() || holding.renewal_is_due())
            .cloned()
            .collect();
        let outcomes = join_all(due.iter().map(|holding| self.renew(holding))).await;
        let mut outcome = Ok(());
        for (before, kept) in due.iter().zip(outcomes) {
            let account = &before.lease.account;
            match kept {
                Kept::Still => {}
                Kept::Anew(holding) => {
                    self.held.insert(account.clone(), holding);
                }
                Kept::Lost => {
                    tracing::warn!(
                        account.name = account,
                        lease.epoch = before.lease.epoch,
                        "the lease is somebody else's"
                    );
                    self.held.remove(account);
                }
                Kept::Unknown(error) => outcome = Err(error),
            }
        }
        outcome
    }

    async fn renew(&self, holding: &Holding) -> Kept {
        if !holding.is_over() {
            let attempted_at = Instant::now();
            match self.answered(self.store.renew(&holding.lease, self.terms.lease())).await {
                Ok(true) => {
                    self.probe.at(Point::LeaseRenewed);
                    holding.renewed(attempted_at);
                    return Kept::Still;
                }
                Ok(false) => holding.lose(),
                Err(error) => return Kept::Unknown(error),
            }
        }
        match self.acquire(&holding.lease.account, holding.at_least()).await {
            Ok(Some(holding)) => Kept::Anew(holding),
            Ok(None) => Kept::Lost,
            Err(error) => Kept::Unknown(error),
        }
    }

    async fn acquire(&self, account: &str, at_least: u64) -> Result<Option<Arc<Holding>>, StoreError> {
        let attempted_at = Instant::now();
        let acquired =
            self.answered(self.store.acquire(account, &self.me.id, self.terms.lease(), at_least)).await?;
        Ok(acquired.map(|lease| {
            tracing::info!(account.name = account, lease.epoch = lease.epoch, "the lease is held");
            Arc::new(Holding::new(lease, self.terms, attempted_at, self.nudge.clone()))
        }))
    }

    async fn share_out(&mut self) -> Result<(), StoreError> {
        if self.attended_at.is_none_or(|at| at.elapsed() >= self.terms.renew_every()) {
            self.attend().await?;
        }
        let (leases, replicas) =
            join(self.answered(self.store.leases()), self.answered(self.store.replicas())).await;
        let (leases, replicas) = (leases?, replicas?);
        for holding in self.held.values() {
            // Somebody else's by now, or nobody's: a database that fell back may never have heard of it.
            if !holding.is_over() && !leases.iter().any(|tenure| tenure.lease == holding.lease) {
                holding.lose();
            }
        }
        let mut roster = Roster::new(&self.me, replicas, &leases, &self.worked_on.borrow());
        self.take(&mut roster).await?;
        self.give_up_one(&roster).await?;
        self.hand_on_one(&roster).await
    }

    /// Says which accounts this replica could have.
    async fn attend(&mut self) -> Result<(), StoreError> {
        let at = Instant::now();
        self.withdrawn.retain(|_, until| at < *until);
        let mut me = self.me.clone();
        me.accounts.retain(|account| !self.withdrawn.contains_key(account));
        self.answered(self.store.attend(&me, self.terms.present())).await?;
        self.attended_at = Some(at);
        Ok(())
    }

    async fn take(&mut self, roster: &mut Roster) -> Result<(), StoreError> {
        let free: BTreeSet<String> =
            roster.free().into_iter().filter(|account| !self.held.contains_key(account)).collect();
        self.free_since.retain(|account, _| free.contains(account));
        self.given_up.retain(|account| free.contains(account));
        for account in free {
            let since = *self.free_since.entry(account.clone()).or_insert_with(Instant::now);
            if Instant::now() < since + self.terms.look_every() * roster.before_me(&account) {
                continue;
            }
            if let Some(holding) = self.acquire(&account, 0).await? {
                roster.taken(&account);
                if self.given_up.remove(&account) {
                    self.kept_until = Instant::now() + KEPT_AFTERWARDS;
                }
                self.held.insert(account, holding);
                self.publish();
            }
        }
        Ok(())
    }

    async fn give_up_one(&mut self, roster: &Roster) -> Result<(), StoreError> {
        if Instant::now() < self.kept_until {
            return Ok(());
        }
        let surplus = self.held.keys().find(|account| roster.is_surplus(account)).cloned();
        let Some(holding) = surplus.and_then(|account| self.held.remove(&account)) else { return Ok(()) };
        let Lease { account, epoch, .. } = &holding.lease;
        tracing::info!(
            account.name = account,
            lease.epoch = epoch,
            "the lease is given up for another replica"
        );
        self.free_since.insert(account.clone(), Instant::now() + self.terms.left_to_others());
        self.given_up.insert(account.clone());
        self.publish();
        holding.lose();
        self.answered(self.store.release(&holding.lease)).await
    }

    /// Lets another replica try where Route 53 does not answer this one.
    async fn hand_on_one(&mut self, roster: &Roster) -> Result<(), StoreError> {
        let hopeless = |(account, holding): &(&String, &Arc<Holding>)| {
            holding.is_unreached() && roster.is_for_others(account)
        };
        let Some(account) = self.held.iter().find(hopeless).map(|(account, _)| account.clone()) else {
            return Ok(());
        };
        // First, so that nobody means to be fair and gives it back.
        self.withdrawn.insert(account.clone(), Instant::now() + WITHDRAWN);
        self.attend().await?;
        let Some(holding) = self.held.remove(&account) else { return Ok(()) };
        tracing::warn!(
            account.name = account,
            lease.epoch = holding.lease.epoch,
            "Route 53 does not answer; the lease is given up for another replica to try"
        );
        self.publish();
        holding.lose();
        self.answered(self.store.release(&holding.lease)).await
    }

    /// What cannot be released runs out.
    async fn leave(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.publish();
        held.values().for_each(|holding| holding.lose());
        let releases = held.values().map(|holding| self.answered(self.store.release(&holding.lease)));
        let (released, departed) =
            join(join_all(releases), self.answered(self.store.depart(&self.me.id))).await;
        for error in released.into_iter().filter_map(Result::err).chain(departed.err()) {
            tracing::warn!(error = %error, "a lease was not released; it runs out in {} s", self.terms.lease().as_secs());
        }
    }

    fn publish(&self) {
        let same = |one: &Holdings, other: &Holdings| {
            one.len() == other.len() && one.values().zip(other.values()).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        self.published.send_if_modified(|published| {
            let modified = !same(published, &self.held);
            published.clone_from(&self.held);
            modified
        });
        metrics::gauge!("crossfade_leases_held").set(self.held.len() as f64);
        let held = |holding: &Holding| {
            let left = holding.trusted_until().saturating_duration_since(Instant::now());
            let left = if holding.is_over() { Duration::ZERO } else { left };
            let trusted_until = self.clock.now() + SignedDuration::try_from(left).unwrap_or_default();
            Held { epoch: holding.lease.epoch, trusted_until }
        };
        let leases = self.held.iter().map(|(account, holding)| (account.clone(), held(holding))).collect();
        self.vitals.note(|signs| {
            signs.replica.clone_from(&self.me.id);
            signs.leases = leases;
        });
    }

    /// A tenth more or less each time, so that replicas that were started together do not ask together for ever.
    fn pause(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.me.id, self.looks).hash(&mut hasher);
        let thousandth = u32::try_from(hasher.finish() % 201).unwrap_or_default();
        self.terms.look_every() * (900 + thousandth) / 1_000
    }

    async fn answered<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let within = self.terms.answer_within();
        timeout(within, answer).await.unwrap_or_else(|_| {
            let what = format!("no answer within {within:?}");
            Err(StoreError::Unavailable { what, source: None })
        })
    }
}
