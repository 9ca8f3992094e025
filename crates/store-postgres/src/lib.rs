//! The store in PostgreSQL.
//!
//! Every write is one statement: it is its own transaction, it takes one round trip, and neither a lost daemon nor a
//! pooler between can leave half of one open. Committed is on the disk: `synchronous_commit` is left as the server
//! has it, which by default is on.
//!
//! A transaction pooler in between must know prepared statements (PgBouncer from 1.21 on does).

mod error;
mod events;
mod keys;
mod leases;
mod schema;
mod shifts;
#[cfg(feature = "testing")]
pub mod testing;
mod watch;

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Chain, Filter, Head, IdempotencyKey, Lease, Remembered, Replica, Store, StoreError, Stored,
    Tenure,
};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::error::StoreErrorExt;
pub use crate::watch::watch;

/// The engine works on one account at a time and the API on a few requests; a server allows a hundred by default.
const CONNECTIONS: u32 = 10;

/// What a healthy server takes milliseconds for is not worth waiting for longer: the engine tries again anyway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the server works on a statement, such as while another session holds the row.
const STATEMENT_TIMEOUT: &str = "5s";

/// For everything together, also when the network swallows the answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is tried before it is used; a busy one costs no extra round trip.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct PostgresStore {
    options: PgConnectOptions,
    pool: PgPool,
}

impl PostgresStore {
    /// Connects to `postgres://user:password@host:port/database`. Nothing is migrated yet.
    pub async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
        let options = options(url)?;
        let pool = within(pool().connect_with(options.clone())).await?;
        Ok(PostgresStore { options, pool })
    }

    /// Brings the schema to the one this program needs. One migration runs at a time, by a lock that belongs to the
    /// session: not through a transaction pooler.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // A connection of its own: a migration may take longer than a statement of the daemon's.
        let mut connection: PgConnection = within(self.options.connect()).await?;
        schema::migrate(&mut connection).await?;
        connection.close().await.store_error()
    }

    /// The migrations that [`PostgresStore::migrate`] would apply, in their order.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        schema::pending(&self.pool).await
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn installation(&self) -> Result<String, StoreError> {
        let id = sqlx::query_scalar!("SELECT id FROM installation");
        within(id.fetch_optional(&self.pool)).await?.ok_or_else(no_installation)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        schema::check(&self.pool).await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        shifts::create(&self.pool, shift, events, key).await?;
        watch::announce(&self.pool).await;
        Ok(())
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        shifts::commit(&self.pool, before, shift, events, key, lease).await?;
        // What an engine does is nobody else's work.
        if lease.is_none() {
            watch::announce(&self.pool).await;
        }
        Ok(())
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        keys::find(&self.pool, key).await?.map(|found| found.recall(key)).transpose()
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        shifts::put_reports(&self.pool, reports).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        shifts::load(&self.pool, name).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        shifts::list(&self.pool, filter).await
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        shifts::active(&self.pool).await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        events::after(&self.pool, name, after, limit).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        events::chain(&self.pool, name, from, limit).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        events::chains(&self.pool, after, limit).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        leases::acquire(&self.pool, account, replica, ttl, at_least).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        leases::renew(&self.pool, lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        leases::release(&self.pool, lease).await?;
        watch::announce(&self.pool).await;
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        leases::all(&self.pool).await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        leases::attend(&self.pool, replica, ttl).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        leases::depart(&self.pool, replica).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        leases::replicas(&self.pool).await
    }
}

/// Gives up on an answer that does not come. The statement may have been done or not.
pub(crate) async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answered) => answered.store_error(),
        Err(_) => {
            let what = format!("no answer within {} s", DEADLINE.as_secs());
            Err(StoreError::Unavailable { what, source: None })
        }
    }
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).store_error()?;
    // A start-up parameter that some poolers refuse, for numbers that are not used here.
    Ok(options.application_name("crossfade").extra_float_digits(None))
}

fn pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // Not a start-up parameter: poolers refuse those they do not know.
        .after_connect(|connection, _| {
            Box::pin(async move {
                let set =
                    sqlx::query("SELECT set_config('statement_timeout', $1, false)").bind(STATEMENT_TIMEOUT);
                set.execute(connection).await.map(drop)
            })
        })
}

fn no_installation() -> StoreError {
    StoreError::Inconsistent {
        table: "installation",
        row: "true".to_owned(),
        why: "it is not there".to_owned(),
    }
}
