//! `capsule overlay`.

use std::path::PathBuf;

use astrid_capsule::Runtime;
use astrid_host_context::Principal;

use crate::error::CliError;
use crate::run::{Decision, decide};
use crate::worker;

/// Lists, commits or drops what `capsule run --overlay` kept apart
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The home the run was started with [default: $ASTRID_HOME, else ~/.astrid]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The workspace the run was started with
    #[arg(long, value_name = "DIR", default_value = ".")]
    workspace: PathBuf,
    /// Decide about this principal's changes alone [default: about everybody's]
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Write the changes into the workspace
    #[arg(long, conflicts_with = "rollback")]
    commit: bool,
    /// Drop the changes
    #[arg(long)]
    rollback: bool,
}

/// Opens the home without loading a capsule, and decides. Without a switch nothing is asked.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    worker::run(async {
        let only = args.principal.as_deref().map(Principal::parse).transpose();
        let only = only.map_err(|error| CliError::new(format!("--principal: {error}")))?;
        let mut builder = Runtime::builder().workspace(&args.workspace).overlay(true);
        if let Some(home) = &args.home {
            builder = builder.home(home);
        }
        let runtime = builder.build().await.map_err(CliError::new)?;
        let decision = Decision::of(args.commit, args.rollback).unwrap_or(Decision::Keep);
        let decided = decide(&runtime, &args.workspace, only.as_ref(), Some(decision)).await;
        runtime.shutdown().await;
        decided
    })
}
