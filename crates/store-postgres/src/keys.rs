//! Idempotency keys, kept for a day.

use crossfade_ports::store::{IdempotencyKey, StoreError, row::KeyRow};
use sqlx::PgPool;

use crate::pool::ask;

pub(crate) async fn find(pool: &PgPool, key: &IdempotencyKey) -> Result<Option<KeyRow>, StoreError> {
    let found = sqlx::query_as!(
        KeyRow,
        "SELECT fingerprint, shift, seq FROM idempotency WHERE key = $1 AND at >= $2",
        key.key,
        key.forgotten_before().to_string(),
    );
    ask(pool, async |connection| found.fetch_optional(connection).await).await
}

/// Fails when a write with this key came before.
pub(crate) async fn refuse_used(pool: &PgPool, key: Option<&IdempotencyKey>) -> Result<(), StoreError> {
    let Some(key) = key else {
        return Ok(());
    };
    match find(pool, key).await? {
        Some(used) => Err(used.refusal(key)),
        None => Ok(()),
    }
}

/// An idempotency key as the arguments of a statement: all absent, or none.
#[derive(Default)]
pub(crate) struct KeyArguments<'a> {
    pub(crate) key: Option<&'a str>,
    pub(crate) fingerprint: Option<&'a str>,
    pub(crate) at: Option<String>,
    // As text, fractions of the same second may compare wrongly: what of it, after a day.
    pub(crate) forgotten_before: Option<String>,
}

impl<'a> KeyArguments<'a> {
    pub(crate) fn new(key: Option<&'a IdempotencyKey>) -> KeyArguments<'a> {
        key.map_or_else(KeyArguments::default, |key| KeyArguments {
            key: Some(&key.key),
            fingerprint: Some(&key.fingerprint),
            at: Some(key.at.to_string()),
            forgotten_before: Some(key.forgotten_before().to_string()),
        })
    }
}
