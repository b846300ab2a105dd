//! The host's `PATH`, less what an agent could have planted a program in.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ground::Ground;

/// Where there is no `PATH` at all.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";
/// Whether everybody may write to a directory.
const WORLD_WRITABLE: u32 = 0o002;

/// The directories that are left, in their order.
pub(super) fn sanitised(path: Option<&OsStr>, ground: &Ground) -> Vec<PathBuf> {
    let kept =
        std::env::split_paths(path.unwrap_or(OsStr::new(USUAL))).filter(|entry| trusted(entry, ground));
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in kept {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    entries
}

fn trusted(entry: &Path, ground: &Ground) -> bool {
    if !entry.is_absolute() {
        return false;
    }
    let (Ok(real), Ok(found)) = (entry.canonicalize(), entry.metadata()) else { return false };
    found.is_dir()
        && found.permissions().mode() & WORLD_WRITABLE == 0
        && ![entry, &real].into_iter().any(|path| ground.is_masked(path))
        && !ground.writable().any(|root| real.starts_with(&root.path) || entry.starts_with(&root.path))
}
