//! The store on SQLite: the suite every store passes, on a file and in memory, and what only SQLite could get wrong.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a failed test")]

mod file;
mod history;
mod tampering;

mod conformance {
    use crossfade_ports::store_suite;
    use crossfade_store_sqlite::SqliteStore;
    use tempfile::TempDir;

    async fn setup() -> Option<(SqliteStore, TempDir)> {
        Some(super::store().await)
    }

    store_suite!(setup());
}

mod in_memory {
    use crossfade_ports::store_suite;
    use crossfade_store_sqlite::SqliteStore;

    async fn setup() -> Option<(SqliteStore, ())> {
        let store = SqliteStore::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        Some((store, ()))
    }

    store_suite!(setup());
}

/// A migrated store in a file of its own.
async fn store() -> (crossfade_store_sqlite::SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = crossfade_store_sqlite::SqliteStore::open(&url(&folder)).await.unwrap();
    store.migrate().await.unwrap();
    (store, folder)
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("crossfade.db").display())
}
