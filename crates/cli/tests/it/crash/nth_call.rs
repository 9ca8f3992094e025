//! The n-th call to Route 53 or CloudWatch fails, or the n-th to the store, for every n there is.
//!
//! In this process: the daemon as `serve` composes it, with its HTTP API, its engine, the AWS clients and a store, against
//! the emulated services. One whole shift for each n and each way to fail; the loop ends when a shift was completed
//! before its fault's turn had come.

mod of_aws;
mod of_store;
mod unsteady;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crossfade::{
    client::Client,
    compose::{BeforeStore, Daemon, Parts},
    config::{Config, Server, Store},
};
use crossfade_core::shift::{Command, Phase};
use crossfade_engine::Settings;
use crossfade_ports::Store as Port;
use futures::future::join_all;

use super::{AT_ONCE, RAMP};
use crate::harness::{DEADLINE, World, assert_story, http};

/// Shifts at the same time, of each way to fail.
const SIDE_BY_SIDE: u32 = 28;

/// More calls than any shift makes.
const MOST: u32 = 280;

/// Lets the first call fail in one shift, the second in another, and so on. `shift` says which call failed; the first
/// one in which none did is the end. All that failed, in their order.
async fn each_call<C, T: Future<Output = Option<C>>>(told: &str, shift: impl Fn(u32) -> T) -> Vec<C> {
    let mut failed = Vec::new();
    for first in (0..MOST).step_by(SIDE_BY_SIDE as usize) {
        let shifts = (first..first + SIDE_BY_SIDE).map(async |nth| {
            let _permit = AT_ONCE.acquire().await.unwrap();
            shift(nth).await
        });
        for met in join_all(shifts).await {
            let Some(call) = met else {
                println!("{told}: {} calls failed, each in a shift of its own", failed.len());
                return failed;
            };
            failed.push(call);
        }
    }
    panic!("{told}: a shift makes more than {MOST} calls");
}

/// A whole shift, which is completed with each step once, whatever fails. `before` stands before the daemon's store.
async fn completed(
    told: &str,
    world: &World,
    before: impl Fn(Arc<dyn Port>) -> Arc<dyn Port> + Clone + Send + 'static,
) {
    let (config, beneath) = (config(world), Arc::new(Mutex::new(None)));
    let daemon = insist(told, || {
        let (before, beneath) = (before.clone(), beneath.clone());
        let before_store: BeforeStore = Box::new(move |store| {
            *beneath.lock().unwrap() = Some(store.clone());
            before(store)
        });
        Daemon::start(&config, Parts { before_store, ..Parts::default() })
    })
    .await;
    let store: Arc<dyn Port> = beneath.lock().unwrap().take().unwrap();
    let url = format!("http://{}", daemon.address);

    let plan = std::fs::read_to_string(world.quiet_plan("www", RAMP)).unwrap();
    ask(told, &format!("{url}/api/v1/shifts"), "application/yaml", plan).await;
    ask(told, &format!("{url}/api/v1/shifts/www/start"), "application/json", "{}".to_owned()).await;
    until_completed(told, &*store, &Client::new(&url, "tester").unwrap()).await;

    let history = insist(told, || store.events("www", 0, u32::MAX)).await;
    assert_story(world, &history, &[50.0, 100.0]);
    insist(told, || async {
        let verified = world.run(&["--server", &url, "history", "verify", "www"]).await;
        if verified.code == 0 { Ok(()) } else { Err(verified) }
    })
    .await;
    daemon.stop().await.unwrap();
}

fn config(world: &World) -> Config {
    let listen: SocketAddr = ([127, 0, 0, 1], 0).into();
    let file = world.folder.path().join("crossfade.db");
    let url = world.store.clone().unwrap_or_else(|| format!("sqlite://{}", file.display()));
    let mut config = Config {
        server: Server { listen },
        store: Store { url, listen_url: None },
        engine: Settings {
            propagation: Duration::from_secs(1),
            requests_per_second: 50,
            ..Settings::default()
        },
        ..Config::default()
    };
    for account in config.accounts.values_mut() {
        account.emulator = Some(world.playground.aws_url());
    }
    config
}

/// One request, sent again as it is until it succeeds.
async fn ask(told: &str, url: &str, content_type: &str, body: String) {
    let (http, key) = (http(), uuid::Uuid::new_v4().to_string());
    insist(told, || {
        let request = http.post(url).header("content-type", content_type).header("idempotency-key", &key);
        let request = request.header("x-crossfade-actor", "tester").body(body.clone());
        async {
            let answer = request.send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        }
    })
    .await;
}

/// As a person does who is told that something did not answer.
async fn insist<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(
    told: &str,
    verb: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match verb().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{told}: {error:#?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Advances from the first step, again where a hold has put an end to that. Looks past what may fail, so that looking
/// takes no turn.
async fn until_completed(told: &str, store: &dyn Port, client: &Client) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let shift = insist(told, || store.load("www")).await.unwrap().shift;
        if matches!(shift.phase, Phase::Completed { .. }) {
            return;
        }
        let set = shift.share_of(&shift.set_weights());
        let is_first = set.is_some_and(|share| (share.percent() - 50.0).abs() < 0.5);
        if is_first && shift.possible().contains(&Command::Advance.verb()) {
            // It may be refused by what has happened since, or be what fails.
            let _ = client.command("www", Command::Advance, None).await;
        }
        assert!(Instant::now() < deadline, "{told}: not completed: {shift:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
