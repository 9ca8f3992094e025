//! `status`: where a shift is; `--watch` shows it as it moves, `--wait` ends with it.

use std::{
    io::{IsTerminal as _, stdout},
    time::Duration,
};

use clap::Args;
use crossfade_api::types::Shift;
use crossfade_core::shift::{Cause, Hold};
use tokio::time::{Instant, timeout_at};

use super::Context;
use crate::{
    args::Output,
    client::Client,
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The shift.
    pub name: String,
    /// Show it as it changes: on a terminal redrawn, otherwise as JSON lines.
    #[arg(long, short)]
    pub watch: bool,
    /// Wait until it is completed (0), taken back (6), or held until a person does something (5).
    #[arg(long)]
    pub wait: bool,
    /// With --wait: at most this long, such as 90s or 2h; then 7.
    #[arg(long, requires = "wait", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
}

/// Nothing about a shift changes faster than a person can read.
const EVERY: Duration = Duration::from_secs(1);

/// A daemon that restarts is back by then; one that is not is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clears the terminal and goes to its top left corner.
const REDRAW: &str = "\u{1b}[2J\u{1b}[H";

pub async fn run(context: &Context, args: StatusArgs) -> Result<Exit, Failure> {
    let StatusArgs { name, watch, wait, timeout } = args;
    let client = context.client()?;
    if !watch && !wait {
        let shift = client.shift(&name).await?;
        show(context, &shift)?;
        return Ok(Exit::Done);
    }
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut shown = None;
    loop {
        let shift = match patiently(&client, &name, deadline).await? {
            Some(shift) => shift,
            None => return Err(timed_out(&name, timeout)),
        };
        if watch && shown.as_ref() != Some(&shift) {
            redraw(context, &shift)?;
            shown = Some(shift.clone());
        }
        if let Some(exit) = ended(&shift, wait) {
            if !watch {
                show(context, &shift)?;
            }
            return Ok(exit);
        }
        if deadline.is_some_and(|deadline| Instant::now() + EVERY > deadline) {
            return Err(timed_out(&name, timeout));
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Whether it stays as it is until somebody does something.
pub(super) fn needs_a_person(shift: &Shift) -> bool {
    let needs_one = |hold: &Hold| {
        hold.until_resumed
            || matches!(hold.cause, Cause::Drift | Cause::Approval)
            || ends_without_a_verb(hold)
    };
    shift.holds.iter().any(needs_one)
}

/// Whether a person ends it by something else than a verb for it, as its sentence says: another plan, or `revert --direct`.
pub(super) fn ends_without_a_verb(hold: &Hold) -> bool {
    ["lowers", "unknown_history"].contains(&hold.code.as_str())
}

fn ended(shift: &Shift, wait: bool) -> Option<Exit> {
    match shift.phase.as_str() {
        "completed" => Some(Exit::Done),
        "reverted" | "cancelled" if wait => Some(Exit::TakenBack),
        "reverted" | "cancelled" => Some(Exit::Done),
        // A shift that is being taken back is not kept from it by any hold.
        "reverting" => None,
        _ if wait && needs_a_person(shift) => Some(Exit::Refused),
        _ => None,
    }
}

/// `None` when the deadline comes first.
async fn patiently(client: &Client, name: &str, deadline: Option<Instant>) -> Result<Option<Shift>, Failure> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let asked = client.shift(name);
        // A daemon that takes the question and says nothing.
        let answer = match deadline {
            None => asked.await,
            Some(deadline) => match timeout_at(deadline.max(Instant::now() + EVERY), asked).await {
                Ok(answer) => answer,
                Err(_) => return Ok(None),
            },
        };
        match answer {
            Ok(shift) => return Ok(Some(shift)),
            Err(failure) if failure.exit != Exit::Unreachable || Instant::now() > give_up => {
                return Err(failure);
            }
            Err(failure) => render::note(format!("{failure}; trying again")),
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn timed_out(name: &str, timeout: Option<Duration>) -> Failure {
    let after =
        timeout.map_or_else(String::new, |timeout| format!(" after {}", humantime::format_duration(timeout)));
    Failure::new(Exit::TimedOut, format!("{name} has not ended{after}; it goes on"))
        .hint(format!("`crossfade explain {name}` says what it waits for"))
}

fn show(context: &Context, shift: &Shift) -> Result<(), Failure> {
    match context.global.output {
        Output::Table => render::line(render::shift(shift)),
        output @ (Output::Json | Output::Jsonl) => render::json(shift, output),
    }
}

fn redraw(context: &Context, shift: &Shift) -> Result<(), Failure> {
    if context.global.output == Output::Table && stdout().is_terminal() {
        return render::line(format!("{REDRAW}{}", render::shift(shift)));
    }
    render::json(shift, Output::Jsonl)
}
