//! Copying a capsule's directory.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::archive::{MAX_ENTRIES, MAX_UNPACKED};
use crate::meta::META_FILE;
use crate::{Code, InstallError, disk};

/// How deep directories of a capsule may lie in each other.
const MAX_DEPTH: usize = 64;

/// Copies `from` to `to`, which must not exist, without what an installation leaves out: `*.wasm` anywhere (components
/// are in the store), `wit`, `meta.json` and `target` at the root, `.git` and `node_modules` anywhere. A symbolic link,
/// device, pipe or socket in what is left is refused: a link would lead out of the capsule's directory sooner or
/// later, and leaving it out would take a file from a capsule that needs it. All of it is on the disk afterwards.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), InstallError> {
    let mut copying = Copying { bytes: 0, entries: 0 };
    copying.directory(from, to, 0)?;
    to.parent().map_or(Ok(()), disk::sync_dir)
}

struct Copying {
    bytes: u64,
    entries: usize,
}

impl Copying {
    fn directory(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), InstallError> {
        if depth > MAX_DEPTH {
            return Err(InstallError::at(Code::BadEntry, from, "lies too deep")
                .allowed(format_args!("at most {MAX_DEPTH} directories in each other")));
        }
        DirBuilder::new().mode(0o700).create(to).map_err(InstallError::io(to, "cannot be made"))?;
        let entries = std::fs::read_dir(from).map_err(InstallError::io(from, "cannot be listed"))?;
        for entry in entries {
            let entry = entry.map_err(InstallError::io(from, "cannot be listed"))?;
            let name = entry.file_name();
            if left_out(&name.to_string_lossy(), depth) {
                continue;
            }
            let (from, to) = (entry.path(), to.join(&name));
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                let problem = format!("is file {}, more than {MAX_ENTRIES}, the limit", self.entries);
                return Err(InstallError::at(Code::ArchiveTooLarge, &from, problem));
            }
            let kind = entry.file_type().map_err(InstallError::io(&from, "cannot be read"))?;
            if kind.is_dir() {
                self.directory(&from, &to, depth + 1)?;
            } else if kind.is_file() {
                self.file(&from, &to)?;
            } else {
                let what = if kind.is_symlink() { "a symbolic link" } else { "a device, pipe or socket" };
                return Err(InstallError::at(Code::BadEntry, &from, format_args!("is {what}"))
                    .allowed("files and directories"));
            }
        }
        disk::sync_dir(to)
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<(), InstallError> {
        let unreadable = |error: io::Error| InstallError::at(Code::BadEntry, from, disk::unreadable(&error));
        let source: File = disk::open_regular(from, OFlags::NOFOLLOW).map_err(unreadable)?;
        let runs = source.metadata().map_err(unreadable)?.permissions().mode() & 0o111 != 0;
        let mode = if runs { 0o755 } else { 0o644 };
        let target = OpenOptions::new().write(true).create_new(true).mode(mode).open(to);
        let mut target = target.map_err(InstallError::io(to, "cannot be made"))?;
        let left = MAX_UNPACKED.saturating_sub(self.bytes);
        let copied = io::copy(&mut source.take(left.saturating_add(1)), &mut target)
            .map_err(InstallError::io(to, "cannot be written"))?;
        if copied > left {
            let problem = format!("makes the capsule larger than {MAX_UNPACKED} bytes, the limit");
            return Err(InstallError::at(Code::ArchiveTooLarge, from, problem));
        }
        self.bytes = self.bytes.saturating_add(copied);
        target.sync_all().map_err(InstallError::io(to, "cannot be written"))
    }
}

fn left_out(name: &str, depth: usize) -> bool {
    let at_root = depth == 0 && ["wit", META_FILE, "target"].contains(&name);
    at_root || [".git", "node_modules"].contains(&name) || name.ends_with(".wasm")
}
