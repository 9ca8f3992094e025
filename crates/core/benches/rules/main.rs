//! The gate beside the rules of others, on the same traffic, and beside an oracle that knows what is wrong:
//! `cargo bench -p crossfade-core --bench rules`, with `-- --runs 4000` for more cutovers of each kind, and with
//! `--markdown` for the documentation.

mod alarm;
mod argo;
mod compare;
mod flagger;
mod kayenta;
mod oracle;
mod report;
mod script;
#[path = "../simulation/mod.rs"]
mod simulation;
mod table;
mod wald;

use std::{process::ExitCode, time::Instant};

const RUNS: u64 = 1_000;

fn main() -> ExitCode {
    let (mut runs, mut markdown) = (RUNS, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--markdown" => markdown = true,
            "--runs" => match arguments.next().and_then(|runs| runs.parse().ok()) {
                Some(wanted) if wanted > 0 => runs = wanted,
                Some(_) | None => {
                    eprintln!("--runs wants a number of cutovers, such as 4000");
                    return ExitCode::FAILURE;
                }
            },
            other => {
                eprintln!("unknown argument `{other}`: there are --runs N and --markdown");
                return ExitCode::FAILURE;
            }
        }
    }
    let began = Instant::now();
    for tables in [report::false_reverts, report::broken, report::robustness] {
        tables(runs).iter().for_each(|table| table.print(markdown));
    }
    eprintln!("{:.0?}", began.elapsed());
    ExitCode::SUCCESS
}
