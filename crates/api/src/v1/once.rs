//! Requests that are sent again: the first one's outcome, not a second effect.

use crossfade_core::event::{Event, Happened};
use crossfade_ports::{
    StoreError,
    store::{IdempotencyKey, Remembered, Stored},
};

use crate::App;

/// What a request under this key did before.
pub(super) struct Earlier {
    pub(super) events: Vec<Event>,
    /// As the shift is now.
    pub(super) stored: Stored,
}

/// A request records what was asked, and at most one write that follows from it.
const EVENTS_MAX: u32 = 2;

/// `None` without a key, and for a key that is new.
pub(super) async fn recall(app: &App, key: Option<&IdempotencyKey>) -> Result<Option<Earlier>, StoreError> {
    let Some(key) = key else { return Ok(None) };
    let Some(remembered) = app.store.recall(key).await? else { return Ok(None) };
    let stored = app.store.load(&remembered.shift).await?;
    let stored = stored.ok_or_else(|| StoreError::NotFound(remembered.shift.clone()))?;
    Ok(Some(Earlier { events: events(app, &remembered).await?, stored }))
}

/// The remembered event is the newest of its request; when it is an intended write, the one before it says who asked.
async fn events(app: &App, remembered: &Remembered) -> Result<Vec<Event>, StoreError> {
    let after = remembered.seq.saturating_sub(u64::from(EVENTS_MAX));
    let mut events = app.store.events(&remembered.shift, after, EVENTS_MAX).await?;
    events.retain(|event| event.seq <= remembered.seq);
    let asked = events.iter().rposition(|event| !matches!(event.what, Happened::Intended { .. }));
    Ok(events.split_off(asked.unwrap_or_default()))
}
