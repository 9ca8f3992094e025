//! What the gate costs, and what it is worth: `cargo bench -p crossfade-core --bench gate`.

mod goals;
mod hours;
#[expect(dead_code, reason = "the comparison has more stories")]
#[path = "../simulation/mod.rs"]
mod simulation;

use std::{hint::black_box, process::ExitCode};

use crossfade_core::gate::Verdict;

use self::{
    hours::{judged, rows},
    simulation::{clock::Clock, ours::config},
};

const VERDICTS: u32 = 1_000_000;
const CUTOVERS: u64 = 300;

fn main() -> ExitCode {
    let config = config();
    // A thousand different hours, so that no branch is learnt by heart.
    let hours: Vec<_> = (0..1_000).map(|seed| rows(60, 0.001 * f64::from(seed as u32 % 20), seed)).collect();
    let began = Clock::start();
    let mut failed = 0_u32;
    for verdict in 0..VERDICTS {
        let hour = &hours[verdict as usize % hours.len()];
        let told = black_box(judged(&config, black_box(hour)));
        failed += u32::from(told.code.verdict() == Verdict::Fail);
    }
    let took = began.elapsed();
    println!(
        "{VERDICTS} verdicts over an hour of minutes: {took:.2?} of processor time, {:.2?} each ({failed} failed)",
        took / VERDICTS
    );

    let day = rows(24 * 60, 0.002, 1);
    let began = Clock::start();
    for _ in 0..1_000 {
        black_box(judged(&config, black_box(&day)));
    }
    println!("a verdict over a day of minutes: {:.2?}", began.elapsed() / 1_000);

    let began = Clock::start();
    let (told, missed) = goals::check(CUTOVERS);
    println!("{CUTOVERS} simulated cutovers of each kind at 100 requests a second, {:.2?}:", began.elapsed());
    for line in told {
        println!("  {line}");
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
