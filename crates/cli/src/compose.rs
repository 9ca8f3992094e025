//! Where the parts are put together: the only place that knows every one of them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossfade_api::App;
use crossfade_aws::{AccountConfig, ConnectError, Route53};
use crossfade_engine::{Engine, Point, Probe};
use crossfade_ports::{Account, Accounts, Clock, Poke, Store, StoreError, SystemClock, Vitals};
use crossfade_probe::Prober;
use crossfade_store_postgres::PostgresStore;
use crossfade_store_sqlite::{Reserved, SqliteStore};
use futures::FutureExt as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, redacted},
    failure::{Exit, Failure},
    telemetry,
};

/// A running daemon: the API and the engine over one store.
#[derive(Debug)]
pub struct Daemon {
    /// Where it listens; with a port even where the configuration left the choice open.
    pub address: SocketAddr,
    database: Database,
    /// Keeps other daemons from a database that can only have one.
    _reserved: Option<Reserved>,
    shutdown: CancellationToken,
    /// The server, the engine, and what wakes the engine.
    parts: JoinSet<Result<(), ComposeError>>,
    /// How the first of them ended, if one has.
    ended: Option<Result<(), ComposeError>>,
}

/// What a daemon can be started with besides its configuration.
pub struct Parts {
    pub clock: Arc<dyn Clock>,
    pub prometheus: Option<PrometheusHandle>,
    pub probe: Probe,
    /// Whether the schema is brought up to date first.
    pub migrate: bool,
    /// Stands before the store; here tests put one that fails.
    pub before_store: BeforeStore,
}

pub type BeforeStore = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + Send>;

/// The store behind a URL.
#[derive(Clone, Debug)]
pub struct Database {
    /// Without a password.
    url: String,
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(SqliteStore),
    Postgres(Box<PostgresStore>),
}

#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error("the store {url} cannot be used")]
    Store { url: String, source: StoreError },
    #[error("{address} cannot be listened on")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("there is no account {name} in the configuration")]
    NoSuchAccount { name: String, known: Vec<String> },
    #[error("an account cannot be used")]
    Account(#[from] ConnectError),
    #[error("the Prometheus of the configuration cannot be used")]
    Prometheus(#[from] crossfade_prometheus::Unusable),
    #[error("endpoints cannot be probed")]
    Probe(#[from] crossfade_probe::Unusable),
    #[error("a part of the daemon panicked")]
    Panicked(#[source] JoinError),
    #[error("the server stopped")]
    Server(#[source] io::Error),
}

/// Requests that are being answered, and writes that are on their way, get that long.
const DRAIN: Duration = Duration::from_secs(15);

impl Default for Parts {
    fn default() -> Self {
        Parts {
            clock: Arc::new(SystemClock),
            prometheus: None,
            probe: Probe::default(),
            migrate: true,
            before_store: Box::new(|store| store),
        }
    }
}

impl Daemon {
    /// Opens the store, connects the accounts and listens. When this returns, requests are answered.
    pub async fn start(config: &Config, parts: Parts) -> Result<Daemon, ComposeError> {
        let Config {
            server,
            store: _,
            accounts: _,
            engine: settings,
            probe: probing,
            prometheus: _,
            auth: _,
        } = config;
        let Parts { clock, prometheus, probe, migrate, before_store } = parts;
        // First what costs nothing and fails often.
        let listen = |source| ComposeError::Listen { address: server.listen, source };
        let listener = TcpListener::bind(server.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let accounts = accounts(config).await?;
        let prober = Prober::new(probing.ca_file.as_deref())?;
        let database = Database::open(&config.store.url).await?;
        let reserved = database.reserve(&*clock)?;
        if migrate {
            probe.at(Point::Migrating);
            database.migrate().await?;
            probe.at(Point::Migrated);
        }
        let store = before_store(database.store());
        database.usable(store.ping().await)?;
        let installation = database.usable(store.installation().await)?;
        let (poke, vitals) = (Poke::default(), Vitals::default());
        let watch = watch(config.store.listen_url.clone(), poke.clone());
        let upkeep = telemetry::upkeep(prometheus.clone());
        let app = App {
            store: Arc::clone(&store),
            accounts: accounts.clone(),
            clock: Arc::clone(&clock),
            poke: poke.clone(),
            vitals: vitals.clone(),
            owner: installation.clone(),
            prometheus,
            version: env!("CARGO_PKG_VERSION"),
            loopback: address.ip().is_loopback(),
        };
        let engine = Engine {
            store,
            accounts,
            probes: Arc::new(prober),
            clock,
            poke,
            vitals,
            settings: settings.clone(),
            probe,
            installation,
            replica: database.replica(),
        };
        let shutdown = CancellationToken::new();
        let drain = shutdown.clone();
        let server = axum::serve(listener, crossfade_api::router(app).merge(crossfade_dashboard::router()))
            .with_graceful_shutdown(drain.cancelled_owned());
        let mut parts = JoinSet::new();
        parts.spawn(async move { server.await.map_err(ComposeError::Server) });
        parts.spawn(engine.run(shutdown.clone()).map(Ok));
        parts.spawn(shutdown.clone().run_until_cancelled_owned(upkeep).map(|_| Ok(())));
        parts.spawn(shutdown.clone().run_until_cancelled_owned(watch).map(|_| Ok(())));
        Ok(Daemon { address, database, _reserved: reserved, shutdown, parts, ended: None })
    }

    /// Returns when a part has ended by itself, which it should not; [`Daemon::stop`] then says why.
    pub async fn ended(&mut self) {
        if self.ended.is_none() {
            self.ended = self.parts.join_next().await.map(flatten);
        }
    }

    /// Lets the engine finish what it is at, drains the server, and closes the store.
    pub async fn stop(self) -> Result<(), ComposeError> {
        let Daemon { address: _, database, _reserved, shutdown, mut parts, ended } = self;
        shutdown.cancel();
        let mut outcome = ended.unwrap_or(Ok(()));
        let rest = async {
            while let Some(part) = parts.join_next().await {
                outcome = std::mem::replace(&mut outcome, Ok(())).and(flatten(part));
            }
        };
        if tokio::time::timeout(DRAIN, rest).await.is_err() {
            tracing::warn!("not everything ended in time; the next start goes on from what the store has");
            parts.abort_all();
        }
        database.close().await;
        outcome
    }
}

fn flatten(part: Result<Result<(), ComposeError>, JoinError>) -> Result<(), ComposeError> {
    part.unwrap_or_else(|panic| Err(ComposeError::Panicked(panic)))
}

impl Database {
    pub async fn open(url: &str) -> Result<Database, ComposeError> {
        let opened = match url.starts_with("sqlite:") {
            true => SqliteStore::open(url).await.map(Backend::Sqlite),
            false => PostgresStore::connect(url).await.map(|store| Backend::Postgres(Box::new(store))),
        };
        let url = redacted(url);
        match opened {
            Ok(backend) => Ok(Database { url, backend }),
            Err(source) => Err(ComposeError::Store { url, source }),
        }
    }

    pub async fn migrate(&self) -> Result<(), ComposeError> {
        self.usable(match &self.backend {
            Backend::Sqlite(store) => store.migrate().await,
            Backend::Postgres(store) => store.migrate().await,
        })
    }

    pub async fn pending_migrations(&self) -> Result<Vec<String>, ComposeError> {
        self.usable(match &self.backend {
            Backend::Sqlite(store) => store.pending_migrations().await,
            Backend::Postgres(store) => store.pending_migrations().await,
        })
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match &self.backend {
            Backend::Sqlite(store) => Arc::new(store.clone()),
            Backend::Postgres(store) => Arc::new(store.as_ref().clone()),
        }
    }

    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(store) => store.close().await,
            Backend::Postgres(store) => store.close().await,
        }
    }

    /// A SQLite file has one daemon; any number share a PostgreSQL.
    fn reserve(&self, clock: &dyn Clock) -> Result<Option<Reserved>, ComposeError> {
        match &self.backend {
            Backend::Sqlite(store) => {
                let (pid, host, since) = (std::process::id(), host(), clock.now());
                let who = format!("process {pid} on {host}, since {since:.0}");
                self.usable(store.reserve(&who)).map(Some)
            }
            Backend::Postgres(_) => Ok(None),
        }
    }

    /// The name of this process among replicas.
    fn replica(&self) -> String {
        match &self.backend {
            // A file has one daemon at a time, and the next one is the same to it: it takes up its leases at once.
            Backend::Sqlite(_) => "the-only-one".to_owned(),
            Backend::Postgres(_) => {
                let (mut drawn, host) = (uuid::Uuid::new_v4().simple().to_string(), host());
                // To tell the processes of a host apart, with the host's name to find them by.
                drawn.truncate(8);
                format!("{host}-{drawn}")
            }
        }
    }

    fn usable<T>(&self, result: Result<T, StoreError>) -> Result<T, ComposeError> {
        result.map_err(|source| ComposeError::Store { url: self.url.clone(), source })
    }
}

/// Pokes when another replica has changed something. Never ends.
async fn watch(url: Option<String>, poke: Poke) {
    let Some(url) = url else { return std::future::pending().await };
    let listens = AtomicBool::new(true);
    let heard = |outcome: Result<(), StoreError>| match outcome {
        Ok(()) => {
            listens.store(true, Ordering::Relaxed);
            poke.poke();
        }
        Err(error) => {
            if listens.swap(false, Ordering::Relaxed) {
                tracing::warn!(error = %error, "changes by other replicas are only seen by polling");
            }
        }
    };
    crossfade_store_postgres::watch(&url, heard).await;
}

/// This machine's name, for people.
pub fn host() -> String {
    // Where there is no such file, the process is told by the rest.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned()
}

/// One account of the configuration, without a daemon.
pub async fn account(config: &Config, name: &str) -> Result<Account, ComposeError> {
    connect(config, named(config, name)?, name).await
}

/// Route 53 of one account, with nothing that only metrics need.
pub async fn route53(config: &Config, name: &str) -> Result<Route53, ComposeError> {
    Ok(crossfade_aws::connect_route53(named(config, name)?, name).await?)
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a AccountConfig, ComposeError> {
    config.accounts.get(name).ok_or_else(|| ComposeError::NoSuchAccount {
        name: name.to_owned(),
        known: config.accounts.keys().cloned().collect(),
    })
}

/// An account of AWS, with the Prometheus of the configuration beside its CloudWatch.
async fn connect(config: &Config, account: &AccountConfig, name: &str) -> Result<Account, ComposeError> {
    let account = crossfade_aws::connect(account, name).await?;
    let server = match &config.prometheus.url {
        None => None,
        Some(url) => {
            let authorization = config.prometheus.authorization.iter();
            let headers = authorization.map(|value| ("authorization".to_owned(), value.clone())).collect();
            Some(crossfade_prometheus::Server::new(&crossfade_prometheus::Config {
                url: url.clone(),
                headers,
            })?)
        }
    };
    let metrics = Arc::new(crossfade_prometheus::Routed::new(account.metrics, server));
    Ok(Account { metrics, ..account })
}

async fn accounts(config: &Config) -> Result<Accounts, ComposeError> {
    let mut accounts = Accounts::default();
    for (name, account) in &config.accounts {
        accounts.0.insert(name.clone(), connect(config, account, name).await?);
    }
    Ok(accounts)
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Self {
        let (exit, hint) = match &error {
            ComposeError::Store { source: StoreError::Unavailable { .. }, .. } => (
                Exit::Unreachable,
                "is the database there? `crossfade config print` shows its URL and where that comes from"
                    .to_owned(),
            ),
            ComposeError::Store { source: StoreError::InUse { .. }, .. } => (
                Exit::Failed,
                "a SQLite file has one daemon; several can share a PostgreSQL database (`store.url`)"
                    .to_owned(),
            ),
            ComposeError::Store { .. } => {
                (Exit::Failed, "`crossfade migrate --check` says how its schema differs".to_owned())
            }
            ComposeError::Listen { .. } => {
                (Exit::Failed, "does another daemon run? `server.listen` chooses another port".to_owned())
            }
            ComposeError::NoSuchAccount { known, .. } => {
                (Exit::Failed, format!("there is: {}", known.join(", ")))
            }
            ComposeError::Account(_) => (
                Exit::Failed,
                "`crossfade config print` shows the accounts and where each value comes from".to_owned(),
            ),
            ComposeError::Prometheus(_) => (
                Exit::Failed,
                "`crossfade config print` shows `prometheus.url` and where that comes from".to_owned(),
            ),
            ComposeError::Probe(_) => (
                Exit::Failed,
                "`crossfade config print` shows `probe.ca_file` and where that comes from".to_owned(),
            ),
            ComposeError::Panicked(_) | ComposeError::Server(_) => {
                (Exit::Failed, "nothing is lost: the next start goes on from what the store has".to_owned())
            }
        };
        Failure::of(exit, error).hint(hint)
    }
}
