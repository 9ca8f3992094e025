//! `list`: every shift, those that need a person first.

use crossfade_api::types::Shift;

use super::{Context, status::needs_a_person};
use crate::{
    args::{ListArgs, Output},
    failure::{Exit, Failure},
    render,
};

pub async fn run(context: &Context, args: ListArgs) -> Result<Exit, Failure> {
    let ListArgs { phase, label } = args;
    let mut shifts = context.client()?.shifts(phase.as_deref(), label.as_ref()).await?;
    shifts.sort_by_key(|shift| (!needs_a_person(shift), shift.name.clone()));
    match context.global.output {
        output @ (Output::Json | Output::Jsonl) => render::json_list(&shifts, output)?,
        Output::Table if shifts.is_empty() => render::note("no shifts; `crossfade apply PLAN` makes one"),
        Output::Table => {
            render::line(render::table(
                ["NAME", "PHASE", "STEP", "SET", "SEEN", "HEADLINE"],
                shifts.iter().map(row),
            ))?;
        }
    }
    Ok(Exit::Done)
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
