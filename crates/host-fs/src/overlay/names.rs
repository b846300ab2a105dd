//! Making, renaming, linking and removing names.

use super::find::{Layer, Spot};
use super::{View, exact};
use crate::fault::Fault;
use crate::volume::{At, FileKind, Volume};

impl View<'_> {
    pub(super) fn make_one(&self, at: At<'_>) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        let spot = self.find(at, false)?;
        if spot.node.is_some() {
            return Err(Fault::AlreadyExists);
        }
        at.consent.proceed()?;
        self.raise_dirs(spot.parent(), at.stop)?;
        self.upper.make_dir(exact(&self.path(&spot.relative), at.stop))
    }

    pub(super) fn make_missing(&self, at: At<'_>) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        let spot = self.find_tail(at)?;
        match spot.kind() {
            Some(FileKind::Directory) => return Ok(()),
            Some(_) => return Err(Fault::AlreadyExists),
            None if spot.dangling => {
                return Err(if spot.rest.is_empty() { Fault::AlreadyExists } else { Fault::NotFound });
            }
            None if spot.rest.iter().any(|part| part == "..") => return Err(Fault::NotFound),
            None => at.consent.proceed()?,
        }
        let mut there = spot.relative.as_str();
        for _ in 0..=spot.rest.len() {
            there = super::find::parent(there);
        }
        self.raise_dirs(there, at.stop)?;
        self.upper.make_dirs(exact(&self.path(&spot.relative), at.stop))
    }

    pub(super) fn remove_name(&self, at: At<'_>) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        let spot = self.find(at, false)?;
        let node = spot.existing()?;
        if node.kind() == FileKind::Directory {
            return Err(Fault::IsDirectory);
        }
        at.consent.proceed()?;
        if node.below {
            self.cuts.write().add(&spot.relative)?;
        }
        match node.layer {
            Layer::Upper => self.upper.unlink(exact(&self.path(&spot.relative), at.stop)),
            Layer::Lower => Ok(()),
        }
    }

    pub(super) fn remove_tree(&self, at: At<'_>) -> Result<u64, Fault> {
        // A slash at the end must not make this follow a link: the link itself is no directory.
        let path = at.path.clone().naming();
        let at = At { path: &path, ..at };
        let turn = self.turn.lock();
        let spot = self.find(at, false)?;
        let node = spot.existing()?;
        spot.not_root(Fault::Access)?;
        if node.kind() != FileKind::Directory {
            return Err(Fault::NotDirectory);
        }
        self.lower.spares_withheld(&spot.relative, at.stop)?;
        at.consent.proceed()?;
        let alone = self.tally(&spot.relative, &node, at.stop)?;
        if node.below {
            self.cuts.write().add(&spot.relative)?;
        }
        // The rest concerns the upper tree alone, which knows how to be shared.
        drop(turn);
        match node.layer {
            Layer::Upper => Ok(alone + self.upper.remove_all(exact(&self.path(&spot.relative), at.stop))?),
            Layer::Lower => Ok(alone),
        }
    }

    pub(super) fn rename_name(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        let source = self.find(from, false)?;
        let target = self.find(to, false)?;
        source.not_root(Fault::Access)?;
        target.not_root(Fault::Access)?;
        let node = source.existing()?;
        let directory = node.kind() == FileKind::Directory;
        if target.wants_directory && !directory {
            return Err(Fault::NotDirectory);
        }
        if source.relative == target.relative {
            return Ok(());
        }
        if directory && is_below(&target.relative, &source.relative) {
            return Err(Fault::InvalidPath);
        }
        if let Some(replaced) = &target.node {
            if replaced.meta.id() == node.meta.id() && replaced.layer == node.layer {
                return Ok(());
            }
            match (directory, replaced.kind() == FileKind::Directory) {
                (true, false) => return Err(Fault::NotDirectory),
                (false, true) if is_below(&source.relative, &target.relative) => {
                    return Err(Fault::NotEmpty);
                }
                (false, true) => return Err(Fault::IsDirectory),
                (true, true) if !self.is_empty(&target, to)? => return Err(Fault::NotEmpty),
                _ => {}
            }
        }
        if directory {
            self.lower.spares_withheld(&source.relative, from.stop)?;
        }
        from.consent.proceed()?;
        if directory {
            self.raise_tree(&source.relative, from.stop)?;
        } else {
            self.raise(&source.relative, false, from.stop)?;
        }
        let replaces_directory = target.kind() == Some(FileKind::Directory);
        if replaces_directory {
            self.raise_dirs(&target.relative, to.stop)?;
        } else {
            self.raise_dirs(target.parent(), to.stop)?;
        }
        if node.below {
            // A cut that outlives a power failure must not hide the only copy that did.
            self.upper.sync_tree(&source.relative)?;
        }
        // What is cut is hidden by the upper tree until the rename, and not seen afterwards.
        let mut cuts = self.cuts.write();
        if node.below {
            cuts.add(&source.relative)?;
        }
        if replaces_directory && target.node.is_some_and(|target| target.below) {
            cuts.add(&target.relative)?;
        }
        let (old, new) = (self.path(&source.relative), self.path(&target.relative));
        self.upper.rename(exact(&old, from.stop), exact(&new, to.stop))
    }

    pub(super) fn link_name(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        let source = self.find(from, true)?;
        match source.existing()?.kind() {
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
        self.raise(&source.relative, false, from.stop)?;
        self.raise_dirs(target.parent(), to.stop)?;
        let (old, new) = (self.path(&source.relative), self.path(&target.relative));
        self.upper.link(exact(&old, from.stop), exact(&new, to.stop))
    }

    /// Whether a directory holds nothing that is seen, by whatever name.
    fn is_empty(&self, spot: &Spot, at: At<'_>) -> Result<bool, Fault> {
        let node = spot.existing()?;
        // The directory itself is one.
        let upper = node.layer == Layer::Upper;
        if upper && !self.upper.children(&spot.relative)?.is_empty() {
            return Ok(false);
        }
        Ok(self.tally(&spot.relative, &node, at.stop)? == u64::from(!upper))
    }
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}
