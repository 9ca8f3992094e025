//! The store in one SQLite file: for one daemon, with nothing else to run.
//!
//! One connection writes and a few read. With a write-ahead log they do not wait for each other, and every commit is
//! on the disk before it is answered.

mod error;
mod events;
mod keys;
mod schema;
mod shifts;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use async_trait::async_trait;
use crossfade_core::{event::Event, report::Report, shift::Shift};
use crossfade_ports::store::{
    Filter, IdempotencyKey, Installation, Remembered, Store, StoreError, Stored, row,
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::StoreErrorExt;

/// Lists and loads are short; more connections would only wait for the same disk.
const READERS: u32 = 4;

/// Another process (a backup, a person with a shell) may hold the file for a moment. Longer than this, and the
/// engine had better say so than wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct SqliteStore {
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
        let options = pragmas(options).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        // The writer first: it makes the file and turns the log on.
        let writer = pool(1).connect_with(options.clone()).await.store_error()?;
        let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.store_error()?;
        Ok(SqliteStore { writer, readers })
    }

    /// A database that is gone with the store. One connection does everything.
    pub async fn in_memory() -> Result<SqliteStore, StoreError> {
        let options = pragmas(SqliteConnectOptions::from_str("sqlite::memory:").store_error()?);
        let writer = pool(1).connect_with(options).await.store_error()?;
        Ok(SqliteStore { readers: writer.clone(), writer })
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
    async fn begin_epoch(&self) -> Result<Installation, StoreError> {
        let risen = sqlx::query!(
            r#"UPDATE installation SET epoch = epoch + 1 RETURNING id AS "id!", epoch AS "epoch!: i64""#
        );
        let risen = risen.fetch_optional(&self.writer).await.store_error()?.ok_or_else(no_installation)?;
        Ok(Installation { id: risen.id, epoch: row::unsigned("installation", "1", risen.epoch)? })
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
        shift: &Shift,
        events: &[Event],
        key: Option<&IdempotencyKey>,
    ) -> Result<(), StoreError> {
        shifts::commit(&self.writer, shift, events, key).await
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

    async fn list(&self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        shifts::list(&self.readers, filter).await
    }

    async fn active(&self) -> Result<Vec<(String, u64)>, StoreError> {
        shifts::active(&self.readers).await
    }

    async fn events(&self, name: &str, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        events::after(&self.readers, name, after, limit).await
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
