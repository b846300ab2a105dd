//! `capsule`: makes, builds, inspects and checks capsules.
//!
//! Every command is one file in `commands/`; what more than one of them needs is a plain function in a module beside
//! it. A command ends with 0, with 1 when something it was given or found is wrong, with 2 when the command line is.

mod build;
mod capsule;
mod commands;
mod component;
mod error;
mod files;
mod manifest;
mod meta;
mod output;
mod progress;
mod report;
mod template;
mod usage;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::errors(&error);
            ExitCode::from(error::FAILED)
        }
    }
}
