//! The store in one SQLite file: for one daemon, with nothing else to run.
//!
//! One connection writes and a few read. With a write-ahead log they do not wait for each other, and every commit is
//! on the disk before it is answered. The one daemon is [`SqliteStore::reserve`]d to; leases are the same as in
//! PostgreSQL, with nobody to take them away.

mod error;
mod events;
mod keys;
mod leases;
mod reserve;
mod schema;
mod shifts;
#[cfg(feature = "testing")]
pub mod testing;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Active, Chain, Claim, Filter, Head, IdempotencyKey, Lease, Listed, Remembered, Replica, Store,
    StoreError, Stored, Tenure,
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::StoreErrorExt;
pub use crate::reserve::Reserved;

/// Lists and loads are short; more connections would only wait for the same disk.
const READERS: u32 = 4;

/// Another process (a backup, a person with a shell) may hold the file for a moment. Longer than this, and the
/// engine had better say so than wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// `None` in memory.
    file: Option<PathBuf>,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens a file, and makes it when there is none: `/var/lib/crossfade/crossfade.db`, or the same after
    /// `sqlite://`. Its folder must exist. `:memory:` is [`SqliteStore::in_memory`]. Nothing is migrated yet.
    pub async fn open(location: &str) -> Result<SqliteStore, StoreError> {
        if location.ends_with(":memory:") {
            return SqliteStore::in_memory().await;
        }
        let options = SqliteConnectOptions::from_str(location).store_error()?;
        if let Some(folder) = missing_folder(options.get_filename()) {
            let what = format!("{location}: there is no folder {}", folder.display());
            return Err(StoreError::Unavailable { what, source: None });
        }
        let file = options.get_filename().to_owned();
        let options = pragmas(options).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        // The writer first: it makes the file and turns the log on.
        let writer = pool(1).connect_with(options.clone()).await.store_error()?;
        let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.store_error()?;
        Ok(SqliteStore { file: Some(file), writer, readers })
    }

    /// A database that is gone with the store. One connection does everything.
    pub async fn in_memory() -> Result<SqliteStore, StoreError> {
        let options = pragmas(SqliteConnectOptions::from_str("sqlite::memory:").store_error()?);
        let writer = pool(1).connect_with(options).await.store_error()?;
        Ok(SqliteStore { file: None, readers: writer.clone(), writer })
    }

    /// Keeps every other daemon from the file until what is returned is dropped, or the process has ended however it
    /// may. Fails with `InUse`, which says `who` has it. Commands that only look or migrate need no reservation.
    pub fn reserve(&self, who: &str) -> Result<Reserved, StoreError> {
        reserve::reserve(self.file.as_deref(), who)
    }

    /// Brings the schema to the one this program needs.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        schema::migrate(&self.writer).await
    }

    /// The migrations that [`SqliteStore::migrate`] would apply, in their order.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        schema::pending(&self.readers).await
    }

    /// Ends all connections, and folds the log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn installation(&self) -> Result<String, StoreError> {
        let id = sqlx::query_scalar!(r#"SELECT id AS "id!" FROM installation"#);
        id.fetch_optional(&self.readers).await.store_error()?.ok_or_else(no_installation)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        schema::check(&self.readers).await
    }

    async fn create(
        &self,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        shifts::create(&self.writer, shift, events, key).await
    }

    async fn commit(
        &self,
        before: &Head,
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
        lease: Option<&Lease>,
    ) -> Result<(), StoreError> {
        shifts::commit(&self.writer, before, shift, events, key, lease).await
    }

    async fn recall(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StoreError> {
        let mut reader = self.readers.acquire().await.store_error()?;
        keys::find(&mut reader, key).await?.map(|found| found.recall(key)).transpose()
    }

    async fn put_reports(&self, reports: &[(String, Report)]) -> Result<(), StoreError> {
        shifts::put_reports(&self.writer, reports).await
    }

    async fn load(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        shifts::load(&self.readers, name).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        shifts::list(&self.readers, filter).await
    }

    async fn active(&self) -> Result<Vec<Active>, StoreError> {
        shifts::active(&self.readers).await
    }

    async fn claims(&self) -> Result<Vec<Claim>, StoreError> {
        shifts::claims(&self.readers).await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        events::after(&self.readers, name, after, limit).await
    }

    async fn chain(&self, name: &str, from: i64, limit: u32) -> Result<Chain, StoreError> {
        events::chain(&self.readers, name, from, limit).await
    }

    async fn chains(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        events::chains(&self.readers, after, limit).await
    }

    async fn acquire(
        &self,
        account: &str,
        replica: &str,
        ttl: Duration,
        at_least: u64,
    ) -> Result<Option<Lease>, StoreError> {
        leases::acquire(&self.writer, account, replica, ttl, at_least).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool, StoreError> {
        leases::renew(&self.writer, lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        leases::release(&self.writer, lease).await
    }

    async fn leases(&self) -> Result<Vec<Tenure>, StoreError> {
        leases::all(&self.readers).await
    }

    async fn attend(&self, replica: &Replica, ttl: Duration) -> Result<(), StoreError> {
        leases::attend(&self.writer, replica, ttl).await
    }

    async fn depart(&self, replica: &str) -> Result<(), StoreError> {
        leases::depart(&self.writer, replica).await
    }

    async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        leases::replicas(&self.readers).await
    }
}

fn pragmas(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // So that INSERT OR REPLACE wakes the triggers that refuse a DELETE.
        .pragma("recursive_triggers", "ON")
}

/// Connections to a file do not go stale: they are neither tested nor renewed.
fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(BUSY_TIMEOUT * 2)
}

fn missing_folder(file: &Path) -> Option<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.is_dir()).then(|| folder.to_owned())
}

fn no_installation() -> StoreError {
    StoreError::Inconsistent { table: "installation", row: "1".to_owned(), why: "it is not there".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that is killed would not show it: its pages are the kernel's by then. Only a power cut would.
    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("crossfade.db").display());
        let store = SqliteStore::open(&url).await.unwrap();
        const FULL: i64 = 2;
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
        assert_eq!(synchronous, FULL);
    }
}
