//! Questions that change nothing.

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::file::DirectFile;
use super::resolve::Place;
use super::sys::{self, Look};
use super::{Direct, failed};
use crate::VfsPath;
use crate::fault::Fault;
use crate::path::{MAX_PATH, is_visible, parts};
use crate::volume::{At, FileKind, FileStat};

/// Raw entries after which a listing gives up; the contract's figure, sixteen times what it may return.
const MAX_SCANNED: usize = 65_536;

/// Entries between two looks at the token; the contract's figure.
const STEP: usize = 256;

impl Direct {
    pub(super) fn cached_stat(&self, path: &VfsPath, follow: bool) -> Option<Result<FileStat, Fault>> {
        if !path.is_plain() || self.root.guard().reserves(path.relative()) {
            return None;
        }
        let follow = follow || path.wants_directory();
        let look = if follow { Look::Target } else { Look::Object };
        let object = match self.root.cached(path.relative(), look)? {
            Ok(object) => object,
            Err(error) => return Some(Err(failed(error))),
        };
        let meta = match sys::stat(&object) {
            Ok(meta) => meta,
            Err(error) => return Some(Err(failed(error))),
        };
        match meta.kind() {
            FileKind::Symlink => None, // its length takes a look at the target
            FileKind::Directory => Some(Ok(meta.public())),
            _ if path.wants_directory() => Some(Err(Fault::NotDirectory)),
            _ => Some(Ok(meta.public())),
        }
    }

    pub(super) fn cached_read(&self, path: &VfsPath, max: usize) -> Option<Result<Vec<u8>, Fault>> {
        if !path.is_plain() || path.wants_directory() || self.root.guard().reserves(path.relative()) {
            return None;
        }
        let fd = match self.root.cached(path.relative(), Look::Content)? {
            Ok(fd) => fd,
            Err(error) => return Some(Err(failed(error))),
        };
        let (file, meta) = match DirectFile::new(fd, true, None) {
            Ok(opened) => opened,
            Err(fault) => return Some(Err(fault)),
        };
        let size = usize::try_from(meta.size()).ok().filter(|size| *size <= max)?;
        // One byte more than it says shows whether it grew.
        let content = file.try_read(size + 1)?;
        (content.len() == size).then_some(Ok(content))
    }

    pub(super) fn probe(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault> {
        let place = self.find(at, follow)?;
        let mut stat = place.existing()?.public();
        if stat.kind == FileKind::Symlink {
            let scheme = at.path.scheme().prefix().len();
            stat.size = points_to(&place).map_or(0, |target| (scheme + target.len()) as u64);
        }
        Ok(stat)
    }

    pub(super) fn target(&self, at: At<'_>) -> Result<String, Fault> {
        let place = self.find(at, false)?;
        match place.existing()?.kind() {
            FileKind::Symlink => {
                let target = points_to(&place)?;
                let fits = at.path.scheme().prefix().len() + target.len() <= MAX_PATH;
                if fits && parts(&target).all(is_writable) { Ok(target) } else { Err(Fault::InvalidPath) }
            }
            _ => Err(Fault::InvalidPath),
        }
    }

    pub(super) fn names(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault> {
        let place = self.find(at, true)?;
        if place.existing()?.kind() != FileKind::Directory {
            return Err(Fault::NotDirectory);
        }
        let name = place.name.as_deref().unwrap_or(".");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = sys::openat(&place.parent, name, flags, 0).map_err(failed)?;
        let (mut names, mut scanned) = (Vec::new(), 0_usize);
        for entry in sys::list(&directory).map_err(failed)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::NOENT) => break, // removed while it was read
                Err(error) => return Err(failed(error)),
            };
            scanned += 1;
            if scanned > MAX_SCANNED {
                return Err(Fault::TooLarge);
            }
            if scanned.is_multiple_of(STEP) {
                at.stop.check()?;
            }
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." || !is_visible(name) {
                continue;
            }
            if names.len() == limit {
                return Err(Fault::TooLarge);
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Where a link leads, as components below the root: the `..` it begins with are folded into where it
/// lies, any other stays as it is.
fn points_to(place: &Place) -> Result<String, Fault> {
    let name = place.name(Fault::InvalidPath)?;
    let target = sys::readlink(&place.parent, name).map_err(failed)?;
    if target.starts_with('/') {
        return Err(Fault::Escape);
    }
    let mut result: Vec<&str> = parts(&place.relative).collect();
    result.pop();
    let (mut depth, mut leading) = (result.len(), true);
    for part in parts(&target) {
        if part == ".." {
            depth = depth.checked_sub(1).ok_or(Fault::Escape)?;
            if leading {
                result.pop();
                continue;
            }
        } else {
            depth += 1;
            leading = false;
        }
        result.push(part);
    }
    Ok(result.join("/"))
}

fn is_writable(name: &str) -> bool {
    name.len() <= crate::path::MAX_COMPONENT && is_visible(name)
}
