//! The adapter over real HTTP against the emulated AWS, which shares no code with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

mod damaged;
mod environment;
mod metrics;
mod zones;

use crossfade_aws::{AccountConfig, connect};
use crossfade_playground::{Options, Playground};
use crossfade_ports::Account;

/// A world without a budget of calls, and an account in it.
async fn start(options: Options) -> (Playground, Account) {
    let playground = Playground::start(Options { throttle: None, ..options }).await.unwrap();
    let config = AccountConfig {
        region: Some("us-east-1".to_owned()),
        emulator: Some(playground.aws_url()),
        ..AccountConfig::default()
    };
    let account = connect(&config, "test").await.unwrap();
    (playground, account)
}
