//! The chores of this repository, run as `cargo xtask <command>`.

mod bench;
mod guests;
mod portable;
mod process;
mod test;
mod tidy;
mod wit;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the guest programs of tests/guests as components
    Guests,
    /// Build the guests, then pass every test of the workspace
    Test {
        /// Also the tests that take minutes: crashes, soaks, floods
        #[arg(long)]
        long: bool,
    },
    /// Build the guests, then measure
    Bench,
    /// Check the rules of this repository that no compiler knows
    Tidy,
    /// Compile the `capsule` program for macOS without linking it
    CheckPortable,
    /// The frozen contract and its copies
    #[command(subcommand)]
    Wit(wit::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match Workspace::find().and_then(|workspace| run(&cli.command, &workspace)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, workspace: &Workspace) -> anyhow::Result<ExitCode> {
    match command {
        Command::Guests => guests::build(workspace).map(|_| ExitCode::SUCCESS),
        Command::Test { long } => test::run(workspace, *long),
        Command::Bench => bench::run(workspace),
        Command::Tidy => tidy::run(workspace),
        Command::CheckPortable => portable::run(workspace),
        Command::Wit(command) => wit::run(command, workspace),
    }
}
