//! The gate beside the rules of others, on the same traffic, and beside an oracle that knows what is wrong:
//! `cargo bench -p crossfade-core --bench rules`. `-- --runs 4000` draws more cutovers of each kind, `--only healthy,start`
//! prints some sections, `--markdown` is for the documentation, and `--plain` leaves the design's figures out.

mod ablated;
mod ablations;
mod alarm;
mod argo;
mod at_limit;
mod broken;
mod compare;
mod design;
mod flagger;
mod kayenta;
mod oracle;
mod reverts;
mod robustness;
mod script;
mod share;
#[path = "../simulation/mod.rs"]
mod simulation;
mod table;
mod wald;

use std::process::ExitCode;

use simulation::clock::Clock;
use table::{Style, Table};

const RUNS: u64 = 1_000;

/// The tables of a section, of so many cutovers each.
type Tables = fn(u64) -> Vec<Table>;

const SECTIONS: [(&str, Tables); 10] = [
    ("reverts", reverts::tables),
    ("mid", broken::mid),
    ("start", broken::start),
    ("on-and-off", broken::on_and_off),
    ("load", broken::with_load),
    ("ablations", ablations::tables),
    ("robustness", robustness::tables),
    ("at-limit", at_limit::tables),
    ("alarms", robustness::alarms),
    ("share", share::tables),
];

fn main() -> ExitCode {
    let (mut runs, mut only, mut style) = (RUNS, None, Style { markdown: false, plain: false });
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--markdown" => style.markdown = true,
            "--plain" => style.plain = true,
            "--only" => only = arguments.next(),
            "--runs" => match arguments.next().and_then(|runs| runs.parse().ok()) {
                Some(wanted) if wanted > 0 => runs = wanted,
                Some(_) | None => {
                    eprintln!("--runs wants a number of cutovers, such as 4000");
                    return ExitCode::FAILURE;
                }
            },
            other => {
                eprintln!(
                    "unknown argument `{other}`: there are --runs N, --only SECTIONS, --markdown and --plain"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    let whole = Clock::start();
    for (name, tables) in SECTIONS {
        if only.as_ref().is_none_or(|only| only.split(',').any(|one| one == name)) {
            let began = Clock::start();
            tables(runs).iter().for_each(|table| table.print(style));
            eprintln!("{name}: {:.0?} of processor time", began.elapsed());
        }
    }
    eprintln!("{:.0?} together", whole.elapsed());
    ExitCode::SUCCESS
}
