//! `plan simulate`: the plan on the decision code of the daemon, in virtual time.

mod chart;
mod script;

use std::{fs, path::PathBuf};

use clap::Args;
use crossfade_core::{
    event::Happened,
    gate::{self, StepSensitivity, Traffic},
    plan::{Percent, Plan, Span},
    rehearsal::{Setting, Timeline, Unplayable, rehearse},
    report,
};
use crossfade_ports::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub(super) use self::script::Instant;
use self::script::{Line, Patience, Rate, Script, Text, When};
use super::Context;
use crate::{
    args::Output,
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
#[command(after_help = "A failure at a quarter of the traffic:\n  \
    crossfade plan simulate www.yaml --traffic 4000/min --error-rate 5% --at 25%")]
pub(super) struct SimulateArgs {
    /// The plan.
    #[arg(required_unless_present = "script")]
    file: Option<PathBuf>,
    /// A script with all of this, and with what operators do; docs/timelines has examples.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "begins", "traffic", "ttl", "usual_error_rate",
        "approved_after", "at", "lasts", "error_rate", "legacy_error_rate", "no_metrics", "unreachable", "pinned"])]
    script: Option<PathBuf>,
    /// When the shift is created, as in 2026-12-01T09:00:00[Europe/Paris]; else now.
    #[arg(long, value_name = "TIME")]
    begins: Option<Instant>,
    /// Requests to both sides together, as in 400/min or 2000/s.
    #[arg(long, value_name = "RATE", default_value = "1000/min")]
    traffic: Rate,
    /// How long resolvers keep an answer.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    ttl: Span,
    /// Of both sides, when nothing is wrong.
    #[arg(long, value_name = "RATE", default_value = "0.1%")]
    usual_error_rate: Percent,
    /// How long a step waits for its approval, or never.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    approved_after: Patience,
    /// When what follows goes wrong: at a share (25%), after a time (2h), or at an instant.
    #[arg(long, value_name = "WHEN")]
    at: Option<When>,
    /// For how long it does; else for ever.
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<Span>,
    /// So many requests to the `to` side fail.
    #[arg(long, value_name = "RATE")]
    error_rate: Option<Percent>,
    /// So many requests to the `from` side fail.
    #[arg(long, value_name = "RATE")]
    legacy_error_rate: Option<Percent>,
    /// The metrics show nothing new.
    #[arg(long)]
    no_metrics: bool,
    /// No request reaches the `to` side.
    #[arg(long)]
    unreachable: bool,
    /// Resolvers keep the answers that they have.
    #[arg(long)]
    pinned: bool,
    /// Draw the shares over time.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Columns of the picture in the terminal.
const COLUMNS: usize = 72;

/// As much traffic as no gate waits for.
const PLENTY: f64 = 600_000.0;

/// What a simulation came to.
#[derive(Debug, Serialize)]
struct Simulation {
    /// How it ended, in a sentence.
    outcome: String,
    /// When the shift would be completed with all the traffic that gates could ask for, nothing wrong, and approvals
    /// at once.
    earliest: Option<Timestamp>,
    /// What the gates can see at each step.
    sensitivity: Vec<StepSensitivity>,
    #[serde(flatten)]
    timeline: Timeline,
}

pub(super) fn run(context: &Context, args: SimulateArgs) -> Result<Exit, Failure> {
    let svg = args.svg.clone();
    let script = match &args.script {
        Some(file) => Script::read(file)?,
        None => from_options(args),
    };
    let plan = super::read(&script.plan)?;
    let simulation = simulate(&plan, &script.setting(SystemClock.now())).map_err(|error| {
        Failure::failed(format!("{} cannot be simulated", script.plan.display())).because(error)
    })?;
    if let Some(file) = svg {
        fs::write(&file, chart::svg(&plan.name, &simulation.timeline)).map_err(|error| {
            Failure::failed(format!("{} cannot be written", file.display())).because(error)
        })?;
    }
    match context.global.output {
        Output::Table => render::line(told(&plan, &simulation).trim_end())?,
        output @ (Output::Json | Output::Jsonl) => render::json(&simulation, output)?,
    }
    Ok(Exit::Done)
}

fn from_options(args: SimulateArgs) -> Script {
    let line = Line {
        at: args.at.map(Text),
        lasts: args.lasts,
        error_rate: args.error_rate,
        legacy_error_rate: args.legacy_error_rate,
        no_metrics: args.no_metrics,
        unreachable: args.unreachable,
        pinned: args.pinned,
        verb: None,
    };
    Script {
        plan: args.file.unwrap_or_default(),
        begins: args.begins.map(Text),
        traffic: Some(Text(args.traffic)),
        ttl: Some(args.ttl),
        usual_error_rate: Some(args.usual_error_rate),
        approved_after: Some(Text(args.approved_after)),
        script: vec![line],
    }
}

fn simulate(plan: &Plan, setting: &Setting) -> Result<Simulation, Unplayable> {
    let timeline = rehearse(plan, setting)?;
    let best = Setting {
        requests_per_minute: PLENTY,
        usual_errors_from: 0.0,
        usual_errors_to: 0.0,
        approved_after: Some(SignedDuration::ZERO),
        incidents: Vec::new(),
        orders: Vec::new(),
        ..setting.clone()
    };
    let best = rehearse(plan, &best)?;
    let earliest = (best.phase == "completed").then_some(best.ended_at);
    let traffic =
        Traffic { requests_per_minute: setting.requests_per_minute, usual: setting.usual_errors_to };
    let sensitivity = gate::of_plan(plan, |_| Some(traffic));
    Ok(Simulation { outcome: outcome(&timeline, setting.begins), earliest, sensitivity, timeline })
}

fn outcome(timeline: &Timeline, begins: Timestamp) -> String {
    let took = length(timeline.ended_at.duration_since(begins));
    let mut outcome = match &timeline.waits_for {
        Some(what) => format!("It does not end: {what}."),
        None if matches!(timeline.phase.as_str(), "scheduled" | "running" | "reverting") => {
            format!("It has not ended after {took}.")
        }
        None => format!("It is {} at {}, after {took}.", timeline.phase, render::instant(timeline.ended_at)),
    };
    if timeline.failed >= 0.5 {
        outcome.push_str(&format!(
            " {:.0} requests fail on the `to` side beyond what is usual there.",
            timeline.failed
        ));
    }
    outcome
}

/// The timeline as a table, with a picture and what it came to.
fn told(plan: &Plan, simulation: &Simulation) -> String {
    let mut share = crossfade_core::Share::ZERO;
    let mut rows: Vec<(Timestamp, [String; 3])> = Vec::new();
    for event in &simulation.timeline.events {
        if let Happened::Intended { share: wanted, .. } = &event.what {
            share = *wanted;
        }
        let Some(what) = report::told(&event.what) else { continue };
        let by = if event.actor.0 == "operator" { " (by a person)" } else { "" };
        rows.push((event.at, [render::instant(event.at), share.to_string(), format!("{what}{by}")]));
    }
    let refused = simulation.timeline.refused.iter();
    rows.extend(
        refused.map(|(at, why)| (*at, [render::instant(*at), String::new(), format!("refused: {why}")])),
    );
    rows.sort_by_key(|(at, _)| *at);
    let table = render::table(["AT", "SHARE", "WHAT"], rows.into_iter().map(|(_, row)| row));
    let chart = chart::line(&simulation.timeline, COLUMNS);
    let earliest = simulation.earliest.map_or_else(String::new, |at| {
        format!("\nAt the earliest it is completed at {}.", render::instant(at))
    });
    let seen: String = simulation.sensitivity.iter().map(|seen| super::seen(seen) + "\n").collect();
    format!("{}\n\n{table}\n\nshare  {chart}\n\n{seen}\n{}{earliest}\n", plan.name, simulation.outcome)
}

/// To the second, in days and less.
fn length(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests;
