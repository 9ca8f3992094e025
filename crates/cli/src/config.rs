//! The daemon's configuration: what can be said, and where each value came from.
//!
//! The environment comes before the file, and the file before the defaults. Every mistake is found at once, and names
//! its key, its place and the nearest known key; with a mistake, nothing starts.

mod layers;
mod reader;
mod shown;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use crossfade_aws::AccountConfig;
use crossfade_engine::{LEASE_MIN, Settings};

pub use self::shown::redacted;
use self::{layers::Layers, reader::Reader};
use crate::environment::Environment;

#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub store: Store,
    /// By the name that plans use.
    pub accounts: BTreeMap<String, AccountConfig>,
    pub engine: Settings,
    pub probe: Probe,
    pub prometheus: Prometheus,
    pub auth: Auth,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
}

#[derive(Clone, Debug)]
pub struct Store {
    /// `sqlite://path` or `postgres://…`.
    pub url: String,
    /// Where PostgreSQL is listened to for what other replicas changed: the server itself. Without it, there is polling.
    pub listen_url: Option<String>,
}

/// How the endpoints themselves are asked.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// Authorities that are trusted besides the machine's, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// The second source of metrics.
#[derive(Clone, Debug, Default)]
pub struct Prometheus {
    /// Its address, with the path that stands before `/api/v1`.
    pub url: Option<String>,
    /// Sent as the header of that name.
    pub authorization: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Auth {
    pub tokens: Vec<String>,
}

/// A configuration with what it was made of.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Of every key that was set.
    pub sources: BTreeMap<String, Source>,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
}

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File { path: PathBuf, line: usize },
    Environment(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `None` for a rule over several values, none of which was set.
    pub source: Option<Source>,
    pub key: String,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the configuration file {} is not TOML: line {line}: {message}", path.display())]
    NotToml { path: PathBuf, line: usize, message: String },
    #[error("the configuration has mistakes")]
    Wrong(Vec<Mistake>),
}

/// Looked for in this order where no file is named.
pub const PLACES: [&str; 2] = ["crossfade.toml", "/etc/crossfade/crossfade.toml"];

pub const DEFAULT_ACCOUNT: &str = "default";
const DEFAULT_REGION: &str = "us-east-1";

/// With one of these, the AWS SDK knows a region, or a profile that may have one.
const REGION_VARIABLES: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"];

impl Default for Config {
    fn default() -> Self {
        Config {
            server: Server::default(),
            store: Store::default(),
            accounts: BTreeMap::from([(DEFAULT_ACCOUNT.to_owned(), default_account())]),
            engine: Settings::default(),
            probe: Probe::default(),
            prometheus: Prometheus::default(),
            auth: Auth::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Server { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)) }
    }
}

impl Default for Store {
    fn default() -> Self {
        Store { url: "sqlite://crossfade.db".to_owned(), listen_url: None }
    }
}

/// Reads the named file, or the first of [`PLACES`] that is there, and the environment over it.
pub fn load(named: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigError> {
    let found = || PLACES.iter().map(Path::new).find(|path| path.exists());
    match named.or_else(found) {
        None => read(None, environment),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            read(Some((path, &text)), environment)
        }
    }
}

/// The same, of a text.
pub fn read(file: Option<(&Path, &str)>, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    if let Some((path, text)) = file {
        layers.add_file(path, text)?;
    }
    layers.add_environment(environment);
    let sources = layers.sources();
    let mut reader = Reader::new(layers);
    let config = Config::read(&mut reader, environment);
    config.check(&mut reader);
    reader.finish()?;
    Ok(Loaded { config, sources, file: file.map(|(path, _)| path.to_owned()) })
}

impl Config {
    fn read(reader: &mut Reader, environment: &Environment) -> Config {
        let Config { server, store, accounts: _, engine, probe: _, prometheus: _, auth } = Config::default();
        let region_elsewhere = REGION_VARIABLES.iter().any(|name| environment.get(name).is_some());
        Config {
            server: Server { listen: reader.address("server.listen", server.listen) },
            store: Store::read(reader, store),
            accounts: accounts(reader, region_elsewhere),
            engine: Settings {
                poll: reader.span("engine.poll", engine.poll),
                metrics_every: reader.span("engine.metrics_every", engine.metrics_every),
                probes_every: reader.span("engine.probes_every", engine.probes_every),
                read_back_every: reader.span("engine.read_back_every", engine.read_back_every),
                propagation: reader.span("engine.propagation", engine.propagation),
                requests_per_second: reader.count("engine.requests_per_second", engine.requests_per_second),
                lease: reader.span("engine.lease", engine.lease),
            },
            probe: Probe { ca_file: reader.text("probe.ca_file", None).map(PathBuf::from) },
            prometheus: Prometheus {
                url: reader.text("prometheus.url", None),
                authorization: reader.text("prometheus.authorization", None),
            },
            auth: Auth { tokens: reader.texts("auth.tokens", auth.tokens) },
        }
    }

    /// What no single value can be blamed for.
    fn check(&self, reader: &mut Reader) {
        if self.engine.lease < LEASE_MIN {
            reader.refuse(
                "engine.lease",
                "shorter than 3s, a lease is lost to the first answer that is late",
                "the default is 15s; shorter means that a lost replica is replaced sooner",
            );
        }
        if !self.auth.tokens.is_empty() {
            reader.refuse(
                "auth.tokens",
                "tokens are not supported by this version",
                "leave it empty, and listen on a loopback address",
            );
        } else if !self.server.listen.ip().is_loopback() {
            reader.refuse(
                "server.listen",
                &format!(
                    "{} can be reached from outside, and there is no authentication: whoever reaches it moves traffic",
                    self.server.listen
                ),
                "listen on 127.0.0.1 or [::1], and put a proxy that authenticates in front of it, or an SSH tunnel",
            );
        }
    }
}

impl Store {
    fn read(reader: &mut Reader, default: Store) -> Store {
        let url = reader.store_url("store.url", default.url);
        let server = Some(url.clone()).filter(|url| !url.starts_with("sqlite:"));
        Store { listen_url: reader.text("store.listen_url", server), url }
    }
}

fn accounts(reader: &mut Reader, region_elsewhere: bool) -> BTreeMap<String, AccountConfig> {
    let mut names = reader.names_under("accounts");
    if names.is_empty() {
        names.insert(DEFAULT_ACCOUNT.to_owned());
    }
    let account = |name: String| {
        let mut text =
            |key: &str, value: Option<String>| reader.text(&format!("accounts.{name}.{key}"), value);
        let mut default = default_account();
        let profile = text("profile", default.profile);
        // What the SDK finds by itself comes before our default.
        if profile.is_some() || region_elsewhere {
            default.region = None;
        }
        let account = AccountConfig {
            region: text("region", default.region),
            profile,
            role_arn: text("role_arn", default.role_arn),
            external_id: text("external_id", default.external_id),
            route53_endpoint: text("route53_endpoint", default.route53_endpoint),
            cloudwatch_endpoint: text("cloudwatch_endpoint", default.cloudwatch_endpoint),
            emulator: text("emulator", default.emulator),
        };
        (name, account)
    };
    names.into_iter().map(account).collect()
}

fn default_account() -> AccountConfig {
    AccountConfig { region: Some(DEFAULT_REGION.to_owned()), ..AccountConfig::default() }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}: ")?;
        }
        write!(f, "{}: {}", self.key, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}
