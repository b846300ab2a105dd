//! `cargo xtask check-portable`: whether everything compiles for a system that this machine is not.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// One of Apple's two is enough: they differ in nothing that this workspace sees.
const TARGET: &str = "aarch64-apple-darwin";

/// A check of types, with which nothing is linked: so what a C compiler would make is not missed.
pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut rustc = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let asked = rustc.current_dir(&workspace.root).args(["--print", "target-libdir", "--target", TARGET]);
    let said = asked.output().context("rustc cannot be run")?;
    let folder = String::from_utf8(said.stdout).context("the folder of a target is no text")?;
    if !Path::new(folder.trim()).is_dir() {
        bail!("no standard library for {TARGET}; to install it: rustup target add {TARGET}");
    }
    let mut cargo = process::cargo();
    cargo.current_dir(&workspace.root);
    cargo.args(["check", "--locked", "--target", TARGET, "--package", "capsule-cli"]);
    cargo.args(["--package", "fs-kernel", "--package", "kv-kernel"]);
    cargo.args(["--package", "astrid-process-sandbox"]);
    for tool in ["CC", "CXX", "AR"] {
        cargo.env(format!("{tool}_{}", TARGET.replace('-', "_")), "true");
    }
    process::status(&mut cargo).map(process::exit_code)
}
