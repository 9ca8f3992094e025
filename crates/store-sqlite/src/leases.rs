//! Leases and replicas, by the clock of this machine, in milliseconds since 1970.

use std::{collections::BTreeSet, time::Duration};

use crossfade_ports::store::{
    Lease, Replica, StoreError, Tenure,
    lease::TenureRow,
    row::{self, number, unsigned},
};
use sqlx::{SqliteConnection, SqlitePool};

use crate::error::StoreErrorExt;

pub(crate) async fn acquire(
    writer: &SqlitePool,
    account: &str,
    replica: &str,
    ttl: Duration,
    at_least: u64,
) -> Result<Option<Lease>, StoreError> {
    let (at_least, ttl) = (number(at_least), milliseconds(ttl));
    let acquired = sqlx::query_scalar!(
        r#"
        INSERT INTO leases (account, owner, epoch, expires_at)
        VALUES (?1, ?2, ?3 + 1, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) + ?4)
        ON CONFLICT (account) DO UPDATE
        SET owner = excluded.owner, epoch = max(leases.epoch, ?3) + 1, expires_at = excluded.expires_at
        WHERE leases.owner IS NULL OR leases.owner = excluded.owner
            OR leases.expires_at <= CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)
        RETURNING epoch AS "epoch!: i64"
        "#,
        account,
        replica,
        at_least,
        ttl,
    );
    let Some(epoch) = acquired.fetch_optional(writer).await.store_error()? else { return Ok(None) };
    let epoch = unsigned("leases", account, epoch)?;
    Ok(Some(Lease { account: account.to_owned(), owner: replica.to_owned(), epoch }))
}

pub(crate) async fn renew(writer: &SqlitePool, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
    let (epoch, ttl) = (number(lease.epoch), milliseconds(ttl));
    let renewed = sqlx::query!(
        r#"
        UPDATE leases SET expires_at = CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) + ?4
        WHERE account = ?1 AND owner = ?2 AND epoch = ?3
            AND expires_at > CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)
        "#,
        lease.account,
        lease.owner,
        epoch,
        ttl,
    );
    Ok(renewed.execute(writer).await.store_error()?.rows_affected() > 0)
}

pub(crate) async fn release(writer: &SqlitePool, lease: &Lease) -> Result<(), StoreError> {
    let epoch = number(lease.epoch);
    let released = sqlx::query!(
        "UPDATE leases SET owner = NULL WHERE account = ?1 AND owner = ?2 AND epoch = ?3",
        lease.account,
        lease.owner,
        epoch,
    );
    released.execute(writer).await.store_error().map(drop)
}

pub(crate) async fn all(readers: &SqlitePool) -> Result<Vec<Tenure>, StoreError> {
    let rows = sqlx::query_as!(
        TenureRow,
        r#"
        SELECT account AS "account!", owner AS "owner!", epoch AS "epoch!: i64", expires_at AS "expires_at_ms!: i64"
        FROM leases
        WHERE owner IS NOT NULL AND expires_at > CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)
        ORDER BY account
        "#
    );
    rows.fetch_all(readers).await.store_error()?.into_iter().map(TenureRow::tenure).collect()
}

/// Fails when a lease is named and no longer held.
pub(crate) async fn refuse_lost(
    connection: &mut SqliteConnection,
    lease: Option<&Lease>,
) -> Result<(), StoreError> {
    let Some(lease) = lease else {
        return Ok(());
    };
    let epoch = number(lease.epoch);
    let held = sqlx::query_scalar!(
        r#"
        SELECT account AS "account!" FROM leases
        WHERE account = ?1 AND owner = ?2 AND epoch = ?3
            AND expires_at > CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)
        "#,
        lease.account,
        lease.owner,
        epoch,
    );
    match held.fetch_optional(connection).await.store_error()? {
        Some(_) => Ok(()),
        None => Err(StoreError::LeaseLost { account: lease.account.clone() }),
    }
}

pub(crate) async fn attend(writer: &SqlitePool, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
    let (accounts, ttl) = (row::json("replicas", &replica.id, &replica.accounts)?, milliseconds(ttl));
    let attended = sqlx::query!(
        r#"
        INSERT INTO replicas (id, accounts, expires_at)
        VALUES (?1, ?2, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) + ?3)
        ON CONFLICT (id) DO UPDATE SET accounts = excluded.accounts, expires_at = excluded.expires_at
        "#,
        replica.id,
        accounts,
        ttl,
    );
    attended.execute(writer).await.store_error().map(drop)
}

pub(crate) async fn depart(writer: &SqlitePool, replica: &str) -> Result<(), StoreError> {
    let departed = sqlx::query!("DELETE FROM replicas WHERE id = ?1", replica);
    departed.execute(writer).await.store_error().map(drop)
}

pub(crate) async fn replicas(readers: &SqlitePool) -> Result<Vec<Replica>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT id AS "id!", accounts AS "accounts!" FROM replicas
        WHERE expires_at > CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) ORDER BY id
        "#
    );
    let rows = rows.fetch_all(readers).await.store_error()?;
    rows.into_iter()
        .map(|row| Ok(Replica { accounts: accounts(&row.id, &row.accounts)?, id: row.id }))
        .collect()
}

fn accounts(replica: &str, text: &str) -> Result<BTreeSet<String>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Inconsistent {
        table: "replicas",
        row: replica.to_owned(),
        why: error.to_string(),
    })
}

fn milliseconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
