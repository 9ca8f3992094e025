//! The emulated world in which Crossfade can be tried, tested and shown.
//!
//! Route 53 and CloudWatch over HTTP, strict where the real services are strict; an authoritative DNS server that
//! answers by the weights that are INSYNC; resolvers with caches; traffic; endpoints whose error rate and latency
//! can be turned; faults on demand. Any AWS client and any DNS client works against it.
//!
//! It shares no code with the crates it tests, and none with the AWS SDK: a misreading of the protocol on one side
//! must not be cancelled out by the same misreading on the other.
//!
//! From Rust, a [`Playground`] runs the servers and its [`World`] turns everything. From other processes, the same
//! port serves a control API in JSON under `/_playground/`:
//!
//! | method and path | body | does |
//! |---|---|---|
//! | `GET state` | | zones (control plane and visible records), endpoints, observed traffic of 60 s, faults, calls |
//! | `GET journal` | | every ChangeResourceRecordSets that arrived, with its outcome |
//! | `POST zones` | `{"name", "private"}` | 201 with `{"id"}` |
//! | `POST zones/{id}/records` | a record | creates or replaces it, INSYNC at once |
//! | `POST zones/{id}/foreign-write` | a record | the same, as somebody else would |
//! | `POST zones/{id}/foreign-weight` | `{"name", "type", "set_identifier", "weight"}` | changes one weight |
//! | `POST zones/{id}/foreign-delete` | `{"name", "type", "set_identifier"}` | deletes one record set |
//! | `POST health-checks` | `{"id", "healthy"}` | registers a health check |
//! | `POST endpoints` | an endpoint | adds or replaces it |
//! | `POST endpoints/{name}` | `{"error_rate", "latency", "state", "healthy"}` | turns what is given; latency in seconds |
//! | `POST traffic`, `DELETE traffic` | a traffic | starts a stream; stops all |
//! | `POST resolvers` | `{"pinned"}` | whether every resolver keeps the answer that it has, whatever its TTL |
//! | `POST faults`, `DELETE faults` | `{"kind", "operation", "times", "after", …}` | arms a fault; disarms all |
//! | `POST metrics` | `{"namespace", "metric", "dimensions", "at", "value"}` | stores one value |
//! | `POST alarms` | `{"name", "state"}` | sets an alarm's state |
//! | `POST sync` | | makes every PENDING change INSYNC |
//! | `POST insync-delay` | `{"seconds"}` | how long changes stay PENDING |
//! | `POST example` | | the ready-made world of [`example_world`] |
//!
//! A record is `{"name", "type", "ttl", "values", "set_identifier", "weight", "alias", "health_check_id"}`, an
//! endpoint `{"name", "addresses", "error_rate", "latency", "state", "metrics"}`; see [`Record`], [`Endpoint`],
//! [`Traffic`] and [`Fault`] for all of their fields.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

mod clock;
mod cloudwatch;
mod control;
mod dns;
mod endpoint;
mod example;
mod faults;
mod http;
mod journal;
mod record;
mod route53;
mod server;
mod throttle;
mod traffic;
mod world;
mod zone;

pub use endpoint::{Endpoint, EndpointState, MetricShape, Observed};
pub use example::{ExampleOptions, ExampleWorld, example_world, example_world_with};
pub use faults::{Fault, FaultKind};
pub use journal::{Entry, Outcome};
pub use record::{Alias, GeoLocation, Record};
pub use route53::{Action, Change};
pub use throttle::Throttle;
pub use traffic::Traffic;
pub use world::{World, WorldError};

/// How the world is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Where all servers listen.
    pub listen: IpAddr,
    /// The port of both AWS APIs and of the control API; 0 takes a free one.
    pub aws_port: u16,
    /// The UDP and TCP port of the DNS server; 0 takes a free one.
    pub dns_port: u16,
    /// How long a change stays PENDING. Zero makes it INSYNC at once, `Duration::MAX` only by [`World::sync_now`].
    pub insync_delay: Duration,
    /// The account's budget of Route 53 calls; `None` never throttles.
    pub throttle: Option<Throttle>,
    /// Of every draw: ids, answers, errors. The same seed and the same calls give the same world.
    pub seed: u64,
    /// How often traffic flows and metrics are published.
    pub tick: Duration,
    /// How long metric data are kept.
    pub metric_retention: Duration,
    /// How the reasons of a refused batch are written.
    pub batch_error_form: BatchErrorForm,
}

/// The two ways in which a refused batch's reasons reach the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchErrorForm {
    /// One bracketed `Message`, as Route 53 answers today.
    #[default]
    Bracketed,
    /// The same, and the reasons one by one in the modelled `messages` list.
    Listed,
}

/// The running world. Dropping it stops all servers.
#[derive(Debug)]
pub struct Playground {
    world: World,
    aws: SocketAddr,
    dns: SocketAddr,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            aws_port: 0,
            dns_port: 0,
            insync_delay: Duration::from_secs(1),
            throttle: Some(Throttle::default()),
            seed: 0,
            tick: Duration::from_millis(100),
            metric_retention: Duration::from_secs(6 * 3_600),
            batch_error_form: BatchErrorForm::default(),
        }
    }
}

impl Playground {
    /// Binds the ports and starts the servers and the traffic's clock.
    pub async fn start(options: Options) -> io::Result<Self> {
        let Options { listen, aws_port, dns_port, tick, .. } = options;
        let stop = CancellationToken::new();
        let world = World::new(options, stop.clone());
        let (listener, aws) = server::bind(listen, aws_port).await?;
        let mut dns_server = dns::DnsServer::start(world.clone(), listen, dns_port).await?;
        let dns = dns_server.address();
        let tasks = TaskTracker::new();
        server::run(listener, world.clone(), control::router(world.clone(), dns), &tasks);
        let stopped = stop.clone();
        tasks.spawn(async move {
            stopped.cancelled().await;
            dns_server.shutdown().await;
        });
        tasks.spawn(flow(world.clone(), tick));
        tasks.close();
        Ok(Self { world, aws, dns, tasks, stop: stop.drop_guard() })
    }

    /// The endpoint URL of both Route 53 and CloudWatch.
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.aws)
    }

    /// Where the DNS server answers, over UDP and TCP.
    pub fn dns_addr(&self) -> SocketAddr {
        self.dns
    }

    /// A handle to the world.
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// Stops all servers and waits until they have stopped.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.wait().await;
    }
}

async fn flow(world: World, tick: Duration) {
    let mut ticks = tokio::time::interval(tick.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                world.advance();
                if !world.traffic().is_empty() {
                    world.notify();
                }
            }
            () = world.stopped().cancelled() => return,
        }
    }
}
