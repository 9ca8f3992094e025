//! The emulated world in this process, and the daemon in one of its own, so that it can be killed.

mod backend;
mod daemon;
mod proxy;
mod replica;
mod story;
mod world;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

pub(crate) use self::{
    backend::{Backend, on_each_store},
    daemon::Process,
    proxy::Proxy,
    replica::Replica,
    story::{assert_fences_rise, assert_story, assert_told},
    world::{LEASE, World},
};

/// How long anything is waited for. Far above what it takes, because a test that fails on a busy machine tells nothing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary to its end, with nothing of this machine's environment but what it needs to run.
pub(crate) async fn run(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = command(folder);
    command.envs(environment.iter().copied()).args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

pub(crate) fn http() -> reqwest::Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.current_dir(folder).env_clear().env("USER", "tester").env("HOME", folder);
    command
}
