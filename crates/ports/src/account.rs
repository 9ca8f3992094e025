//! The AWS accounts of the daemon's configuration, by name.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Metrics, Zones};

/// One account: where its records are, and where its metrics are.
#[derive(Clone)]
pub struct Account {
    pub zones: Arc<dyn Zones>,
    pub metrics: Arc<dyn Metrics>,
}

/// Filled once, where the parts are put together.
#[derive(Clone, Default)]
pub struct Accounts(pub BTreeMap<String, Account>);

impl Accounts {
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.0.get(name)
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
