//! From `POST /api/v1/shifts/{name}/revert` to the batch's arrival at Route 53, beside the bare SDK call.
//!
//! ```text
//! cargo bench -p crossfade --bench revert
//! ```
//!
//! Everything is real but Route 53 itself: HTTP on loopback, SQLite on disk with its default of a full sync for each
//! commit, the AWS SDK. The time is taken where the emulated Route 53 has read the request.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to say")]

mod fleet;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use crossfade::{
    client::Client,
    compose::{Daemon, Parts},
    config::Config,
};
use crossfade_aws::AccountConfig;
use crossfade_core::{GroupKey, RecordName, RecordType, Weight, ZoneId, batch, shift::Command};
use crossfade_playground::Playground;

/// Reverts in each run.
const SAMPLES: usize = 200;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("milliseconds from the request to the batch's arrival, {SAMPLES} samples each\n");
        println!(
            "{:<28} {:>7} {:>7} {:>7} {:>7} {:>7}  {:>6}",
            "", "min", "p50", "p90", "p99", "max", "p50/bare"
        );
        let bare = bare().await;
        let median = bare[bare.len() / 2];
        show("bare SDK call", bare, median);
        show("revert, 1 shift", reverts(1).await, median);
        show("revert, 1,000 shifts", reverts(1_000).await, median);
    });
}

fn show(what: &str, samples: Vec<Duration>, bare: Duration) {
    let at = |quantile: f64| {
        samples[((samples.len() - 1) as f64 * quantile).round() as usize].as_secs_f64() * 1_000.0
    };
    let ratio = at(0.5) / (bare.as_secs_f64() * 1_000.0);
    println!(
        "{what:<28} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.2}  {ratio:>6.2}",
        at(0.0),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// The same compare-and-swap of two records and a fence, straight from the SDK.
async fn bare() -> Vec<Duration> {
    let playground = fleet::playground().await;
    let names = fleet::records(&playground, 1);
    let config = AccountConfig { emulator: Some(playground.aws_url()), ..AccountConfig::default() };
    let account = crossfade_aws::connect(&config, "bench").await.unwrap();
    let (name, zone) = names.first_key_value().unwrap();
    let name = RecordName::new(name);
    let group = GroupKey { zone: ZoneId::new(zone), name: name.clone(), record_type: RecordType::A };
    let mut samples = Vec::new();
    for generation in 0..SAMPLES as u64 {
        let listed =
            account.zones.read(&group.zone, &BTreeSet::from([name.clone(), name.fence()])).await.unwrap();
        let weight = Weight(generation as u8 % 2);
        let weights = [("legacy".to_owned(), Weight(100)), ("cloud".to_owned(), weight)].into();
        let fence = crossfade_core::fence::Fence {
            owner: "bench".to_owned(),
            shift: "bench".to_owned(),
            generation,
            epoch: 1,
            baseline: BTreeMap::new(),
        };
        let fences = [(name.clone(), fence)].into();
        let weights = [(group.clone(), weights)].into();
        let batch =
            batch::compare_and_swap(&group.zone, "bench", &listed, &weights, &fences, &BTreeMap::new())
                .unwrap();
        let sent = Instant::now();
        account.zones.submit(&batch).await.unwrap();
        samples.push(arrived(&playground).duration_since(sent));
    }
    sorted(samples)
}

/// Reverts among this many running shifts, one after the other.
async fn reverts(count: usize) -> Vec<Duration> {
    let playground = fleet::playground().await;
    let names = fleet::records(&playground, count);
    let folder = tempfile::tempdir().unwrap();
    let (daemon, client) = daemon(&config(folder.path(), &playground)).await;
    fleet::under_way(&client, &names).await;
    let mut samples = Vec::new();
    let shifts: Vec<String> = names.keys().map(|name| fleet::shift(name)).collect();
    for n in 0..SAMPLES {
        // A stride that meets every shift before it meets one twice.
        let shift = &shifts[n * 7 % shifts.len()];
        samples.push(revert(&playground, &client, shift).await);
        again(&client, shift).await;
    }
    daemon.stop().await.unwrap();
    playground.shutdown().await;
    sorted(samples)
}

async fn revert(playground: &Playground, client: &Client, shift: &str) -> Duration {
    let world = playground.world();
    let before = world.journal().len();
    let sent = Instant::now();
    client.command(shift, Command::Revert, None).await.unwrap();
    world.wait_for(|world| (world.journal().len() > before).then_some(())).await;
    arrived(playground).duration_since(sent)
}

/// Brings the shift back to its first step.
async fn again(client: &Client, shift: &str) {
    while client.shift(shift).await.unwrap().phase != "reverted" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.command(shift, Command::Retry, None).await.unwrap();
    fleet::landed(client, shift).await;
}

fn arrived(playground: &Playground) -> Instant {
    playground.world().journal().last().unwrap().at
}

fn sorted(mut samples: Vec<Duration>) -> Vec<Duration> {
    samples.sort();
    samples
}

fn config(folder: &Path, playground: &Playground) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.store.url = format!("sqlite://{}", folder.join("bench.db").display());
    let account = AccountConfig { emulator: Some(playground.aws_url()), ..AccountConfig::default() };
    config.accounts.insert("default".to_owned(), account);
    // So that a thousand shifts are under way within seconds; a real account allows ten.
    config.engine.requests_per_second = 500;
    config
}

async fn daemon(config: &Config) -> (Daemon, Client) {
    let daemon = Daemon::start(config, Parts::default()).await.unwrap();
    let client = Client::new(&format!("http://{}", daemon.address), "bench").unwrap();
    (daemon, client)
}
