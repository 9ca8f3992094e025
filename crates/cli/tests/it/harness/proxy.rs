//! A wire that can be cut: a TCP proxy for one daemon's way to one service.
//!
//! Each direction can be held: what comes is taken and waits, as when packets are lost and sent again. What waited is
//! delivered when the wire is whole again, even if its sender has given up since: so does a network.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    _running: DropGuard,
}

#[derive(Clone, Debug)]
struct State {
    target: SocketAddr,
    refuses: bool,
    holds_requests: bool,
    holds_answers: bool,
    /// How often connections were severed.
    severed: u64,
    /// What happens at which text in a request.
    trap: Option<Trap>,
}

type Trap = (&'static str, fn(&mut State));

#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

impl State {
    fn holds(&self, way: Way) -> bool {
        match way {
            Way::There => self.holds_requests,
            Way::Back => self.holds_answers,
        }
    }
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Proxy {
        let state = State {
            target,
            refuses: false,
            holds_requests: false,
            holds_answers: false,
            severed: 0,
            trap: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(state));
        let running = CancellationToken::new();
        tokio::spawn(running.clone().run_until_cancelled_owned(listen(
            listener,
            state.clone(),
            running.clone(),
        )));
        Proxy { address, state, _running: running.drop_guard() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes are taken, and nothing comes back.
    pub(crate) fn hold(&self) {
        self.set(|state| (state.holds_requests, state.holds_answers) = (true, true));
    }

    /// Requests wait from the first one on that has this text.
    pub(crate) fn hold_at(&self, text: &'static str) {
        self.set(|state| state.trap = Some((text, |state| state.holds_requests = true)));
    }

    /// What is asked for is done, and nobody hears of it.
    pub(crate) fn hold_answers(&self) {
        self.set(|state| state.holds_answers = true);
    }

    /// The same from the first request on that has this text.
    pub(crate) fn hold_answers_at(&self, text: &'static str) {
        self.set(|state| state.trap = Some((text, |state| state.holds_answers = true)));
    }

    /// Connections are reset, old ones and new ones.
    pub(crate) fn refuse(&self) {
        self.set(|state| {
            state.refuses = true;
            state.severed += 1;
        });
    }

    /// Connections that there are break, with whatever waits in them; new ones can be made.
    pub(crate) fn sever(&self) {
        self.set(|state| state.severed += 1);
    }

    /// Leads elsewhere from now on.
    pub(crate) fn redirect(&self, target: SocketAddr) {
        self.set(|state| {
            state.target = target;
            state.severed += 1;
        });
    }

    /// Everything passes, what waited first.
    pub(crate) fn heal(&self) {
        self.set(|state| {
            (state.refuses, state.holds_requests, state.holds_answers) = (false, false, false);
        });
    }

    /// Returns when the text has come that it was told to hold at.
    pub(crate) async fn sprung(&self) {
        let mut state = self.state.subscribe();
        let sprung = state.wait_for(|state| state.trap.is_none());
        tokio::time::timeout(super::DEADLINE, sprung).await.unwrap().unwrap();
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }
}

async fn listen(listener: TcpListener, state: Arc<watch::Sender<State>>, running: CancellationToken) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let connection = connect(client, state.clone());
        tokio::spawn(running.clone().run_until_cancelled_owned(connection));
    }
}

async fn connect(client: TcpStream, state: Arc<watch::Sender<State>>) {
    let State { target, refuses, severed, .. } = *state.borrow();
    if refuses {
        client.set_zero_linger().unwrap();
        return;
    }
    let carried = async {
        // A service that is not there is, to the daemon, a connection that ends.
        let Ok(service) = TcpStream::connect(target).await else { return };
        let ((from_client, to_client), (from_service, to_service)) =
            (client.into_split(), service.into_split());
        tokio::join!(
            carry(from_client, to_service, &state, Way::There),
            carry(from_service, to_client, &state, Way::Back),
        );
    };
    let mut watched = state.subscribe();
    tokio::select! {
        () = carried => {}
        _ = watched.wait_for(|state| state.severed != severed) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &watch::Sender<State>, way: Way) {
    let mut watched = state.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    let mut waited = false;
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if let Way::There = way {
            spring(state, &buffer[..read]);
        }
        waited |= read > 0 && state.borrow().holds(way);
        if watched.wait_for(|state| !state.holds(way)).await.is_err() {
            return;
        }
        if read == 0 && waited {
            // A service may drop a request whose sender is gone. Here it is not told, until the proxy is.
            return std::future::pending().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            // The other side may have gone already.
            let _ = to.shutdown().await;
            return;
        }
    }
}

fn spring(state: &watch::Sender<State>, said: &[u8]) {
    state.send_if_modified(|state| match state.trap {
        Some((text, change)) if said.windows(text.len()).any(|window| window == text.as_bytes()) => {
            state.trap = None;
            change(state);
            true
        }
        Some(_) | None => false,
    });
}
