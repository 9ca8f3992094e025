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
mod pool;
mod schema;
mod shifts;
#[cfg(feature = "testing")]
pub mod testing;
mod watch;

use std::time::Duration;

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Store,
    StoreError, Stored, Tenure,
};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

pub use crate::watch::watch;
use crate::{
    error::StoreErrorExt,
    pool::{ask, within},
};

#[derive(Clone, Debug)]
pub struct PostgresStore {
    options: PgConnectOptions,
    pool: PgPool,
}

impl PostgresStore {
    /// Connects to `postgres://user:password@host:port/database`. Nothing is migrated yet.
    pub async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
        let options = pool::options(url)?;
        let pool = pool::connect(&options).await?;
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

    /// Waits for what is under way, but not for long: what is open then ends with the process.
    pub async fn close(&self) {
        pool::close(&self.pool).await;
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn installation(&self) -> Result<String, StoreError> {
        let id = sqlx::query_scalar!("SELECT id FROM installation");
        ask(&self.pool, async |connection| id.fetch_optional(connection).await)
            .await?
            .ok_or_else(no_installation)
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

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        shifts::list(&self.pool, filter).await
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        shifts::active(&self.pool).await
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        shifts::claims(&self.pool).await
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

fn no_installation() -> StoreError {
    StoreError::Inconsistent {
        table: "installation",
        row: "true".to_owned(),
        why: "it is not there".to_owned(),
    }
}
