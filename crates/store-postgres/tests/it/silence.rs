//! A server that vanishes without a word, as a machine does that loses its power: nobody sends a reset, and what hangs
//! on an old connection would hang for a quarter of an hour. New connections lead to the next server.

use std::{net::SocketAddr, time::Duration};

use crossfade_ports::{Store, StoreError};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::replicas::{listening, until_heard};

/// For what would otherwise never come.
const FOREVER: Duration = Duration::from_secs(120);

/// As many as the store has connections.
const ALL: usize = 10;

#[tokio::test]
async fn connections_that_died_in_use_make_room() {
    let Some((store, way)) = store().await else { return };
    way.dies_at(Some("FROM "));
    let hang = async { tokio::join!(join_all((1..ALL).map(|_| store.load("www"))), store.ping()) };
    let (loaded, pinged) = tokio::time::timeout(FOREVER, hang).await.unwrap();
    for refused in loaded.into_iter().map(Result::err).chain([pinged.err()]) {
        assert!(matches!(refused, Some(StoreError::Unavailable { .. })), "{refused:?}");
    }
    // All ten are dead, and nobody has closed one. The next does not wait for them.
    way.dies_at(None);
    store.load("www").await.unwrap();
}

#[tokio::test]
async fn connections_that_died_idle_cost_nobody_his_answer() {
    let Some((store, way)) = store().await else { return };
    for loaded in join_all((0..ALL).map(|_| store.load("www"))).await {
        loaded.unwrap();
    }
    // No event says that they have been idle for so long that they are not trusted any more.
    tokio::time::sleep(Duration::from_secs(6)).await;
    way.dies();
    for _ in 0..=ALL {
        store.load("www").await.unwrap();
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_what_hangs() {
    let Some((store, way)) = store().await else { return };
    way.dies();
    tokio::select! {
        biased;
        loaded = store.load("www") => panic!("it waited until that had given up: {loaded:?}"),
        () = store.close() => {}
    }
}

#[tokio::test]
async fn a_listener_that_hears_nothing_any_more_listens_anew() {
    let Some((url, way)) = database().await else { return };
    let heard = listening(&way.leading_to(&url));
    let store = PostgresStore::connect(&url).await.unwrap();
    let change = async || {
        let lease = store.acquire("x", "a", FOREVER, 0).await.unwrap().unwrap();
        store.release(&lease).await.unwrap();
    };
    until_heard(&heard, change).await;
    way.dies();
    until_heard(&heard, change).await;
}

async fn store() -> Option<(PostgresStore, Way)> {
    let (url, way) = database().await?;
    Some((PostgresStore::connect(&way.leading_to(&url)).await.unwrap(), way))
}

/// The URL of a database of its own, and a way to its server.
async fn database() -> Option<(String, Way)> {
    let server = Server::shared()?;
    Some((server.database().await, Way::to(server.address()).await))
}

/// Leads to a server. A connection that dies on it stays open, and carries nothing any more.
struct Way {
    server: SocketAddr,
    address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Clone, Default)]
struct State {
    /// How often all connections have died.
    deaths: u64,
    /// A connection dies of this text.
    deadly: Option<&'static str>,
}

impl Way {
    async fn to(server: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Way { server, address: listener.local_addr().unwrap(), state: watch::Sender::default() };
        let state = way.state.subscribe();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, server, state.clone()));
            }
        });
        way
    }

    /// The same database, asked along this way.
    fn leading_to(&self, url: &str) -> String {
        url.replace(&self.server.to_string(), &self.address.to_string())
    }

    /// What there is dies; what comes later lives.
    fn dies(&self) {
        self.state.send_modify(|state| state.deaths += 1);
    }

    fn dies_at(&self, deadly: Option<&'static str>) {
        self.state.send_modify(|state| state.deadly = deadly);
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let State { deaths, .. } = *state.borrow_and_update();
    let mut server = TcpStream::connect(server).await.unwrap();
    let ((mut asks, mut hears), (mut answers, mut is_asked)) = (client.split(), server.split());
    let deadly = state.clone();
    let there = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = asks.read(&mut buffer).await?;
            let said = &buffer[..read];
            let deadly = deadly.borrow().deadly;
            if deadly.is_some_and(|text| said.windows(text.len()).any(|window| window == text.as_bytes())) {
                return std::future::pending().await;
            }
            if read == 0 {
                return is_asked.shutdown().await;
            }
            is_asked.write_all(said).await?;
        }
    };
    tokio::select! {
        biased;
        () = async { drop(state.wait_for(|state| state.deaths != deaths).await) } => {
            std::future::pending().await
        }
        // A connection that ends says so to both.
        _ = async { tokio::try_join!(there, copy(&mut answers, &mut hears)) } => {}
    }
}
