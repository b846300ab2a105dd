//! The compilation target, installed when it is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build::TARGET;
use crate::error::{CliError, cause};
use crate::progress::Progress;

/// Sees to it that the toolchain of `dir` has the standard library of the target.
///
/// # Errors
/// There is no compiler, or the target is missing and rustup cannot add it.
pub(crate) fn ensure(dir: &Path, progress: &dyn Progress) -> Result<(), CliError> {
    let sysroot = sysroot(dir)?;
    if sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        return Ok(());
    }
    progress.step("installing the target");
    progress.detail(TARGET);
    let added =
        Command::new("rustup").args(["target", "add", TARGET]).current_dir(dir).stdin(Stdio::null()).output();
    let problem = match added {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => format!("rustup failed: {}", cause(String::from_utf8_lossy(&output.stderr))),
        Err(error) => format!("rustup cannot be run: {error}"),
    };
    Err(CliError::at(&sysroot, format_args!("this toolchain has no target {TARGET}, and {problem}")).allowed(
        format_args!(
            "a toolchain with it: run `rustup target add {TARGET}`, or install your system's package of it"
        ),
    ))
}

/// Where the toolchain is that cargo will use in `dir`.
fn sysroot(dir: &Path) -> Result<PathBuf, CliError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let name = rustc.to_string_lossy().into_owned();
    let asked =
        Command::new(rustc).args(["--print", "sysroot"]).current_dir(dir).stdin(Stdio::null()).output();
    let output = asked.map_err(|error| {
        CliError::new(format_args!("{name}: cannot be run: {error}"))
            .allowed("a Rust toolchain on PATH, see https://rustup.rs")
    })?;
    if !output.status.success() {
        return Err(CliError::new(format_args!(
            "{name}: {}",
            cause(String::from_utf8_lossy(&output.stderr))
        )));
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
