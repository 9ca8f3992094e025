//! Leases in memory, by a clock of their own: the database's.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::store::{Lease, Replica, StoreError, Tenure};

#[derive(Clone, Debug)]
pub(super) struct Desk {
    began: Instant,
    /// By how much a test has moved the clock.
    moved: Duration,
    leases: BTreeMap<String, Row>,
    /// With the end of their attendance.
    replicas: BTreeMap<String, (Replica, Duration)>,
}

#[derive(Clone, Debug)]
struct Row {
    owner: Option<String>,
    epoch: u64,
    expires_at: Duration,
}

impl Default for Desk {
    fn default() -> Self {
        Desk {
            began: Instant::now(),
            moved: Duration::ZERO,
            leases: BTreeMap::new(),
            replicas: BTreeMap::new(),
        }
    }
}

impl Desk {
    pub(super) fn advance(&mut self, by: Duration) {
        self.moved += by;
    }

    pub(super) fn acquire(
        &mut self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Option<Lease> {
        let (now, before) = (self.now(), self.leases.get(account));
        let taken = before.is_some_and(|row| {
            row.expires_at > now && row.owner.as_deref().is_some_and(|owner| owner != replica)
        });
        if taken {
            return None;
        }
        let epoch = before.map_or(0, |row| row.epoch).max(at_least) + 1;
        let row = Row { owner: Some(replica.to_owned()), epoch, expires_at: now + ttl };
        self.leases.insert(account.to_owned(), row);
        Some(Lease { account: account.to_owned(), owner: replica.to_owned(), epoch })
    }

    pub(super) fn renew(&mut self, lease: &Lease, ttl: Duration) -> bool {
        let until = self.now() + ttl;
        self.held(lease).map(|row| row.expires_at = until).is_some()
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        if let Some(row) = self.held(lease) {
            row.owner = None;
        }
    }

    pub(super) fn leases(&self) -> Vec<Tenure> {
        let now = self.now();
        let tenure = |(account, row): (&String, &Row)| {
            let owner = row.owner.clone().filter(|_| row.expires_at > now)?;
            let lease = Lease { account: account.clone(), owner, epoch: row.epoch };
            let expires_at = SignedDuration::try_from(row.expires_at).unwrap_or(SignedDuration::MAX);
            Some(Tenure { lease, expires_at: Timestamp::UNIX_EPOCH + expires_at })
        };
        self.leases.iter().filter_map(tenure).collect()
    }

    pub(super) fn refuse_lost(&mut self, lease: Option<&Lease>) -> Result<(), StoreError> {
        match lease {
            Some(lease) if self.held(lease).is_none() => {
                Err(StoreError::LeaseLost { account: lease.account.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn attend(&mut self, replica: &Replica, ttl: Duration) {
        let until = self.now() + ttl;
        self.replicas.insert(replica.id.clone(), (replica.clone(), until));
    }

    pub(super) fn depart(&mut self, replica: &str) {
        self.replicas.remove(replica);
    }

    pub(super) fn replicas(&self) -> Vec<Replica> {
        let now = self.now();
        self.replicas.values().filter(|(_, until)| *until > now).map(|(replica, _)| replica.clone()).collect()
    }

    fn held(&mut self, lease: &Lease) -> Option<&mut Row> {
        let now = self.now();
        let row = self.leases.get_mut(&lease.account)?;
        let held =
            row.owner.as_ref() == Some(&lease.owner) && row.epoch == lease.epoch && row.expires_at > now;
        held.then_some(row)
    }

    fn now(&self) -> Duration {
        self.began.elapsed() + self.moved
    }
}
