//! `cargo xtask wit …`: the frozen contract and its copies.

mod catalog;
mod check;
mod digests;
mod freeze;
mod layout;
mod new_version;
mod published;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Copy to every host crate the frozen file of its package, with what that needs
    Stage,
    /// Compare the frozen files with their digests, their copies and the published guest SDK
    Check,
    /// Record the digests of files that have none yet; recorded ones never change
    Freeze,
    /// Begin a later version of a package: its file, its crate, and where the crate is named
    NewVersion(new_version::NewVersion),
}

/// Runs one of them.
pub(crate) fn run(command: &Command, workspace: &Workspace) -> Result<ExitCode> {
    match command {
        Command::Stage => stage::run(workspace),
        Command::Check => check::run(workspace),
        Command::Freeze => freeze::run(workspace),
        Command::NewVersion(args) => new_version::run(args, workspace),
    }
}

/// The folder of frozen files.
pub(crate) fn frozen_folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("wit/host")
}
