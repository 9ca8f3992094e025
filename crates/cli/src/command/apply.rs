//! `apply`: the shift of a plan, made or revised.

use std::path::PathBuf;

use clap::Args;
use crossfade_api::types::Done;
use crossfade_core::{plan, shift::Command};

use super::{Context, plan::wrong, plan_text, verb};
use crate::{
    args::{Output, Why},
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The plan: .yaml, .toml or .json.
    pub file: PathBuf,
    /// Let it begin at once, if it has not.
    #[arg(long)]
    pub start: bool,
    #[command(flatten)]
    pub why: Why,
}

pub async fn run(context: &Context, args: ApplyArgs) -> Result<Exit, Failure> {
    let ApplyArgs { file, start, why } = args;
    let (text, format) = plan_text(&file)?;
    let plan = plan::parse(&text, format).map_err(|mistakes| wrong(&file, &mistakes))?;
    let client = context.client()?;
    let reason = why.reason;
    let mut done = match client.find(&plan.name).await? {
        None => {
            let shift = client.create(text, format, reason.as_deref()).await?;
            say(context, "created", &format!("crossfade cancel {}", plan.name));
            Done { events: client.events(&plan.name, 0).await?, shift }
        }
        Some(shift) if shift.plan == plan => {
            say(context, "unchanged", "");
            Done { events: Vec::new(), shift }
        }
        Some(shift) => {
            let done = client.revise(&plan.name, shift.version, text, format, reason.as_deref()).await?;
            say(context, "revised", "crossfade apply, with the plan as it was");
            done
        }
    };
    if start && done.shift.phase == "scheduled" {
        let started = client.command(&plan.name, Command::Start, reason).await?;
        done.events.extend(started.events);
        done.shift = started.shift;
    }
    verb::answer(context, &done)?;
    if context.global.output == Output::Table && done.shift.phase == "scheduled" {
        render::note(format!("next: crossfade start {}", plan.name));
    }
    Ok(Exit::Done)
}

fn say(context: &Context, what: &str, undo: &str) {
    if context.global.output == Output::Table {
        render::note(what);
        if !undo.is_empty() {
            render::note(format!("undo: {undo}"));
        }
    }
}
