//! Leases and replicas, by the server's clock.
//!
//! That clock is `clock_timestamp()`: `now()` stands still from the transaction's start on, so that a statement that
//! waited for a lock would judge by the time before it waited.

use std::{collections::BTreeSet, time::Duration};

use crossfade_ports::store::{
    Lease, Replica, StoreError, Tenure,
    lease::TenureRow,
    row::{number, unsigned},
};
use sqlx::PgPool;

use crate::pool::ask;

/// A lease as the arguments of a statement: all absent, or none.
#[derive(Default)]
pub(crate) struct LeaseArguments<'a> {
    pub(crate) account: Option<&'a str>,
    pub(crate) owner: Option<&'a str>,
    pub(crate) epoch: Option<i64>,
}

impl<'a> LeaseArguments<'a> {
    pub(crate) fn new(lease: Option<&'a Lease>) -> LeaseArguments<'a> {
        lease.map_or_else(LeaseArguments::default, |lease| LeaseArguments {
            account: Some(&lease.account),
            owner: Some(&lease.owner),
            epoch: Some(number(lease.epoch)),
        })
    }
}

pub(crate) async fn acquire(
    pool: &PgPool,
    account: &str,
    replica: &str,
    ttl: Duration,
    at_least: u64,
) -> Result<Option<Lease>, StoreError> {
    let acquired = sqlx::query_scalar!(
        r#"
        INSERT INTO leases AS l (account, owner, epoch, expires_at)
        VALUES ($1, $2, $3::bigint + 1, clock_timestamp() + $4::bigint * interval '1 millisecond')
        ON CONFLICT (account) DO UPDATE
        SET owner = $2, epoch = greatest(l.epoch, $3) + 1,
            expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond'
        WHERE l.owner IS NULL OR l.owner = $2 OR l.expires_at <= clock_timestamp()
        RETURNING epoch
        "#,
        account,
        replica,
        number(at_least),
        milliseconds(ttl),
    );
    let Some(epoch) = ask(pool, async |connection| acquired.fetch_optional(connection).await).await? else {
        return Ok(None);
    };
    let epoch = unsigned("leases", account, epoch)?;
    Ok(Some(Lease { account: account.to_owned(), owner: replica.to_owned(), epoch }))
}

pub(crate) async fn renew(pool: &PgPool, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
    let renewed = sqlx::query!(
        r#"
        UPDATE leases SET expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond'
        WHERE account = $1 AND owner = $2 AND epoch = $3 AND expires_at > clock_timestamp()
        "#,
        lease.account,
        lease.owner,
        number(lease.epoch),
        milliseconds(ttl),
    );
    Ok(ask(pool, async |connection| renewed.execute(connection).await).await?.rows_affected() > 0)
}

pub(crate) async fn release(pool: &PgPool, lease: &Lease) -> Result<(), StoreError> {
    let released = sqlx::query!(
        "UPDATE leases SET owner = NULL WHERE account = $1 AND owner = $2 AND epoch = $3",
        lease.account,
        lease.owner,
        number(lease.epoch),
    );
    ask(pool, async |connection| released.execute(connection).await).await.map(drop)
}

pub(crate) async fn all(pool: &PgPool) -> Result<Vec<Tenure>, StoreError> {
    let rows = sqlx::query_as!(
        TenureRow,
        r#"
        SELECT account, owner AS "owner!", epoch,
            floor(extract(epoch FROM expires_at) * 1000)::bigint AS "expires_at_ms!"
        FROM leases WHERE owner IS NOT NULL AND expires_at > clock_timestamp() ORDER BY account
        "#
    );
    ask(pool, async |connection| rows.fetch_all(connection).await)
        .await?
        .into_iter()
        .map(TenureRow::tenure)
        .collect()
}

pub(crate) async fn is_held(pool: &PgPool, lease: &Lease) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"
        SELECT account FROM leases
        WHERE account = $1 AND owner = $2 AND epoch = $3 AND expires_at > clock_timestamp()
        "#,
        lease.account,
        lease.owner,
        number(lease.epoch),
    );
    Ok(ask(pool, async |connection| found.fetch_optional(connection).await).await?.is_some())
}

pub(crate) async fn attend(pool: &PgPool, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
    let accounts: Vec<String> = replica.accounts.iter().cloned().collect();
    let attended = sqlx::query!(
        r#"
        WITH gone AS (
            -- Of replicas that ended without a word; an hour later, nobody asks for them any more.
            DELETE FROM replicas WHERE id <> $1 AND expires_at < clock_timestamp() - interval '1 hour'
        )
        INSERT INTO replicas (id, accounts, expires_at)
        VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond')
        ON CONFLICT (id) DO UPDATE SET accounts = excluded.accounts, expires_at = excluded.expires_at
        "#,
        replica.id,
        &accounts,
        milliseconds(ttl),
    );
    ask(pool, async |connection| attended.execute(connection).await).await.map(drop)
}

pub(crate) async fn depart(pool: &PgPool, replica: &str) -> Result<(), StoreError> {
    let departed = sqlx::query!("DELETE FROM replicas WHERE id = $1", replica);
    ask(pool, async |connection| departed.execute(connection).await).await.map(drop)
}

pub(crate) async fn replicas(pool: &PgPool) -> Result<Vec<Replica>, StoreError> {
    let rows =
        sqlx::query!("SELECT id, accounts FROM replicas WHERE expires_at > clock_timestamp() ORDER BY id");
    let rows = ask(pool, async |connection| rows.fetch_all(connection).await).await?;
    let replica = |accounts: Vec<String>| accounts.into_iter().collect::<BTreeSet<String>>();
    Ok(rows.into_iter().map(|row| Replica { id: row.id, accounts: replica(row.accounts) }).collect())
}

fn milliseconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)
}
