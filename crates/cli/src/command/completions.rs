//! `completions`: for bash, zsh, fish, elvish and PowerShell.

use clap::{Args as Arguments, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    args::Args,
    failure::{Exit, Failure},
};

#[derive(Debug, Arguments)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

pub fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    // By way of memory, because the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "crossfade", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(Exit::Done)
}
