//! The append-only history of a shift.

use crossfade_core::event::Event;
use crossfade_ports::store::{
    Chain, StoreError,
    row::{self, ChainRow, EventRow},
};
use sqlx::PgPool;

use crate::{pool::ask, shifts};

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
            let EventRow { seq, at, kind, actor, reason, data, hash } = row::written(shift, event)?;
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
    rows.into_iter().map(|row| row::read(shift, row)).collect()
}

/// The whole history.
pub(crate) async fn all(pool: &PgPool, shift: &str) -> Result<Vec<EventRow>, StoreError> {
    rows(pool, shift, 0, i64::MAX).await
}

/// In one statement, which sees the rows and the shift's own in the same moment.
pub(crate) async fn chain(pool: &PgPool, shift: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
    let rows = sqlx::query_as!(
        ChainRow,
        r#"
        SELECT shifts.version AS "version?", shifts.head AS "head?", events.seq AS "seq?", events.at AS "at?",
            events.kind AS "kind?", events.actor AS "actor?", events.reason AS "reason?", events.data AS "data?",
            events.hash AS "hash?"
        FROM (SELECT $1::text AS name) AS asked
        LEFT JOIN shifts ON shifts.name = asked.name
        LEFT JOIN events ON events.shift = asked.name AND events.seq >= $2
        ORDER BY events.seq LIMIT $3
        "#,
        shift,
        from,
        i64::from(limit),
    );
    let chain =
        ChainRow::chain(shift, ask(pool, async |connection| rows.fetch_all(connection).await).await?)?;
    match chain.head.is_none() && chain.rows.is_empty() {
        true => Err(StoreError::NotFound(shift.to_owned())),
        false => Ok(chain),
    }
}

/// A shift that is gone leaves its events.
pub(crate) async fn chains(
    pool: &PgPool,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar!(
        r#"
        SELECT name AS "name!" FROM shifts WHERE $1::text IS NULL OR name > $1
        UNION SELECT shift FROM events WHERE $1 IS NULL OR shift > $1
        ORDER BY 1 LIMIT $2
        "#,
        after,
        i64::from(limit),
    );
    ask(pool, async |connection| names.fetch_all(connection).await).await
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
    ask(pool, async |connection| rows.fetch_all(connection).await).await
}
