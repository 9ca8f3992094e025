//! Logs on standard error, and the counters behind `/metrics`.

use std::time::Duration;

use clap::ValueEnum;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::{environment::Environment, failure::Failure};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// What a daemon says unasked: its own decisions, and of its libraries what is wrong.
pub const DAEMON: &str = "warn,crossfade=info,crossfade_core=info,crossfade_aws=info,crossfade_api=info,\
    crossfade_engine=info,crossfade_store_sqlite=info,crossfade_store_postgres=info,crossfade_playground=info";

/// What a command says unasked: its output is the answer.
pub const COMMAND: &str = "error";

/// Sends logs to standard error, as much of them as `CROSSFADE_LOG` says, else `RUST_LOG`, else `unasked`.
pub fn logs(format: LogFormat, unasked: &str, environment: &Environment) {
    let asked = environment.get("CROSSFADE_LOG").or_else(|| environment.get("RUST_LOG"));
    let filter = EnvFilter::builder().parse_lossy(asked.unwrap_or(unasked));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call keeps the first one's choice.
    let _ = match format {
        LogFormat::Text => logs.with_ansi(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
}

/// Counts for the whole process; may be called once.
pub fn recorder() -> Result<PrometheusHandle, Failure> {
    PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| Failure::failed("the counters cannot be set up").because(error))
}

const UPKEEP_EVERY: Duration = Duration::from_secs(60);

/// Counters keep every single duration until somebody asks for `/metrics` or sees to them, which nobody may ever do. Never
/// ends.
pub async fn upkeep(counters: Option<PrometheusHandle>) {
    let Some(counters) = counters else { return std::future::pending().await };
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        counters.run_upkeep();
    }
}
