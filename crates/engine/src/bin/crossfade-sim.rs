//! Runs the simulator: one seed with its timeline, many seeds, or as many as there is time for.

use std::{
    process::ExitCode,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crossfade_engine::sim::{Life, Options, Tally, live};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "crossfade-sim [--seed N | --seeds A..B] [--for 5m] [--years N] [--threads N] [--replicas N]
              [--verbose] [--keep-going] [--at-least N] [--ignores-fences] [--trusts-too-long] [--compares-versions-only]

  --seed N        one life; with --verbose, its timeline
  --seeds A..B    these lives; the first violation ends it, with the end of its timeline and how to replay it
  --for 5m        lives from the first seed on, until all threads together have used a processor for so long
  --years N       lives from the first seed on, until so many years were lived through
  --threads N     at the same time; as many as there are processors, if not said. A life is the same in any of them
  --keep-going    a violation does not end it: the seeds that have one are listed as they are found
  --replicas N    so many daemons in every life
  --at-least N    fails unless every kind of fault met every place it can meet, and every event happened, so often
  --ignores-fences, --trusts-too-long, --compares-versions-only
                  break the world's wiring, for the invariants to find";

/// Between two lines that say how far it has come.
const SAY_EVERY: Duration = Duration::from_secs(60);

struct Asked {
    seeds: std::ops::Range<u64>,
    at_most: Option<Duration>,
    years: Option<u32>,
    threads: usize,
    options: Options,
    single: bool,
    keep_going: bool,
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
    let (tally, failed) = run(&asked, began);
    println!("{}", tally.report(processor_seconds().unwrap_or_else(|| began.elapsed().as_secs_f64())));
    if let Some(life) = failed {
        fail(&life, &asked);
        return ExitCode::FAILURE;
    }
    let gaps = tally.gaps(asked.at_least);
    if !asked.single && !gaps.is_empty() {
        eprintln!("seen less than {} times:\n  {}", asked.at_least, gaps.join("\n  "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Lives through what was asked for. With a violation, the life of the lowest seed that has one.
fn run(asked: &Asked, began: Instant) -> (Tally, Option<Life>) {
    let next = AtomicU64::new(asked.seeds.start);
    let end = AtomicU64::new(asked.seeds.end);
    // On a machine that is busy with other things, as many lives as on one that is not.
    let used = || processor_seconds().unwrap_or(began.elapsed().as_secs_f64() * asked.threads as f64);
    let work = |lived: mpsc::Sender<Life>| {
        while asked.at_most.is_none_or(|most| used() < most.as_secs_f64()) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) || lived.send(live(seed, &asked.options)).is_err() {
                return;
            }
        }
    };
    let mut tally = Tally::default();
    let mut failed: Option<Life> = None;
    thread::scope(|scope| {
        let (sender, lives) = mpsc::channel();
        for _ in 0..asked.threads {
            let sender = sender.clone();
            let work = &work;
            scope.spawn(move || work(sender));
        }
        drop(sender);
        let mut say_at = began + SAY_EVERY;
        loop {
            match lives.recv_timeout(say_at.saturating_duration_since(Instant::now())) {
                Ok(life) => {
                    tally.add(&life.tally);
                    if asked.single && asked.options.timeline {
                        println!("{}", life.timeline.join("\n"));
                    }
                    if asked.single {
                        println!("{:<28}{:016x}", "hash of all that happened", life.hash);
                    }
                    if asked.years.is_some_and(|years| tally.years() >= f64::from(years)) {
                        end.store(0, Ordering::Relaxed);
                    }
                    if let Some(violation) = &life.violation {
                        if asked.keep_going {
                            eprintln!("seed {} violates {violation}", life.seed);
                        } else {
                            // What was begun before it may yet fail, too.
                            end.fetch_min(life.seed, Ordering::Relaxed);
                        }
                        if failed.as_ref().is_none_or(|known| life.seed < known.seed) {
                            failed = Some(life);
                        }
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= say_at {
                say_at += SAY_EVERY;
                let (minutes, years) = (began.elapsed().as_secs() / 60, tally.years());
                let found = if failed.is_some() { "violations" } else { "no violation" };
                eprintln!("{minutes} min: {} lives, {years:.1} years, {found}", tally.lives);
            }
        }
    });
    (tally, failed)
}

fn fail(life: &Life, asked: &Asked) {
    let replay = live(life.seed, &Options { timeline: true, ..asked.options });
    let from = replay.timeline.len().saturating_sub(60);
    eprintln!("{}", replay.timeline.get(from..).unwrap_or_default().join("\n"));
    if let Some(violation) = &life.violation {
        eprintln!("\nseed {} violates {violation}", life.seed);
    }
    let mut options = asked.options.replicas.map(|count| format!(" --replicas {count}")).unwrap_or_default();
    for (is, option) in [
        (asked.options.mutations.ignores_fences, " --ignores-fences"),
        (asked.options.mutations.trusts_too_long, " --trusts-too-long"),
        (asked.options.mutations.compares_versions_only, " --compares-versions-only"),
    ] {
        options.push_str(if is { option } else { "" });
    }
    eprintln!(
        "replay: cargo run --release -p crossfade-engine --features simulator --bin crossfade-sim -- --seed {} \
         --verbose{options}",
        life.seed
    );
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut asked = Asked {
        seeds: 0..1_000,
        at_most: None,
        years: None,
        threads,
        options: Options::default(),
        single: false,
        keep_going: false,
        at_least: 0,
    };
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
            "--years" => {
                asked.years =
                    Some(u32::try_from(number(&value()?)?).map_err(|_| "too many years".to_owned())?);
                asked.seeds.end = u64::MAX;
            }
            "--threads" => asked.threads = usize::try_from(number(&value()?)?).unwrap_or(1).max(1),
            "--replicas" => asked.options.replicas = usize::try_from(number(&value()?)?).ok(),
            "--at-least" => asked.at_least = number(&value()?)?,
            "--keep-going" => asked.keep_going = true,
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

/// What this process has used, where the system tells: on a busy machine it is less than what has passed.
/// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    // In hundredths of a second, on every Linux there is.
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
