//! `list`: every shift, those that need a person first.

use crossfade_api::types::{Shift, Unreadable};

use super::{Context, status::needs_a_person};
use crate::{
    args::{ListArgs, Output},
    failure::{Exit, Failure},
    render,
};

pub async fn run(context: &Context, args: ListArgs) -> Result<Exit, Failure> {
    let ListArgs { phase, label } = args;
    let (mut shifts, unreadable) = context.client()?.shifts(phase.as_deref(), label.as_ref()).await?;
    shifts.sort_by_key(|shift| (!needs_a_person(shift), shift.name.clone()));
    match context.global.output {
        output @ (Output::Json | Output::Jsonl) => render::json_list(&shifts, output)?,
        Output::Table if !shifts.is_empty() => {
            render::line(render::table(
                ["NAME", "PHASE", "STEP", "SET", "SEEN", "HEADLINE"],
                shifts.iter().map(row),
            ))?;
        }
        Output::Table if unreadable.is_empty() => render::note("no shifts; `crossfade apply PLAN` makes one"),
        Output::Table => {}
    }
    match unreadable.first() {
        None => Ok(Exit::Done),
        Some(first) => Err(incomplete(shifts.len(), first, &unreadable)),
    }
}

/// What could be read is on standard output by then. Whoever reads only that is told by the exit code that it is not all.
fn incomplete(readable: usize, first: &Unreadable, unreadable: &[Unreadable]) -> Failure {
    let (count, all) = (unreadable.len(), readable + unreadable.len());
    // Whoever changed a name may have meant it for a terminal.
    let notes = unreadable
        .iter()
        .map(|Unreadable { name, problem }| format!("{}: {}", name.escape_debug(), problem.detail));
    Failure::failed(format!("{count} of {all} shifts cannot be read")).notes(notes).hint(format!(
        "`crossfade history verify {}` checks the history; the daemon's log says what is wrong",
        first.name.escape_debug()
    ))
}

fn row(shift: &Shift) -> [String; 6] {
    let step = shift.step.index.map_or_else(String::new, |index| format!("{}/{}", index + 1, shift.steps));
    let held = if shift.holds.is_empty() { "" } else { ", held" };
    [
        shift.name.clone(),
        format!("{}{held}", shift.phase),
        step,
        render::or_unknown(shift.share.set),
        render::or_unknown(shift.share.observed),
        shift.headline.clone(),
    ]
}
