//! `plan`: everything about a plan that needs no shift.

mod backtest;
mod iam_policy;
mod preview;
mod simulate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use crossfade_core::{
    gate::StepSensitivity,
    plan::{self, Mistakes, Plan},
};

use super::{Context, plan_text};
use crate::{
    args::{ConfigFile, Output},
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Find every mistake in plans, without asking anybody
    Check {
        /// The plans: .yaml, .toml or .json.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Hold a plan against the live zone: what is there, and what each step would write
    Preview(PreviewArgs),
    /// Play a plan through in virtual time: when each step would come, and what would take it back
    Simulate(simulate::SimulateArgs),
    /// Try a plan's gates on recorded metrics: how often they would trip, and what they would miss
    Backtest(backtest::BacktestArgs),
    /// Print the JSON Schema of a plan
    Schema,
    /// Print the smallest IAM policy that a plan needs
    IamPolicy {
        /// The plan.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct PreviewArgs {
    /// The plan.
    file: PathBuf,
    /// End with 3 when the plan would change weights.
    #[arg(long)]
    exit_code: bool,
    /// Ask AWS itself instead of the daemon.
    #[arg(long)]
    direct: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub async fn run(context: &Context, args: PlanArgs) -> Result<Exit, Failure> {
    match args.command {
        PlanCommand::Check { files } => check(context, &files),
        PlanCommand::Preview(args) => preview::run(context, args).await,
        PlanCommand::Simulate(args) => simulate::run(context, args),
        PlanCommand::Backtest(args) => backtest::run(context, args).await,
        PlanCommand::Schema => {
            render::json(&plan::schema(), context.global.output)?;
            Ok(Exit::Done)
        }
        PlanCommand::IamPolicy { file } => {
            render::json(&iam_policy::policy(&read(&file)?), context.global.output)?;
            Ok(Exit::Done)
        }
    }
}

/// A plan from a file.
pub(super) fn read(file: &Path) -> Result<Plan, Failure> {
    let (text, format) = plan_text(file)?;
    plan::parse(&text, format).map_err(|mistakes| wrong(file, &mistakes))
}

/// A plan's mistakes, each with the place where an editor finds it.
pub(super) fn wrong(file: &Path, mistakes: &Mistakes) -> Failure {
    let count = match mistakes.0.len() {
        1 => "a mistake".to_owned(),
        count => format!("{count} mistakes"),
    };
    Failure::failed(format!("{} has {count}", file.display()))
        .notes(mistakes.0.iter().map(ToString::to_string))
        .hint("`crossfade plan schema` describes every key")
}

/// What a gate can see at a step, as preview and simulation tell it.
fn seen(seen: &StepSensitivity) -> String {
    format!("gate {}, step {}: {}", seen.gate, seen.step + 1, seen.sensitivity.sentence)
}

fn check(context: &Context, files: &[PathBuf]) -> Result<Exit, Failure> {
    let mut failed = Vec::new();
    let mut plans = Vec::new();
    for file in files {
        match read(file) {
            Ok(plan) => plans.push((file, plan)),
            Err(failure) => failed.push(failure),
        }
    }
    let after = plans.iter().map(|(_, plan)| (plan.name.clone(), plan.after().to_vec())).collect();
    for (file, plan) in &plans {
        match (plan::circle(&plan.name, plan.after(), &after), context.global.output) {
            (Some(circle), _) => failed.push(
                Failure::failed(format!("{}: the plan would wait for itself", file.display()))
                    .notes([circle.join(" comes after ")])
                    .hint("take one of these names out of schedule.after"),
            ),
            (None, Output::Table) => render::line(format!("{}: {}", file.display(), summary(plan)))?,
            (None, output) => render::json(plan, output)?,
        }
    }
    let last = failed.pop();
    for failure in &failed {
        failure.report();
    }
    last.map_or(Ok(Exit::Done), Err)
}

fn summary(plan: &Plan) -> String {
    let steps: Vec<String> = plan.ramp.steps.iter().map(|step| step.share.percent().to_string()).collect();
    let groups: usize = plan.records.iter().map(|records| records.types.len()).sum();
    let plural = if groups == 1 { "" } else { "s" };
    format!("{} is in order: {groups} record group{plural}, steps {} %", plan.name, steps.join(", "))
}
