//! Leases: which replica works on which AWS account, for how long.
//!
//! A lease runs by the database's clock alone, so that replicas need not agree on the time. Its epoch rises with every
//! change of hands and is never used again: a commit that names an old one writes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::StoreError;

/// The right to work on an account, until it runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub account: String,
    /// The replica.
    pub owner: String,
    pub epoch: u64,
}

/// A lease as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    pub lease: Lease,
    /// By the database's clock.
    pub expires_at: Timestamp,
}

/// A daemon that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub id: String,
    /// Those of its configuration: the ones it can work on.
    pub accounts: BTreeSet<String>,
}

/// A lease as a row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenureRow {
    pub account: String,
    pub owner: String,
    pub epoch: i64,
    /// Since 1970.
    pub expires_at_ms: i64,
}

impl TenureRow {
    pub fn tenure(self) -> Result<Tenure, StoreError> {
        let TenureRow { account, owner, epoch, expires_at_ms } = self;
        let epoch = super::row::unsigned("leases", &account, epoch)?;
        let expires_at = Timestamp::from_millisecond(expires_at_ms).map_err(|error| {
            StoreError::Inconsistent { table: "leases", row: account.clone(), why: error.to_string() }
        })?;
        Ok(Tenure { lease: Lease { account, owner, epoch }, expires_at })
    }
}
