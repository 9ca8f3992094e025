//! Runs the simulator: one seed with its timeline, many seeds, or as many as there is time for.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use crossfade_engine::sim::{Life, Options, Tally, live};

const USAGE: &str =
    "crossfade-sim [--seed N | --seeds A..B | --for 5m] [--replicas N] [--verbose] [--at-least N]
              [--ignores-fences] [--trusts-too-long] [--compares-versions-only]";

struct Asked {
    seeds: std::ops::Range<u64>,
    at_most: Option<Duration>,
    options: Options,
    single: bool,
    /// Every fault has to have met every place this often.
    at_least: u64,
}

fn main() -> ExitCode {
    let asked = match parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("error: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let mut tally = Tally::default();
    for seed in asked.seeds.clone() {
        if asked.at_most.is_some_and(|most| began.elapsed() >= most) {
            break;
        }
        let life = live(seed, &asked.options);
        tally.add(&life.tally);
        if asked.single && asked.options.timeline {
            println!("{}", life.timeline.join("\n"));
        }
        if life.violation.is_some() {
            fail(&life, &asked);
            return ExitCode::FAILURE;
        }
    }
    println!("{}", tally.report(began.elapsed().as_secs_f64()));
    let gaps = tally.gaps(asked.at_least);
    if !asked.single && !gaps.is_empty() {
        eprintln!("seen less than {} times:\n  {}", asked.at_least, gaps.join("\n  "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn fail(life: &Life, asked: &Asked) {
    let replay = live(life.seed, &Options { timeline: true, ..asked.options });
    let from = replay.timeline.len().saturating_sub(60);
    eprintln!("{}", replay.timeline.get(from..).unwrap_or_default().join("\n"));
    if let Some(violation) = &life.violation {
        eprintln!("\nseed {} violates {violation}", life.seed);
    }
    let replicas = asked.options.replicas.map(|count| format!(" --replicas {count}")).unwrap_or_default();
    eprintln!("replay: crossfade-sim --seed {} --verbose{replicas}", life.seed);
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked =
        Asked { seeds: 0..1_000, at_most: None, options: Options::default(), single: false, at_least: 0 };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        match argument.as_str() {
            "--seed" => {
                let seed = number(&value()?)?;
                asked.seeds = seed..seed + 1;
                asked.single = true;
            }
            "--seeds" => {
                let text = value()?;
                let (from, to) =
                    text.split_once("..").ok_or_else(|| format!("{text:?} is not of the form A..B"))?;
                asked.seeds = number(from)?..number(to)?;
            }
            "--for" => {
                asked.at_most = Some(span(&value()?)?);
                asked.seeds.end = u64::MAX;
            }
            "--replicas" => asked.options.replicas = usize::try_from(number(&value()?)?).ok(),
            "--at-least" => asked.at_least = number(&value()?)?,
            "--verbose" => asked.options.timeline = true,
            "--ignores-fences" => asked.options.mutations.ignores_fences = true,
            "--trusts-too-long" => asked.options.mutations.trusts_too_long = true,
            "--compares-versions-only" => asked.options.mutations.compares_versions_only = true,
            other => return Err(format!("what is {other:?}?")),
        }
    }
    Ok(asked)
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

/// A length of time such as `90s`, `5m` or `1h`.
fn span(text: &str) -> Result<Duration, String> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some(_) | None => return Err(format!("{text:?} is not a length of time: write 90s, 5m or 1h")),
    };
    Ok(Duration::from_secs(unit * number(&text[..text.len() - 1])?))
}
