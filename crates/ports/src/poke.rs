//! A wake-up without a payload: somebody committed something, have a look.
//!
//! It is a hint and may be lost; whoever is woken finds out by polling, and would have anyway, a little later.

use std::sync::Arc;

use tokio::sync::Notify;

#[derive(Clone, Debug, Default)]
pub struct Poke(Arc<Notify>);

impl Poke {
    pub fn poke(&self) {
        self.0.notify_one();
    }

    /// Returns at once if there was a poke since the last call.
    pub async fn poked(&self) {
        self.0.notified().await;
    }
}
