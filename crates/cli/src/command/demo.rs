//! `demo`: the whole product on this machine, in about two minutes. An emulated world, the daemon on SQLite, one shift.
//!
//! Nothing is faked on the way: the daemon is the one that `serve` runs, the commands go through its API, and any
//! other terminal can look on or interfere.

mod scenario;
mod screen;

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::Args;
use crossfade_aws::AccountConfig;
use crossfade_core::{plan::Format, shift::Command};
use crossfade_engine::Settings;
use crossfade_playground::{ExampleOptions, Options, Playground, example_world_with};
use crossfade_ports::{Clock as _, SystemClock};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::{
    scenario::{Scenario, Stagehand},
    screen::Screen,
};
use super::Context;
use crate::{
    client::Client,
    compose::{Daemon, Parts},
    config::{Config, DEFAULT_ACCOUNT},
    failure::{Exit, Failure},
    lifecycle,
};

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What happens on the way.
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    scenario: Scenario,
    /// End with the shift: 0 if it ended as it should.
    #[arg(long)]
    once: bool,
}

const PLAN: &str = include_str!("../../../../config/plans/demo.yaml");
const SHIFT: &str = "demo";

/// Answers are cached this long, so that resolvers follow the weights while somebody looks on.
const TTL_SECONDS: u32 = 2;

/// The longest scenario takes a little over two minutes. One that has not ended by then never will.
const DEADLINE: Duration = Duration::from_secs(360);

/// How often the screen is drawn anew.
const FRAME: Duration = Duration::from_millis(500);

pub async fn run(_context: &Context, args: DemoArgs) -> Result<Exit, Failure> {
    let DemoArgs { scenario, once } = args;
    let stop = lifecycle::on_signal()
        .map_err(|error| Failure::failed("the signals cannot be listened to").because(error))?;
    let playground = Playground::start(Options::default())
        .await
        .map_err(|error| Failure::failed("the playground cannot listen").because(error))?;
    let world = playground.world();
    let example =
        example_world_with(&world, &ExampleOptions { ttl: TTL_SECONDS, ..ExampleOptions::default() });
    let folder =
        tempfile::tempdir().map_err(|error| Failure::failed("no folder for the database").because(error))?;
    let mut daemon = Daemon::start(&config(folder.path(), &playground), Parts::default()).await?;
    let server = format!("http://{}", daemon.address);
    let client = Client::new(&server, "demo")?;
    let mut screen = Screen::new(scenario, &server, &playground, &example.record_name);
    screen.introduce()?;

    let plan = scenario.plan(PLAN, SystemClock.now());
    client.create(plan, Format::Yaml, Some("the demo")).await?;
    client.command(SHIFT, Command::Start, Some("the demo".to_owned())).await?;
    let mut stagehand = Stagehand::new(scenario, world.clone(), example);
    let deadline = Instant::now() + DEADLINE;
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut verdict = None;
    while verdict.is_none() || !once {
        tokio::select! {
            _ = frames.tick() => {}
            () = stop.cancelled() => break,
            () = daemon.ended() => return Err(daemon.stop().await.err().map_or_else(|| Failure::failed("the daemon ended"), Failure::from)),
        }
        let shift = client.shift(SHIFT).await?;
        for event in client.events(SHIFT, screen.seen()).await? {
            screen.event(&event)?;
        }
        screen.show(&shift, &world.observed(Duration::from_secs(10)))?;
        if let Some(line) = stagehand.act(&shift, &client).await? {
            screen.aside(&line)?;
        }
        if verdict.is_none() {
            verdict = stagehand.ended(&shift).or_else(|| {
                (Instant::now() > deadline).then(|| Err("the shift did not end in time".to_owned()))
            });
            if let Some(verdict) = &verdict {
                screen.verdict(verdict, once)?;
            }
        }
    }
    daemon.stop().await?;
    playground.shutdown().await;
    match verdict {
        Some(Ok(_)) | None => Ok(Exit::Done),
        Some(Err(why)) => {
            Err(Failure::failed(format!("the scenario {scenario} did not end as it should: {why}")))
        }
    }
}

/// The daemon's configuration: its defaults, but for where things are and how fast they go.
fn config(folder: &Path, playground: &Playground) -> Config {
    let mut config = Config::default();
    config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.store.url = format!("sqlite://{}", folder.join("demo.db").display());
    let account = AccountConfig { emulator: Some(playground.aws_url()), ..AccountConfig::default() };
    config.accounts.insert(DEFAULT_ACCOUNT.to_owned(), account);
    config.engine = Settings {
        metrics_every: Duration::from_secs(2),
        read_back_every: Duration::from_secs(3),
        propagation: Duration::from_secs(5),
        ..Settings::default()
    };
    config
}
