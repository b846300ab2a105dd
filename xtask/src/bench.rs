//! `cargo xtask bench`: what calls cost.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{guests, process};

/// The benchmarks of the workspace, with the guests they load.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let folder = guests::build(workspace)?;
    let mut cargo = process::cargo();
    cargo.current_dir(&workspace.root).args(["bench", "--workspace", "--locked"]);
    cargo.env("ASTRID_GUESTS", folder);
    process::status(&mut cargo).map(process::exit_code)
}
