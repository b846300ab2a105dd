//! The conformance guests of this repository, built by `cargo xtask guests`.

use std::path::{Path, PathBuf};

/// A guest that is not there.
#[derive(Debug, thiserror::Error)]
#[error("guest {name}: {path}: {problem}; build the guests with `cargo xtask guests`, or run `cargo xtask test`")]
pub struct GuestMissing {
    name: String,
    path: PathBuf,
    problem: std::io::Error,
}

/// The component of the guest `name` in `tests/guests`.
///
/// Looked for in the folder `guests` of the target directory that the running test was built into,
/// or in `$ASTRID_GUESTS`.
///
/// # Errors
/// [`GuestMissing`], which says how to build it.
pub fn guest(name: &str) -> Result<Vec<u8>, GuestMissing> {
    let path = folder().join(format!("{name}.wasm"));
    std::fs::read(&path).map_err(|problem| GuestMissing { name: name.to_owned(), path, problem })
}

fn folder() -> PathBuf {
    if let Some(named) = std::env::var_os("ASTRID_GUESTS") {
        return named.into();
    }
    // target/debug/deps/test-hash: the first folder upwards that has guests.
    let program = std::env::current_exe().unwrap_or_default();
    let found = program.ancestors().map(|dir| dir.join("guests")).find(|dir| dir.is_dir());
    found.unwrap_or_else(|| Path::new("target").join("guests"))
}
