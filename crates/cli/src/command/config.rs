//! `config check` and `config print`.

use clap::{Args, Subcommand};

use super::Context;
use crate::{
    args::{ConfigFile, Output},
    compose,
    config::{self, ConfigError, Loaded, PLACES},
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Find mistakes, without starting anything
    Check(ConfigFile),
    /// Show every value and where it comes from; secrets are not shown
    Print(ConfigFile),
}

pub async fn run(context: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Check(file) => {
            let loaded = load(context, file)?;
            for name in loaded.config.accounts.keys() {
                compose::account(&loaded.config, name).await?;
            }
            render::line(match loaded.file {
                Some(path) => format!("{} is in order", path.display()),
                None => {
                    format!("in order; there is no file ({}), so these are the defaults", PLACES.join(", "))
                }
            })?;
        }
        ConfigCommand::Print(file) => print(&load(context, file)?, context.global.output)?,
    }
    Ok(Exit::Done)
}

/// The configuration, or every mistake in it.
pub(super) fn load(context: &Context, file: &ConfigFile) -> Result<Loaded, Failure> {
    config::load(file.config.as_deref(), &context.environment).map_err(|error| match error {
        ConfigError::Wrong(mistakes) => Failure::failed("the configuration has mistakes")
            .notes(mistakes.iter().map(ToString::to_string))
            .hint("`crossfade config print` shows every key and its value when these are mended"),
        error @ (ConfigError::Unreadable { .. } | ConfigError::NotToml { .. }) => {
            Failure::of(Exit::Failed, error)
        }
    })
}

fn print(loaded: &Loaded, output: Output) -> Result<(), Failure> {
    let source =
        |key: &str| loaded.sources.get(key).map_or_else(|| "default".to_owned(), ToString::to_string);
    let entries = loaded.config.entries();
    if output != Output::Table {
        let items: Vec<_> = entries
            .iter()
            .map(|(key, value)| serde_json::json!({ "key": key, "value": value, "source": source(key) }))
            .collect();
        return render::json_list(&items, output);
    }
    let mut section = "";
    for (key, value) in &entries {
        let (head, name) = key.rsplit_once('.').unwrap_or(("", key));
        if head != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            render::line(format!("{gap}[{head}]"))?;
            section = head;
        }
        render::line(format!("{:<48} # {}", format!("{name} = {value}"), source(key)))?;
    }
    Ok(())
}
