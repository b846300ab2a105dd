//! Making, renaming, linking and removing single names.

use std::sync::Arc;

use rustix::io::Errno;

use super::resolve::{Place, RETRIES, resolve};
use super::sys::{self, Pin};
use super::{Direct, agreed, failed};
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
        sys::mkdir(&place.parent, name, self.directory_mode).map_err(failed)?;
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
            match sys::mkdir(&parent, name, self.directory_mode) {
                Ok(()) => room.keep(),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error)),
            }
            let last = names.peek().is_none();
            match sys::open_directory(&parent, name.as_str()) {
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
        let unlink = || sys::unlink(&place.parent, name);
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
            self.spares_withheld(&source.relative, from.stop)?;
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
        let rename = || sys::rename(&source.parent, old, &target.parent, new);
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
            let pinned = sys::pin(&source.parent, source.name(Fault::IsDirectory)?);
            let pinned = match pinned {
                Ok(pinned) => pinned,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(failed(error)),
            };
            if pinned.meta().id() != node.id() {
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

fn link(pinned: &Pin, source: &Place, target: &Place) -> Result<(), Fault> {
    let new = target.name(Fault::AlreadyExists)?;
    match sys::link_object(pinned, &target.parent, new) {
        Err(Errno::NOENT) => {}
        other => return other.map_err(|error| errno::fault(error, Doing::Link)),
    }
    // Only names can be linked: link the name, and take it back if it had changed.
    let old = source.name(Fault::IsDirectory)?;
    sys::link(&source.parent, old, &target.parent, new).map_err(|error| errno::fault(error, Doing::Link))?;
    if sys::stat_at(&target.parent, new).is_ok_and(|linked| linked.id() == pinned.meta().id()) {
        return Ok(());
    }
    let _ = sys::unlink(&target.parent, new);
    Err(Fault::Unknown(Text::RetryLimit))
}
