//! Keeping the disk layer within its size.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{Sidecar, read_trusted};

/// Code of an engine nobody ran for this long is dead weight.
const OLD_ENGINE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Removes the folders of other engines that were last written long ago.
pub(super) fn old_engines(root: &Path, compat: &str) {
    let Ok(dirs) = fs::read_dir(root) else { return };
    for dir in dirs.flatten().filter(|dir| dir.file_name() != compat) {
        let age = dir.metadata().and_then(|m| m.modified()).map(|at| SystemTime::now().duration_since(at));
        if matches!(age, Ok(Ok(age)) if age > OLD_ENGINE) {
            // Best effort: what cannot be removed now is tried again at the next start.
            let _ = fs::remove_dir_all(dir.path());
        }
    }
}

/// Removes the least recently used entries until `max_bytes` hold, sparing those in use.
pub(super) fn to_size(dir: &Path, max_bytes: u64, in_use: &[blake3::Hash]) {
    let Ok(files) = fs::read_dir(dir) else { return };
    let mut entries: Vec<(PathBuf, Sidecar)> = files
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .filter_map(|path| Some((serde_json::from_slice(&read_trusted(&path).ok()?).ok()?, path)))
        .map(|(sidecar, path)| (path, sidecar))
        .collect();
    entries.sort_by_key(|(_, sidecar)| sidecar.last_used_at);
    let mut total: u64 = entries.iter().map(|(_, sidecar)| sidecar.size).sum();
    let in_use: Vec<String> = in_use.iter().map(|hash| hash.to_hex().to_string()).collect();
    for (path, sidecar) in entries {
        if total <= max_bytes {
            return;
        }
        let name = path.file_stem().unwrap_or_default();
        if !in_use.iter().any(|used| name == used.as_str()) {
            // Best effort: what stays is over the size until the next store.
            let _ = fs::remove_file(path.with_extension("cwasm"));
            let _ = fs::remove_file(&path);
            total = total.saturating_sub(sidecar.size);
        }
    }
}
