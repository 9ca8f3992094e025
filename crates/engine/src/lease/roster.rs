//! Who takes part and who holds what, as the store had it a moment ago.

use std::collections::{BTreeMap, BTreeSet};

use crossfade_ports::store::{Replica, Tenure};

pub(super) struct Roster {
    me: String,
    replicas: Vec<Replica>,
    /// Holder by account.
    holders: BTreeMap<String, String>,
    /// Accounts of active shifts that no replica has in its configuration.
    strays: BTreeSet<String>,
}

impl Roster {
    /// `me` is taken for present even where the store does not know it yet.
    pub(super) fn new(
        me: &Replica,
        mut replicas: Vec<Replica>,
        leases: &[Tenure],
        worked_on: &BTreeSet<String>,
    ) -> Roster {
        if !replicas.iter().any(|replica| replica.id == me.id) {
            replicas.push(me.clone());
        }
        let known = |account: &String| replicas.iter().any(|replica| replica.accounts.contains(account));
        let strays = worked_on.iter().filter(|account| !known(account)).cloned().collect();
        let held = |tenure: &Tenure| (tenure.lease.account.clone(), tenure.lease.owner.clone());
        Roster { me: me.id.clone(), replicas, holders: leases.iter().map(held).collect(), strays }
    }

    /// Accounts that nobody else holds and that this replica may take.
    pub(super) fn free(&self) -> Vec<String> {
        let mine = self.replicas.iter().filter(|replica| replica.id == self.me);
        let may = mine.flat_map(|replica| &replica.accounts).chain(&self.strays);
        may.filter(|account| self.holders.get(*account).is_none_or(|holder| *holder == self.me))
            .cloned()
            .collect()
    }

    /// How many others hold less than this replica and could take the account as well.
    pub(super) fn before_me(&self, account: &str) -> u32 {
        let mine = self.held_by(&self.me);
        let poorer = self.others_for(account).filter(|other| self.held_by(&other.id) < mine);
        u32::try_from(poorer.count()).unwrap_or(u32::MAX)
    }

    /// Whether somebody else should rather have this replica's account.
    pub(super) fn is_surplus(&self, account: &str) -> bool {
        let mine = self.held_by(&self.me);
        let stray =
            !self.replicas.iter().any(|replica| replica.id == self.me && replica.accounts.contains(account));
        let knows = |other: &Replica| other.accounts.contains(account);
        self.others_for(account).any(|other| (stray && knows(other)) || self.held_by(&other.id) + 2 <= mine)
    }

    /// Whether somebody else could have the account.
    pub(super) fn is_for_others(&self, account: &str) -> bool {
        self.others_for(account).next().is_some()
    }

    pub(super) fn taken(&mut self, account: &str) {
        self.holders.insert(account.to_owned(), self.me.clone());
    }

    fn others_for(&self, account: &str) -> impl Iterator<Item = &Replica> {
        let stray = self.strays.contains(account);
        self.replicas
            .iter()
            .filter(move |other| other.id != self.me && (stray || other.accounts.contains(account)))
    }

    fn held_by(&self, replica: &str) -> usize {
        self.holders.values().filter(|holder| *holder == replica).count()
    }
}
