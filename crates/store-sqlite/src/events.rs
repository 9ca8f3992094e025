//! The append-only history of a shift.

use crossfade_core::event::Event;
use crossfade_ports::store::{
    StoreError,
    row::{self, EventRow},
};
use sqlx::{SqliteConnection, SqlitePool};

use crate::{error::StoreErrorExt, shifts};

/// One prepared statement, once per event: inside one process and one transaction that is as quick as one for all.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    shift: &str,
    events: &[Event],
) -> Result<(), StoreError> {
    for event in events {
        let EventRow { seq, at, kind, actor, reason, data, hash } = EventRow::new(shift, event)?;
        let appended = sqlx::query!(
            r#"
            INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            "#,
            shift,
            seq,
            at,
            kind,
            actor,
            reason,
            data,
            hash,
        );
        appended.execute(&mut *connection).await.store_error()?;
    }
    Ok(())
}

pub(crate) async fn after(
    pool: &SqlitePool,
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
pub(crate) async fn all(pool: &SqlitePool, shift: &str) -> Result<Vec<EventRow>, StoreError> {
    rows(pool, shift, 0, i64::MAX).await
}

async fn rows(pool: &SqlitePool, shift: &str, after: u64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    let after = row::number(after);
    let rows = sqlx::query_as!(
        EventRow,
        r#"
        SELECT seq AS "seq!: i64", at AS "at!", kind AS "kind!", actor AS "actor!", reason, data AS "data!", hash AS "hash!"
        FROM events WHERE shift = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3
        "#,
        shift,
        after,
        limit,
    );
    rows.fetch_all(pool).await.store_error()
}
