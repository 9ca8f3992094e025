//! `serve`: the daemon.

use clap::Args;

use super::{Context, config};
use crate::{
    args::ConfigFile,
    compose::{Daemon, Parts},
    config::{Loaded, redacted},
    failure::{Exit, Failure},
    lifecycle, telemetry,
};

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Leave the database's schema as it is, and do not start when it is not this program's.
    #[arg(long)]
    no_migrate: bool,
}

pub async fn run(context: &Context, args: ServeArgs) -> Result<Exit, Failure> {
    let ServeArgs { config: file, no_migrate } = args;
    let loaded = config::load(context, &file)?;
    let stop = lifecycle::on_signal()
        .map_err(|error| Failure::failed("the signals cannot be listened to").because(error))?;
    let parts = Parts {
        prometheus: Some(telemetry::recorder()?),
        migrate: !no_migrate,
        #[cfg(debug_assertions)]
        probe: crate::stop_at::probe(&context.environment)?,
        ..Parts::default()
    };
    let mut daemon = tokio::select! {
        started = Daemon::start(&loaded.config, parts) => started?,
        () = stop.cancelled() => return Ok(Exit::Done),
    };
    announce(&loaded, &daemon);
    tokio::select! {
        () = stop.cancelled() => {}
        () = daemon.ended() => {}
    }
    daemon.stop().await?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

fn announce(loaded: &Loaded, daemon: &Daemon) {
    tracing::info!(
        server.address = %daemon.address,
        store.url = redacted(&loaded.config.store.url),
        config.file = loaded.file.as_ref().map(|path| path.display().to_string()),
        accounts = loaded.config.accounts.len(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
}
