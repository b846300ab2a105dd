//! `capsule`: makes, builds, inspects, checks and runs capsules.
//!
//! Every command is one file in `commands/`; what more than one of them needs is a plain function in a module beside
//! it. A command ends with 0, with 1 when something it was given or found is wrong, with 2 when the command line is; `run` ends with 3
//! when what it waits for did not come.

mod build;
mod capsule;
mod commands;
mod component;
mod control;
mod error;
mod files;
mod install;
mod manifest;
mod output;
mod progress;
mod records;
mod report;
mod run;
mod template;
mod usage;
mod worker;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before anything else: this program also stands between itself and the processes of capsules.
    astrid_process_sandbox::shim::enter_if_asked();
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error),
    };
    match cli.command.run() {
        Ok(code) => code,
        Err(error) => {
            output::errors(&error);
            ExitCode::from(error::FAILED)
        }
    }
}
