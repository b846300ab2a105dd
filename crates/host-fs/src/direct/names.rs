//! Making, renaming, linking and removing single names.

use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::resolve::{Place, RETRIES, resolve};
use super::{Direct, agreed, failed, sys};
use crate::errno::{self, Doing};
use crate::fault::{Fault, Text};
use crate::volume::{At, FileKind};

impl Direct {
    pub(super) fn make_one(&self, at: At<'_>) -> Result<(), Fault> {
        let place = self.find(at, false)?;
        if place.node.is_some() {
            return Err(Fault::AlreadyExists);
        }
        at.consent.proceed()?;
        let name = place.name(Fault::AlreadyExists)?;
        let room = self.room()?;
        let mode = Mode::from_raw_mode(self.directory_mode);
        retry_on_intr(|| rustix::fs::mkdirat(&place.parent, name, mode)).map_err(failed)?;
        room.keep();
        Ok(())
    }

    pub(super) fn make_missing(&self, at: At<'_>) -> Result<(), Fault> {
        let place = agreed(at, resolve(&self.root, at.path, true, true)?)?;
        match place.kind() {
            Some(FileKind::Directory) => return Ok(()),
            Some(_) => return Err(Fault::AlreadyExists),
            None if place.dangling => {
                return Err(if place.rest.is_empty() { Fault::AlreadyExists } else { Fault::NotFound });
            }
            None if place.rest.iter().any(|part| part == "..") => return Err(Fault::NotFound),
            None => at.consent.proceed()?,
        }
        let mut parent = place.parent.clone();
        let mut names = place.name.iter().chain(&place.rest).peekable();
        while let Some(name) = names.next() {
            let room = self.room()?;
            let mode = Mode::from_raw_mode(self.directory_mode);
            match retry_on_intr(|| rustix::fs::mkdirat(&parent, name, mode)) {
                Ok(()) => room.keep(),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error)),
            }
            let last = names.peek().is_none();
            match sys::openat(&parent, name, sys::PIN | OFlags::DIRECTORY, 0) {
                Ok(next) => parent = Arc::new(next),
                // Somebody else was faster, with something that is no directory.
                Err(Errno::NOTDIR | Errno::LOOP) if last => return Err(Fault::AlreadyExists),
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    pub(super) fn remove_name(&self, at: At<'_>) -> Result<(), Fault> {
        let place = self.find(at, false)?;
        if place.existing()?.kind() == FileKind::Directory {
            return Err(Fault::IsDirectory);
        }
        at.consent.proceed()?;
        let name = place.name(Fault::IsDirectory)?;
        let unlink = || retry_on_intr(|| rustix::fs::unlinkat(&place.parent, name, AtFlags::empty()));
        match self.unname(&place.parent, name, unlink) {
            Ok(()) => {
                self.gone(1);
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn rename_name(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        let source = self.find(from, false)?;
        let target = self.find(to, false)?;
        let (old, new) = (source.name(Fault::Access)?, target.name(Fault::Access)?);
        let node = source.existing()?;
        let directory = node.kind() == FileKind::Directory;
        if target.wants_directory && !directory {
            return Err(Fault::NotDirectory);
        }
        if directory {
            self.root.guard().spares(&self.root, &source)?;
        }
        if let Some(replaced) = &target.node {
            if replaced.id() == node.id() {
                return Ok(());
            }
            if replaced.kind() == FileKind::Directory {
                self.root.guard().spares(&self.root, &target)?;
            }
        }
        from.consent.proceed()?;
        let rename = || retry_on_intr(|| rustix::fs::renameat(&source.parent, old, &target.parent, new));
        self.unname(&target.parent, new, rename).map_err(|error| errno::fault(error, Doing::Rename))?;
        if target.node.is_some() {
            self.gone(1);
        }
        Ok(())
    }

    pub(super) fn link_name(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        for _ in 0..RETRIES {
            let source = self.find(from, true)?;
            let node = source.existing()?;
            match node.kind() {
                FileKind::Regular => {}
                FileKind::Directory => return Err(Fault::IsDirectory),
                _ => return Err(Fault::Access),
            }
            let target = self.find(to, false)?;
            if target.node.is_some() {
                return Err(Fault::AlreadyExists);
            }
            if target.wants_directory {
                return Err(Fault::NotDirectory);
            }
            to.consent.proceed()?;
            // Pinned first and looked at again, so that what is linked is what was agreed to.
            let pinned = sys::openat(&source.parent, source.name(Fault::IsDirectory)?, sys::PIN, 0);
            let pinned = match pinned {
                Ok(pinned) => pinned,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(failed(error)),
            };
            if sys::stat(&pinned).map_err(failed)?.id() != node.id() {
                continue;
            }
            let room = self.room()?;
            link(&pinned, &source, &target)?;
            room.keep();
            return Ok(());
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }
}

fn link(pinned: &std::os::fd::OwnedFd, source: &Place, target: &Place) -> Result<(), Fault> {
    use std::os::fd::AsRawFd;

    let new = target.name(Fault::AlreadyExists)?;
    let failed = |error| errno::fault(error, Doing::Link);
    match rustix::fs::linkat(pinned, "", &target.parent, new, AtFlags::EMPTY_PATH) {
        // Older kernels want a privilege for that; the descriptor's own link in /proc does without.
        Err(Errno::NOENT | Errno::PERM | Errno::ACCESS) => {}
        other => return other.map_err(failed),
    }
    let own = format!("/proc/self/fd/{}", pinned.as_raw_fd());
    match rustix::fs::linkat(rustix::fs::CWD, own, &target.parent, new, AtFlags::SYMLINK_FOLLOW) {
        Err(Errno::NOENT) => {}
        other => return other.map_err(failed),
    }
    // No /proc: link the name, and take it back if it had changed.
    let old = source.name(Fault::IsDirectory)?;
    rustix::fs::linkat(&source.parent, old, &target.parent, new, AtFlags::empty()).map_err(failed)?;
    let same = sys::stat_at(&target.parent, new).and_then(|new| Ok(new.id() == sys::stat(pinned)?.id()));
    if matches!(same, Ok(true)) {
        return Ok(());
    }
    let _ = rustix::fs::unlinkat(&target.parent, new, AtFlags::empty());
    Err(Fault::Unknown(Text::RetryLimit))
}
