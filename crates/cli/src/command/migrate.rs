//! `migrate`: the database's schema, brought to the one this program needs.

use clap::Args;

use super::{Context, config};
use crate::{
    args::ConfigFile,
    compose::Database,
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Only say what would be done: ends with 3 when there is something.
    #[arg(long)]
    check: bool,
}

pub async fn run(context: &Context, args: MigrateArgs) -> Result<Exit, Failure> {
    let MigrateArgs { config: file, check } = args;
    let loaded = config::load(context, &file)?;
    let database = Database::open(&loaded.config.store.url).await?;
    let pending = database.pending_migrations().await?;
    if pending.is_empty() {
        render::line("the schema is up to date")?;
    } else if !check {
        database.migrate().await?;
    }
    for migration in &pending {
        render::line(format!("{} {migration}", if check { "pending:" } else { "applied:" }))?;
    }
    database.close().await;
    Ok(if check && !pending.is_empty() { Exit::Changes } else { Exit::Done })
}
