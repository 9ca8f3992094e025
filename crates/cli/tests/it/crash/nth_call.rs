//! The n-th call to Route 53 or CloudWatch fails, for every n there is.
//!
//! In this process: the daemon as `serve` composes it, with its HTTP API, its engine, the AWS clients and SQLite, against
//! the emulated services. One whole shift for each n and each way to fail; the loop ends when a shift was completed
//! before its fault's turn had come.
//!
//! Three calls in a row fail, because the AWS SDK makes a read up to three times. A write is made once: after one that
//! failed come two failures of whatever is next.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crossfade::{
    client::Client,
    compose::{Daemon, Parts},
    config::{Config, Server, Store},
};
use crossfade_core::{plan::Format, shift::Command};
use crossfade_engine::Settings;
use crossfade_playground::{Fault, FaultKind};
use futures::future::join_all;

use super::{AT_ONCE, RAMP};
use crate::harness::{DEADLINE, World, assert_story};

const KINDS: [FaultKind; 4] =
    [FaultKind::InternalError, FaultKind::Throttle, FaultKind::LostBeforeApply, FaultKind::LostAfterApply];

/// Of one operation, by the SDK.
const ATTEMPTS: u32 = 3;

/// Shifts at the same time, of each kind.
const SIDE_BY_SIDE: u32 = 14;

/// More calls than any shift makes.
const MOST: u32 = 160;

/// Calls that the shortest shift makes: the zones found and read, two writes, each asked for and read back, metrics.
const LEAST: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_completed_whichever_call_fails() {
    join_all(KINDS.map(|kind| async move {
        for first in (0..MOST).step_by(SIDE_BY_SIDE as usize) {
            let runs = (first..first + SIDE_BY_SIDE).map(|nth| shift_with(kind.clone(), nth));
            let met = join_all(runs).await;
            if let Some(spared) = (first..).zip(&met).find_map(|(nth, met)| (!met).then_some(nth)) {
                println!("{kind:?}: {spared} calls failed, each in a shift of its own");
                assert!(spared >= LEAST, "{kind:?}: only {spared} calls");
                return;
            }
        }
        panic!("{kind:?}: a shift makes more than {MOST} calls");
    }))
    .await;
}

/// A whole shift. Whether the fault was met.
async fn shift_with(kind: FaultKind, nth: u32) -> bool {
    let _permit = AT_ONCE.acquire().await.unwrap();
    let world = World::quiet_at(None).await;
    let fault = Fault::next(kind).after(nth).times(ATTEMPTS);
    let playground = world.playground.world();
    playground.arm(fault.clone());
    let (config, told) = (config(&world), format!("{fault:?}"));
    let daemon = insist(&told, || Daemon::start(&config, Parts::default())).await;
    let url = format!("http://{}", daemon.address);
    let client = Client::new(&url, "tester").unwrap();

    let plan = std::fs::read_to_string(world.quiet_plan("www", RAMP)).unwrap();
    insist(&told, || client.create(plan.clone(), Format::Yaml, None)).await;
    insist(&told, || client.command("www", Command::Start, None)).await;
    until_completed(&told, &client).await;

    let left = playground.armed().first().and_then(|left| left.times);
    let history = client.events("www", 0).await.unwrap();
    assert_story(&world, &history, &[50.0, 100.0]);
    let verified = world.run(&["--server", &url, "history", "verify", "www"]).await;
    assert_eq!(verified.code, 0, "{told}: {verified:#?}");
    daemon.stop().await.unwrap();
    left != Some(ATTEMPTS)
}

fn config(world: &World) -> Config {
    let listen: SocketAddr = ([127, 0, 0, 1], 0).into();
    let database = world.folder.path().join("crossfade.db");
    let mut config = Config {
        server: Server { listen },
        store: Store { url: format!("sqlite://{}", database.display()), listen_url: None },
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

/// As a person does who is told that AWS did not answer.
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

/// Advances from the first step, again where a hold for missing metrics has put an end to that.
async fn until_completed(told: &str, client: &Client) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let shift = client.shift("www").await.unwrap();
        if shift.phase == "completed" {
            return;
        }
        let is_first = shift.share.set.is_some_and(|share| (share.percent() - 50.0).abs() < 0.5);
        if is_first && shift.possible.iter().any(|verb| *verb == Command::Advance.verb()) {
            // It may be refused by what has happened since.
            let _ = client.command("www", Command::Advance, None).await;
        }
        assert!(Instant::now() < deadline, "{told}: not completed: {shift:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
