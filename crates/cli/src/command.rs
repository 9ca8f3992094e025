//! One module for each command; similar verbs share one.

pub mod apply;
pub mod completions;
pub mod config;
pub mod demo;
pub mod direct;
pub mod explain;
pub mod fleet;
pub mod history;
pub mod list;
pub mod migrate;
pub mod plan;
pub mod playground;
pub mod serve;
pub mod status;
pub mod verb;

use std::path::Path;

use crossfade_core::{plan::Format, shift};

use crate::{
    args::{Args, Command, Global},
    client::Client,
    environment::Environment,
    failure::{Exit, Failure},
    telemetry,
};

/// What every command may need.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    pub environment: Environment,
    command: Option<Command>,
}

impl Context {
    pub fn new(args: Args, environment: Environment) -> Context {
        let Args { global, command } = args;
        Context { global, environment, command: Some(command) }
    }

    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.global.server, &self.global.actor)
    }
}

pub async fn run(mut context: Context) -> Result<Exit, Failure> {
    let Some(command) = context.command.take() else { return Ok(Exit::Done) };
    let serves = matches!(command, Command::Serve(_));
    let unasked = if serves { telemetry::DAEMON } else { telemetry::COMMAND };
    telemetry::logs(context.global.log_format, unasked, &context.environment);
    let context = &context;
    match command {
        Command::Demo(args) => demo::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Playground(args) => playground::run(context, args).await,
        Command::Plan(args) => plan::run(context, args).await,
        Command::Apply(args) => apply::run(context, args).await,
        Command::List(args) => list::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::History(args) => history::run(context, args).await,
        Command::Start(args) => verb::run(context, shift::Command::Start, args).await,
        Command::Pause(args) => fleet::pause(context, args).await,
        Command::Resume(args) => verb::run(context, shift::Command::Resume, args).await,
        Command::Advance(args) => verb::run(context, shift::Command::Advance, args).await,
        Command::Approve(args) => verb::run(context, shift::Command::Approve, args).await,
        Command::StepBack(args) => verb::run(context, shift::Command::StepBack, args).await,
        Command::Revert(args) => fleet::revert(context, args).await,
        Command::Cancel(args) => verb::run(context, shift::Command::Cancel, args).await,
        Command::Retry(args) => verb::run(context, shift::Command::Retry, args).await,
        Command::Adopt(args) => verb::run(context, shift::Command::Adopt, args).await,
        Command::Reassert(args) => verb::run(context, shift::Command::Reassert, args).await,
        Command::Finalize(args) => verb::run(context, shift::Command::Finalize, args).await,
        Command::Migrate(args) => migrate::run(context, args).await,
        Command::Config(args) => config::run(context, &args).await,
        Command::Completions(args) => completions::run(&args),
    }
}

/// A plan's text and format, from a file.
pub(crate) fn plan_text(path: &Path) -> Result<(String, Format), Failure> {
    let format = Format::of_file(&path.to_string_lossy()).ok_or_else(|| {
        Failure::failed(format!("{} is not a plan by its name", path.display()))
            .hint("name it .yaml, .toml or .json, after what it is written in")
    })?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("{} cannot be read", path.display())).because(error))?;
    Ok((text, format))
}
