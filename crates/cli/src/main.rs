//! The one binary: the daemon, its playground and the operator's verbs.

use std::process::ExitCode;

use clap::Parser as _;
use crossfade::{args::Args, command, command::Context, environment::Environment};

#[tokio::main]
async fn main() -> ExitCode {
    match command::run(Context::new(Args::parse(), Environment::read())).await {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report(),
    }
}
