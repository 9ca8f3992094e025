//! The append-only history of a shift.

use crossfade_core::event::Event;
use crossfade_ports::store::{
    StoreError,
    row::{self, EventRow},
};
use sqlx::PgPool;

use crate::{shifts, within};

/// Events as the arguments of a statement: one array per column.
#[derive(Default)]
pub(crate) struct EventArguments {
    pub(crate) seq: Vec<i64>,
    pub(crate) at: Vec<String>,
    pub(crate) kind: Vec<String>,
    pub(crate) actor: Vec<String>,
    pub(crate) reason: Vec<Option<String>>,
    pub(crate) data: Vec<String>,
    pub(crate) hash: Vec<String>,
}

impl EventArguments {
    pub(crate) fn new(shift: &str, events: &[Event]) -> Result<EventArguments, StoreError> {
        let mut all = EventArguments::default();
        for event in events {
            let EventRow { seq, at, kind, actor, reason, data, hash } = EventRow::new(shift, event)?;
            all.seq.push(seq);
            all.at.push(at);
            all.kind.push(kind);
            all.actor.push(actor);
            all.reason.push(reason);
            all.data.push(data);
            all.hash.push(hash);
        }
        Ok(all)
    }
}

pub(crate) async fn after(
    pool: &PgPool,
    shift: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let rows = rows(pool, shift, after, i64::from(limit)).await?;
    if rows.is_empty() && !shifts::exists(pool, shift).await? {
        return Err(StoreError::NotFound(shift.to_owned()));
    }
    rows.into_iter().map(|row| row.event(shift)).collect()
}

/// The whole history.
pub(crate) async fn all(pool: &PgPool, shift: &str) -> Result<Vec<EventRow>, StoreError> {
    rows(pool, shift, 0, i64::MAX).await
}

async fn rows(pool: &PgPool, shift: &str, after: u64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let rows = sqlx::query_as!(
        EventRow,
        r#"
        SELECT seq, at, kind, actor, reason, data, hash
        FROM events WHERE shift = $1 AND seq > $2 ORDER BY seq LIMIT $3
        "#,
        shift,
        row::number(after),
        limit,
    );
    within(rows.fetch_all(pool)).await
}
