//! Idempotency keys, kept for a day.

use crossfade_ports::store::{
    IdempotencyKey, StoreError,
    row::{self, KeyRow},
};
use sqlx::SqliteConnection;

use crate::error::StoreErrorExt;

pub(crate) async fn find(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
) -> Result<Option<KeyRow>, StoreError> {
    let forgotten = key.forgotten_before().to_string();
    let found = sqlx::query_as!(
        KeyRow,
        r#"
        SELECT fingerprint AS "fingerprint!", shift AS "shift!", seq AS "seq!: i64"
        FROM idempotency WHERE key = ?1 AND at >= ?2
        "#,
        key.key,
        forgotten,
    );
    found.fetch_optional(connection).await.store_error()
}

/// Fails when a write with this key came before.
pub(crate) async fn refuse_used(
    connection: &mut SqliteConnection,
    key: Option<&IdempotencyKey>,
) -> Result<(), StoreError> {
    let Some(key) = key else {
        return Ok(());
    };
    match find(connection, key).await? {
        Some(used) => Err(used.refusal(key)),
        None => Ok(()),
    }
}

/// Remembers that this key brought this shift to this version, and forgets what is a day older.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
    shift: &str,
    version: u64,
) -> Result<(), StoreError> {
    // As text, fractions of the same second may compare wrongly: what of it, after a day.
    let forgotten = key.forgotten_before().to_string();
    let purged = sqlx::query!("DELETE FROM idempotency WHERE at < ?1", forgotten);
    purged.execute(&mut *connection).await.store_error()?;
    let (seq, at) = (row::number(version), key.at.to_string());
    let kept = sqlx::query!(
        "INSERT INTO idempotency (key, fingerprint, shift, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        key.key,
        key.fingerprint,
        shift,
        seq,
        at,
    );
    kept.execute(connection).await.store_error()?;
    Ok(())
}
