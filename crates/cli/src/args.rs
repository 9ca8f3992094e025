//! The command line.

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};

use crate::{
    command::{
        apply::ApplyArgs, completions::CompletionsArgs, config::ConfigArgs, demo::DemoArgs, fleet::Selection,
        history::HistoryArgs, migrate::MigrateArgs, plan::PlanArgs, playground::PlaygroundArgs,
        serve::ServeArgs, status::StatusArgs,
    },
    failure::EXIT_CODES,
    telemetry::LogFormat,
};

/// Moves live traffic from legacy to cloud endpoints by changing Route 53 weights, a step at a time.
#[derive(Debug, Parser)]
#[command(name = "crossfade", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Arguments)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Where the daemon is.
    #[arg(
        long,
        global = true,
        env = "CROSSFADE_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub server: String,
    /// How the answer is written to standard output.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Output,
    /// In whose name: stands in the history.
    #[arg(
        long,
        global = true,
        env = "USER",
        hide_env_values = true,
        default_value = "unknown",
        value_name = "WHO"
    )]
    pub actor: String,
    /// How logs are written to standard error; CROSSFADE_LOG or RUST_LOG says how much.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
    /// One JSON value a line.
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole product on this machine, with nothing to install and no AWS account
    Demo(DemoArgs),
    /// Run the daemon
    Serve(ServeArgs),
    /// Run an emulated Route 53 and CloudWatch, and a DNS server that answers by the weights
    Playground(PlaygroundArgs),
    /// Check, preview and describe plans
    Plan(PlanArgs),
    /// Create the shift of a plan, or revise it
    Apply(ApplyArgs),
    /// List the shifts
    List(ListArgs),
    /// Show where a shift is
    Status(StatusArgs),
    /// Say why a shift is not moving, and what would move it
    Explain(Named),
    /// Show, check and export what happened
    History(HistoryArgs),
    /// Let a scheduled shift begin
    Start(Verb),
    /// Hold a shift where it is; gates still revert it
    Pause(PauseArgs),
    /// Let a held shift go on
    Resume(Verb),
    /// Go to the next step now
    Advance(Verb),
    /// Approve the step that waits for it
    Approve(Verb),
    /// Go back to the step before
    StepBack(Verb),
    /// Take all of it back: the baseline weights, at once
    Revert(RevertArgs),
    /// Give the records up where they are
    Cancel(Verb),
    /// Begin a reverted shift again, from the first step
    Retry(Verb),
    /// Take the zone's weights, which somebody else wrote, for the shift's own
    Adopt(Verb),
    /// Write the shift's weights again, over somebody else's
    Reassert(Verb),
    /// Give the records of an ended shift up, and remove its fence
    Finalize(Verb),
    /// Bring the database's schema up to date
    Migrate(MigrateArgs),
    /// Check or print the daemon's configuration
    Config(ConfigArgs),
    /// Print a shell's completions
    Completions(CompletionsArgs),
}

#[derive(Debug, Arguments)]
pub struct ListArgs {
    /// Only shifts in this phase: scheduled, running, completed, reverting, reverted or cancelled.
    #[arg(long)]
    pub phase: Option<String>,
    /// Only shifts with this label.
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::command::fleet::label)]
    pub label: Option<(String, String)>,
}

#[derive(Debug, Arguments)]
pub struct Named {
    /// The shift.
    pub name: String,
}

/// A verb for one shift.
#[derive(Debug, Arguments)]
pub struct Verb {
    /// The shift.
    pub name: String,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Default, Arguments)]
pub struct Why {
    /// Why; stands in the history.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Debug, Arguments)]
pub struct PauseArgs {
    #[command(flatten)]
    pub selection: Selection,
    /// Write nothing at all until it is resumed, not even a revert by a gate.
    #[arg(long)]
    pub freeze: bool,
    #[command(flatten)]
    pub why: Why,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Without a daemon and without a database:\n  crossfade revert --direct --zone ZONE --name NAME"
)]
pub struct RevertArgs {
    #[command(flatten)]
    pub selection: Selection,
    /// Break glass: straight to Route 53, from the baseline kept in the fence.
    #[arg(long, requires_all = ["zone", "record"], group = "what")]
    pub direct: bool,
    /// With --direct: the zone's id, or its name.
    #[arg(long, requires = "direct")]
    pub zone: Option<String>,
    /// With --direct: the record's name.
    #[arg(long = "name", id = "record", value_name = "NAME", requires = "direct")]
    pub record: Option<String>,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub why: Why,
}

/// How to reach AWS without the daemon.
#[derive(Debug, Arguments)]
pub struct Access {
    /// With --direct: an account of the configuration.
    #[arg(long, value_name = "ACCOUNT", default_value = crate::config::DEFAULT_ACCOUNT)]
    pub account: String,
    #[command(flatten)]
    pub config: ConfigFile,
}

#[derive(Clone, Debug, Arguments)]
pub struct ConfigFile {
    /// The configuration; else ./crossfade.toml, else /etc/crossfade/crossfade.toml, else the defaults.
    #[arg(long, value_name = "FILE", env = "CROSSFADE_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}
