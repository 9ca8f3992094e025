//! `explain`: why a shift is not moving, and what would move it.

use crossfade_api::types::Shift;
use crossfade_core::{
    gate::Verdict,
    shift::{Cause, Hold},
};
use serde::Serialize;

use super::{Context, status::ends_without_a_verb};
use crate::{
    args::{Named, Output},
    failure::{Exit, Failure},
    render,
};

/// One reason, and its remedy.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Because {
    why: String,
    remedy: String,
}

pub async fn run(context: &Context, args: Named) -> Result<Exit, Failure> {
    let shift = context.client()?.shift(&args.name).await?;
    let reasons = reasons(&shift);
    match context.global.output {
        output @ (Output::Json | Output::Jsonl) => {
            let answer = serde_json::json!({
                "name": shift.name, "headline": shift.headline, "because": reasons,
                "sensitivity": shift.sensitivity, "tail": shift.tail, "next": shift.next, "possible": shift.possible,
            });
            render::json(&answer, output)?;
        }
        Output::Table => {
            render::line(format!("{}: {}", shift.name, shift.headline))?;
            for Because { why, remedy } in &reasons {
                render::line(format!("\n  why:    {why}\n  remedy: {remedy}"))?;
            }
            for seen in &shift.sensitivity {
                let (gate, step) = (&seen.gate, seen.step + 1);
                render::line(format!("\n  sees:   gate {gate}, step {step}: {}", seen.sensitivity.sentence))?;
            }
            if let Some(tail) = &shift.tail {
                render::line(format!("\n  tail:   {}", tail.sentence))?;
            }
            if let Some(next) = &shift.next {
                let at = next
                    .at
                    .map_or_else(String::new, |at| format!(", at {} at the earliest", render::instant(at)));
                render::line(format!("\n  next:   {}{at}", next.what))?;
            }
            if let Some(runbook) = &shift.runbook {
                render::line(format!("\n  runbook: {runbook}"))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// What stands in the way of going up.
fn reasons(shift: &Shift) -> Vec<Because> {
    let name = &shift.name;
    let phase = match shift.phase.as_str() {
        "scheduled" => Some(("it has not been started", format!("crossfade start {name}"))),
        "completed" => {
            Some(("it is at its end", format!("nothing; crossfade finalize {name} gives the records up")))
        }
        "reverting" => Some(("it is being taken back", "wait until it is reverted".to_owned())),
        "reverted" => Some(("it was taken back", format!("crossfade retry {name}"))),
        "cancelled" => Some(("it was cancelled", "apply the plan under another name".to_owned())),
        _ => None,
    };
    let mut reasons: Vec<Because> =
        phase.into_iter().map(|(why, remedy)| Because { why: why.to_owned(), remedy }).collect();
    reasons.extend(shift.holds.iter().map(|hold| of_hold(name, hold)));
    let gates = shift.gates.iter().filter(|gate| gate.verdict != Verdict::Pass && shift.phase == "running");
    reasons.extend(gates.map(|gate| Because {
        why: format!("gate {}: {}", gate.name, gate.sentence),
        remedy: match gate.verdict {
            Verdict::Pass | Verdict::Wait if shift.possible.iter().any(|verb| verb == "advance") => {
                format!("wait, or crossfade advance {name} to go on without it")
            }
            Verdict::Pass | Verdict::Wait => "wait".to_owned(),
            Verdict::Hold => "look at the metrics; it goes on when they do".to_owned(),
            Verdict::Fail => format!("mend the to side, then crossfade resume or retry {name}"),
        },
    }));
    reasons
}

fn of_hold(name: &str, hold: &Hold) -> Because {
    let reason = hold.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    let remedy = match hold.cause {
        Cause::Drift => format!(
            "crossfade adopt {name} takes the zone's weights, crossfade reassert {name} writes the shift's again"
        ),
        _ if hold.until_resumed => format!("crossfade resume {name}"),
        Cause::Approval => format!("crossfade approve {name}"),
        _ if ends_without_a_verb(hold) => "do what is said above; it does not end by itself".to_owned(),
        Cause::NoData => "look why no metrics arrive; it goes on when they do".to_owned(),
        Cause::Fault => "look at what is said above; it goes on when that ends".to_owned(),
        Cause::Operator | Cause::Gate | Cause::Calendar | Cause::Dependency => {
            "none is needed: it goes on when that ends".to_owned()
        }
    };
    Because {
        why: format!("held since {} by {}: {}{reason}", render::instant(hold.since), hold.by, hold.sentence),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_that_no_verb_ends_is_not_said_to_end_by_itself() {
        let hold = |code: &str| Hold {
            cause: Cause::Dependency,
            code: code.to_owned(),
            since: jiff::Timestamp::UNIX_EPOCH,
            by: "crossfade".to_owned(),
            reason: None,
            sentence: "The next step is below what a group has.".to_owned(),
            until_resumed: false,
        };
        assert!(of_hold("www", &hold("lowers")).remedy.contains("does not end by itself"));
        assert!(of_hold("www", &hold("after")).remedy.contains("none is needed"));
    }
}
