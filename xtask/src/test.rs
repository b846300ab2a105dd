//! `cargo xtask test`: everything a change has to pass.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{guests, process};

/// The tests and doctests of the workspace, with the guests they load.
pub(crate) fn run(workspace: &Workspace, long: bool) -> Result<ExitCode> {
    let folder = guests::build(workspace)?;
    let mut cargo = process::cargo();
    cargo.current_dir(&workspace.root).args(["test", "--workspace", "--locked"]);
    cargo.env("ASTRID_GUESTS", folder);
    if long {
        cargo.env("ASTRID_LONG_TESTS", "1");
    }
    process::status(&mut cargo).map(process::exit_code)
}
