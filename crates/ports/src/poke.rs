//! A wake-up: somebody committed something, have a look.
//!
//! It is a hint and may be lost; whoever is woken finds out by polling, and would have anyway, a little later. The names
//! that come with it only say where to look first.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

#[derive(Clone, Debug, Default)]
pub struct Poke(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    notify: Notify,
    names: Mutex<BTreeSet<String>>,
}

impl Poke {
    /// Something changed somewhere.
    pub fn poke(&self) {
        self.0.notify.notify_one();
    }

    /// Something changed in this shift.
    pub fn poke_at(&self, shift: &str) {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner).insert(shift.to_owned());
        self.poke();
    }

    /// Returns at once if there was a poke since the last call: with the shifts to look at, or with none where only a
    /// look at all of them tells.
    pub async fn poked(&self) -> BTreeSet<String> {
        self.0.notify.notified().await;
        std::mem::take(&mut *self.0.names.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
