//! A verb for one shift: what it did, and what takes it back.

use crossfade_api::types::{Done, Shift};
use crossfade_core::shift::Command;

use super::Context;
use crate::{
    args::{Output, Verb},
    failure::{Exit, Failure},
    render,
};

pub async fn run(context: &Context, command: Command, args: Verb) -> Result<Exit, Failure> {
    let Verb { name, why } = args;
    let done = context.client()?.command(&name, command, why.reason).await?;
    answer(context, &done)?;
    if context.global.output == Output::Table
        && let Some(undo) = undo(command, &done.shift)
    {
        render::note(format!("undo: {undo}"));
    }
    Ok(Exit::Done)
}

/// The headline after a change, or all of it as JSON.
pub(super) fn answer(context: &Context, done: &Done) -> Result<(), Failure> {
    match context.global.output {
        Output::Table => render::line(format!("{}: {}", done.shift.name, done.shift.headline)),
        output @ (Output::Json | Output::Jsonl) => render::json(done, output),
    }
}

/// The command that takes a command back, where there is one in the state after it.
pub(super) fn undo(command: Command, after: &Shift) -> Option<String> {
    let back = match command {
        Command::Start | Command::Resume | Command::Approve => Command::Pause { freeze: false },
        Command::Pause { .. } => Command::Resume,
        Command::Advance => Command::StepBack,
        Command::StepBack => Command::Resume,
        // Only once it has ended, so it is not among what is possible now.
        Command::Revert => return Some(format!("crossfade retry {}, once it is reverted", after.name)),
        Command::Retry => Command::Cancel,
        Command::Adopt | Command::Reassert => Command::Revert,
        Command::Cancel | Command::Finalize => return None,
    };
    let possible = after.possible.iter().any(|verb| verb == back.verb());
    possible.then(|| format!("crossfade {} {}", back.verb(), after.name))
}
