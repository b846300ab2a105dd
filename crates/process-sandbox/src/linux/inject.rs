//! Files that a command is shown and cannot change.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use astrid_host_process::{Injection, LaunchError, Placement};

use super::ground::Ground;
use super::scratch::Private;

/// For everybody to read and nobody to write.
const READ_ONLY: u32 = 0o444;
/// In the sandbox, where no command may write.
const CHOSEN: &str = "/run/astrid/injected";
/// Kernel interfaces, which are not files to be replaced.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Discarded directories of a sandbox. A parent of a file in them could be renamed by the command.
pub(super) const DISCARDED: [&str; 2] = ["/tmp", super::bubblewrap::HOME];

/// One file in its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) path: PathBuf,
    pub(super) hash: [u8; 32],
    /// The variable that says so.
    pub(super) variable: Option<String>,
    /// What a mount namespace takes it from.
    pub(super) content: Option<OwnedFd>,
}

/// Puts them into a directory of the host, for a command that sees the host's files.
pub(super) fn on_disk(injections: Vec<Injection>, private: &Private) -> Result<Vec<Placed>, LaunchError> {
    let place = |(number, injection): (usize, Injection)| {
        let Placement::EnvPointer(variable) = injection.placement else { return Err(LaunchError::Injection) };
        let path = private.injected().join(number.to_string());
        write(&path, &injection.content).map_err(failed)?;
        // The shim reads it once more and compares.
        Ok(Placed { path, hash: injection.hash, variable: Some(variable), content: None })
    };
    injections.into_iter().enumerate().map(place).collect()
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(READ_ONLY).open(path)?;
    file.write_all(content)
}

/// Has them mounted where only the command sees them.
pub(super) fn mounted(
    injections: Vec<Injection>,
    ground: &Ground,
    readable: &[PathBuf],
) -> Result<Vec<Placed>, LaunchError> {
    let place = |(number, injection): (usize, Injection)| {
        let (path, variable) = match injection.placement {
            Placement::EnvPointer(variable) => (Path::new(CHOSEN).join(number.to_string()), Some(variable)),
            Placement::FixedPath(path) => (fixed(&path, ground, readable)?, None),
        };
        let content = crate::wire::sealed(&injection.content).map_err(failed)?;
        Ok(Placed { path, hash: injection.hash, variable, content: Some(content) })
    };
    injections.into_iter().enumerate().map(place).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> LaunchError {
    LaunchError::Failed(format!("a file cannot be injected: {error}"))
}

/// Where a file is mounted that is to be seen at `path`.
fn fixed(path: &Path, ground: &Ground, readable: &[PathBuf]) -> Result<PathBuf, LaunchError> {
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || KERNEL.iter().any(|kernel| path.starts_with(kernel)) {
        return Err(LaunchError::Injection);
    }
    let real = path.canonicalize().ok();
    for spelling in [Some(path), real.as_deref()].into_iter().flatten() {
        if ground.is_masked(spelling) {
            return Err(LaunchError::Masked);
        }
    }
    let file = real.filter(|real| real.is_file());
    let granted = |path: &Path| ground.pinned().any(|root| path.starts_with(&root.path));
    if granted(path) || file.as_deref().is_some_and(granted) {
        return file.filter(|file| file.starts_with(&ground.workspace.path)).ok_or(LaunchError::Injection);
    }
    if DISCARDED.iter().any(|private| path.starts_with(private)) {
        let direct = DISCARDED.iter().any(|private| path.parent() == Some(Path::new(private)));
        return if direct { Ok(path.to_owned()) } else { Err(LaunchError::Injection) };
    }
    // Nothing can be made in what is bound from the host: only something that is there can be covered.
    if readable.iter().any(|bound| path.starts_with(bound) && path != bound) {
        return file.ok_or(LaunchError::Injection);
    }
    Ok(path.to_owned())
}
