//! What may be asked of a store, in few enough words that everything is said twice.

use proptest::{collection::vec, option, prelude::*, sample::select};

pub(super) const NAMES: [&str; 4] = ["a", "a-b", "a0", "b"];
pub(super) const GROUPS: [&str; 4] = ["w", "x", "y", "z"];
pub(super) const ACCOUNTS: [&str; 2] = ["default", "other"];
pub(super) const REPLICAS: [&str; 2] = ["r1", "r2"];
pub(super) const LABELS: [&[(&str, &str)]; 3] =
    [&[], &[("env", "prod")], &[("env", "test"), ("it's \"odd\".$", "ä'\"\\")]];
pub(super) const TEXTS: [&str; 3] = ["", "as agreed", "Zoë's \"plan\"; -- \\ %s $1 ?1\n\u{1}🦀 \\u0000"];
const PHASES: [&str; 3] = ["scheduled", "running", "cancelled"];
const HOURS: [i64; 3] = [1, 13, 30];

/// Names, groups and the rest by their places in the lists above.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create {
        name: usize,
        groups: Vec<usize>,
        labels: usize,
        key: Option<Key>,
    },
    Commit {
        name: usize,
        base: Base,
        changes: Vec<Change>,
        key: Option<Key>,
        lease: Option<usize>,
    },
    Recall {
        key: Key,
    },
    PutReports {
        names: Vec<usize>,
        percent: u32,
    },
    Load {
        name: usize,
    },
    List {
        phase: Option<&'static str>,
        label: Option<(&'static str, &'static str)>,
        /// Hours ago.
        since: Option<i64>,
        after: Option<usize>,
        limit: u32,
    },
    Claims,
    Active,
    Events {
        name: usize,
        after: u64,
        limit: u32,
    },
    Acquire {
        account: usize,
        replica: usize,
        lasts: bool,
        at_least: u64,
    },
    Renew {
        lease: usize,
        lasts: bool,
    },
    Release {
        lease: usize,
    },
    Leases,
    Attend {
        replica: usize,
        accounts: Vec<usize>,
        lasts: bool,
    },
    Depart {
        replica: usize,
    },
    Replicas,
    /// By the clock of those who send requests.
    Later {
        hours: i64,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) key: usize,
    pub(super) request: usize,
}

/// What a commit was decided on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Present,
    /// So many commits ago.
    Past(usize),
    /// A state that nobody committed.
    Future,
    /// A state with the present version that the store has lost.
    Lost,
    /// The present, and the events are not all there.
    Torn,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Started,
    Paused,
    Approved,
    Dropped { because: usize },
    Revised { labels: usize, account: usize },
    Intended,
    Cancelled,
    Released,
}

/// Mostly what is done most.
pub(super) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let name = 0..NAMES.len();
    let label = option::of(select(LABELS.concat()));
    let since = option::weighted(0.3, prop_oneof![Just(0), select(HOURS.to_vec())]);
    let lasts = prop::bool::weighted(0.7);
    let operation = prop_oneof![
        4 => (name.clone(), vec(0..GROUPS.len(), 0..3), 0..LABELS.len(), key())
            .prop_map(|(name, groups, labels, key)| Operation::Create { name, groups, labels, key }),
        10 => (name.clone(), base(), vec(change(), 0..4), key(), option::weighted(0.3, 0..4_usize))
            .prop_map(|(name, base, changes, key, lease)| Operation::Commit { name, base, changes, key, lease }),
        1 => some_key().prop_map(|key| Operation::Recall { key }),
        1 => (vec(name.clone(), 0..3), 0..100_u32)
            .prop_map(|(names, percent)| Operation::PutReports { names, percent }),
        2 => name.clone().prop_map(|name| Operation::Load { name }),
        2 => (option::of(select(PHASES.to_vec())), label, since, option::of(name.clone()), limit())
            .prop_map(|(phase, label, since, after, limit)| Operation::List { phase, label, since, after, limit }),
        1 => Just(Operation::Claims),
        1 => Just(Operation::Active),
        2 => (name, prop_oneof![4 => 0..6_u64, 1 => Just(u64::MAX)], limit())
            .prop_map(|(name, after, limit)| Operation::Events { name, after, limit }),
        4 => (0..ACCOUNTS.len(), 0..REPLICAS.len(), lasts, 0..4_u64)
            .prop_map(|(account, replica, lasts, at_least)| Operation::Acquire { account, replica, lasts, at_least }),
        1 => (0..4_usize, lasts).prop_map(|(lease, lasts)| Operation::Renew { lease, lasts }),
        1 => (0..4_usize).prop_map(|lease| Operation::Release { lease }),
        1 => Just(Operation::Leases),
        1 => (0..REPLICAS.len(), vec(0..ACCOUNTS.len(), 0..3), lasts)
            .prop_map(|(replica, accounts, lasts)| Operation::Attend { replica, accounts, lasts }),
        1 => (0..REPLICAS.len()).prop_map(|replica| Operation::Depart { replica }),
        1 => Just(Operation::Replicas),
        1 => select(HOURS.to_vec()).prop_map(|hours| Operation::Later { hours }),
    ];
    vec(operation, 1..60)
}

fn base() -> impl Strategy<Value = Base> {
    prop_oneof![
        8 => Just(Base::Present),
        1 => (1..4_usize).prop_map(Base::Past),
        1 => Just(Base::Future),
        1 => Just(Base::Lost),
        1 => Just(Base::Torn),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Started),
        1 => Just(Change::Paused),
        2 => Just(Change::Approved),
        2 => (0..TEXTS.len()).prop_map(|because| Change::Dropped { because }),
        1 => (0..LABELS.len(), 0..ACCOUNTS.len())
            .prop_map(|(labels, account)| Change::Revised { labels, account }),
        1 => Just(Change::Intended),
        1 => Just(Change::Cancelled),
        1 => Just(Change::Released),
    ]
}

fn key() -> impl Strategy<Value = Option<Key>> {
    option::weighted(0.3, some_key())
}

fn some_key() -> impl Strategy<Value = Key> {
    (0..3_usize, 0..2_usize).prop_map(|(key, request)| Key { key, request })
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(100), 2 => 0..4_u32, 1 => Just(u32::MAX)]
}
