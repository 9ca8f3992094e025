//! One of several daemons over one database, with wires of its own to everything.

use std::{net::SocketAddr, ops::Deref, time::Instant};

use crossfade_store_postgres::testing::Server;

use super::{
    Backend, DEADLINE, POLL, Process, Proxy, World,
    daemon::{STORE, Settings},
    http,
};

pub(crate) struct Replica {
    pub(crate) process: Process,
    pub(crate) database: Proxy,
    pub(crate) aws: Proxy,
}

impl Replica {
    /// `None` where there is no PostgreSQL.
    pub(crate) async fn world() -> Option<World> {
        match Backend::all().await.contains(&Backend::Postgres) {
            true => Some(World::quiet(Backend::Postgres).await),
            false => None,
        }
    }

    /// A world whose database is on this server.
    pub(crate) async fn world_on(server: &Server) -> World {
        World::quiet_at(Some(server.database().await)).await
    }

    /// Starts a daemon and waits until it is ready.
    pub(crate) async fn start(name: &str, world: &World, environment: &[(&str, &str)]) -> Replica {
        let (database, store) = Replica::wire(world).await;
        let aws = Proxy::start(socket(&world.playground.aws_url())).await;
        let settings = [
            (STORE, store),
            ("CROSSFADE_ACCOUNTS__DEFAULT__EMULATOR", through(&world.playground.aws_url(), &aws)),
        ];
        let settings: Settings = settings.map(|(key, value)| (key.to_owned(), value)).into();
        let process = Process::start_as(name, world, settings, environment).await;
        Replica { process, database, aws }
    }

    /// Two, of which the first has the account's lease.
    pub(crate) async fn pair(world: &World) -> (Replica, Replica) {
        let one = Replica::start("one", world, &[]).await;
        one.leads().await;
        (one, Replica::start("other", world, &[]).await)
    }

    /// A further way to the world's database, and its URL.
    pub(crate) async fn wire(world: &World) -> (Proxy, String) {
        let url = world.store.as_deref().unwrap();
        let wire = Proxy::start(socket(url)).await;
        let url = through(url, &wire);
        (wire, url)
    }

    /// Waits until it has the account's lease, and says which one.
    pub(crate) async fn leads(&self) -> u64 {
        let trusted = |held: &serde_json::Value| held["trusted"].as_bool() == Some(true);
        let held = self.await_lease("has the lease", trusted).await;
        held["epoch"].as_u64().unwrap()
    }

    /// Waits until it has the lease as far as it knows, and no longer acts on it.
    pub(crate) async fn doubts(&self) {
        self.await_lease("doubts its lease", |held| held["trusted"].as_bool() == Some(false)).await;
    }

    /// Waits until it knows that it has no lease.
    pub(crate) async fn stands_by(&self) {
        self.await_lease("has no lease", serde_json::Value::is_null).await;
    }

    async fn await_lease(
        &self,
        what: &str,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let (http, deadline) = (http(), Instant::now() + DEADLINE);
        let url = format!("{}/readyz", self.url());
        loop {
            let seen = async { http.get(&url).send().await?.json::<serde_json::Value>().await }.await;
            if let Ok(body) = &seen {
                let held = &body["checks"]["leases"]["accounts"]["default"];
                if wanted(held) {
                    return held.clone();
                }
            }
            assert!(Instant::now() < deadline, "no time at which it {what}: {seen:?}\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Deref for Replica {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// Where a URL leads.
fn socket(url: &str) -> SocketAddr {
    let authority = url.split('/').nth(2).unwrap();
    authority.rsplit('@').next().unwrap().parse().unwrap()
}

/// The same URL, by way of the proxy.
fn through(url: &str, proxy: &Proxy) -> String {
    url.replace(&socket(url).to_string(), &proxy.address().to_string())
}
