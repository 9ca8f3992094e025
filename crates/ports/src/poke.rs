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
    poked: Mutex<Poked>,
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Poked {
    /// At these shifts.
    pub names: BTreeSet<String>,
    /// At all there is.
    pub everywhere: bool,
}

impl Poke {
    /// Something changed somewhere.
    pub fn poke(&self) {
        self.note(|poked| poked.everywhere = true);
    }

    /// Something changed in this shift.
    pub fn poke_at(&self, shift: &str) {
        self.note(|poked| poked.names.extend([shift.to_owned()]));
    }

    /// Returns at once if there was a poke since the last call, with all that they said.
    pub async fn poked(&self) -> Poked {
        self.0.notify.notified().await;
        std::mem::take(&mut *self.0.poked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, what: impl FnOnce(&mut Poked)) {
        what(&mut self.0.poked.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.notify.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pokes_that_come_together_are_heard_together() {
        let poke = Poke::default();
        let at_www = |everywhere| Poked { names: ["www".to_owned()].into(), everywhere };
        poke.poke();
        poke.poke_at("www");
        assert_eq!(poke.poked().await, at_www(true));
        poke.poke_at("www");
        poke.poke();
        assert_eq!(poke.poked().await, at_www(true));
        poke.poke_at("www");
        assert_eq!(poke.poked().await, at_www(false));
    }
}
