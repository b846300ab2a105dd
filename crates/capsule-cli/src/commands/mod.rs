//! The commands, one file each.

mod allowance;
mod build;
mod check;
mod inspect;
pub(crate) mod install;
mod keeper;
mod net;
mod new;
mod overlay;
mod place;
mod ps;
mod publish;
pub(crate) mod run;
mod tail;
mod trust;
mod uninstall;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::CliError;

/// Makes, builds, inspects, checks and runs capsules.
#[derive(Debug, Parser)]
// Without a command the help would come as an error of many lines.
#[command(name = "capsule", version, about, propagate_version = true, arg_required_else_help = false)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::Args),
    Build(build::Args),
    Inspect(inspect::Args),
    Check(check::Args),
    Install(install::Args),
    Uninstall(uninstall::Args),
    Run(Box<run::Args>),
    Overlay(overlay::Args),
    Allowance(allowance::Args),
    Ps(ps::Args),
    Net(net::Args),
    Publish(publish::Args),
    Tail(tail::Args),
    Trust(trust::Args),
    User(user::Args),
}

impl Command {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        match self {
            Self::New(args) => new::run(&args),
            Self::Build(args) => build::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Check(args) => check::run(&args),
            Self::Install(args) => install::run(&args),
            Self::Uninstall(args) => uninstall::run(&args),
            Self::Run(args) => return run::run(&args),
            Self::Overlay(args) => overlay::run(&args),
            Self::Allowance(args) => allowance::run(&args),
            Self::Ps(args) => ps::run(&args),
            Self::Net(args) => net::run(&args),
            Self::Publish(args) => publish::run(&args),
            Self::Tail(args) => return tail::run(&args),
            Self::Trust(args) => trust::run(&args),
            Self::User(args) => user::run(&args),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}
