//! The store on PostgreSQL: the suite every store passes, and what only PostgreSQL could get wrong. Runs a server.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a failed test")]

mod differential;
mod history;
mod replicas;
mod server;
mod silence;
mod tampering;

mod conformance {
    use crossfade_ports::store_suite;
    use crossfade_store_postgres::PostgresStore;

    async fn setup() -> Option<(PostgresStore, ())> {
        Some((super::store().await?.0, ()))
    }

    store_suite!(setup());
}

/// A migrated store in a database of its own, and that database's URL.
async fn store() -> Option<(crossfade_store_postgres::PostgresStore, String)> {
    let url = crossfade_store_postgres::testing::Server::shared()?.database().await;
    Some((crossfade_store_postgres::PostgresStore::connect(&url).await.unwrap(), url))
}
