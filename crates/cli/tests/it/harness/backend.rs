//! SQLite and PostgreSQL: what holds on one holds on the other.

use crossfade_store_postgres::testing::Server;
use futures::future::join_all;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// Both; without PostgreSQL on this machine only SQLite, and the server's own words about that.
    pub(crate) async fn all() -> Vec<Backend> {
        let mut all = vec![Backend::Sqlite];
        all.extend(server().await.map(|_| Backend::Postgres));
        all
    }

    /// The same without a schema.
    pub(crate) async fn empty_url(self) -> Option<String> {
        match self {
            Backend::Sqlite => None,
            Backend::Postgres => Some(server().await.unwrap().empty_database().await),
        }
    }

    /// The URL of a new database; `None` for the daemon's own default, a file in the folder it runs in.
    pub(crate) async fn url(self) -> Option<String> {
        match self {
            Backend::Sqlite => None,
            Backend::Postgres => Some(server().await.unwrap().database().await),
        }
    }
}

/// Runs a test on every store at once.
pub(crate) async fn on_each_store<T: Future<Output = ()>>(test: impl Fn(Backend) -> T) {
    join_all(Backend::all().await.into_iter().map(test)).await;
}

/// Making it takes seconds of somebody else's time.
async fn server() -> Option<&'static Server> {
    tokio::task::spawn_blocking(Server::shared).await.unwrap()
}
