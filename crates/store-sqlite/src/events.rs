//! The append-only history of a shift.

use crossfade_core::event::Event;
use crossfade_ports::store::{
    Chain, StoreError,
    row::{self, ChainRow, EventRow},
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
        let EventRow { seq, at, kind, actor, reason, data, hash } = row::written(shift, event)?;
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
    rows.into_iter().map(|row| row::read(shift, row)).collect()
}

/// The whole history.
pub(crate) async fn all(pool: &SqlitePool, shift: &str) -> Result<Vec<EventRow>, StoreError> {
    rows(pool, shift, 0, i64::MAX).await
}

/// In one statement, which sees the rows and the shift's own in the same moment.
pub(crate) async fn chain(
    pool: &SqlitePool,
    shift: &str,
    from: i64,
    limit: u32,
) -> Result<Chain, StoreError> {
    let rows = sqlx::query_as!(
        ChainRow,
        r#"
        SELECT shifts.version AS "version?: i64", shifts.head AS "head?", events.seq AS "seq?: i64", events.at AS "at?",
            events.kind AS "kind?", events.actor AS "actor?", events.reason AS "reason?", events.data AS "data?",
            events.hash AS "hash?"
        FROM (SELECT ?1 AS name) AS asked
        LEFT JOIN shifts ON shifts.name = asked.name
        LEFT JOIN events ON events.shift = asked.name AND events.seq >= ?2
        ORDER BY events.seq LIMIT ?3
        "#,
        shift,
        from,
        limit,
    );
    let chain = ChainRow::chain(shift, rows.fetch_all(pool).await.store_error()?)?;
    match chain.head.is_none() && chain.rows.is_empty() {
        true => Err(StoreError::NotFound(shift.to_owned())),
        false => Ok(chain),
    }
}

/// A shift that is gone leaves its events.
pub(crate) async fn chains(
    pool: &SqlitePool,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar!(
        r#"
        SELECT name AS "name!: String" FROM shifts WHERE ?1 IS NULL OR name > ?1
        UNION SELECT shift FROM events WHERE ?1 IS NULL OR shift > ?1
        ORDER BY 1 LIMIT ?2
        "#,
        after,
        limit,
    );
    names.fetch_all(pool).await.store_error()
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
