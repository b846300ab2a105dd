//! Looking, reading and writing.

use super::find::{Layer, Node, Spot, join};
use super::held::Held;
use super::{View, exact};
use crate::direct::{Manner, sys};
use crate::fault::{Fault, Text};
use crate::volume::{At, Content, File, FileKind, FileStat, OpenMode, Volume, Written};

/// How often a name may change under one operation before it gives up; as in the layers.
pub(super) const RETRIES: usize = 8;

impl View<'_> {
    pub(super) fn probe(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault> {
        let cuts = self.cuts.read();
        let spot = self.find_in(&cuts, at, follow)?;
        let node = spot.existing()?;
        if node.kind() != FileKind::Symlink {
            return Ok(node.meta.public());
        }
        // The length of what reading it gives is the layer's to know.
        self.layer(node.layer).stat(exact(&self.path(&spot.relative), at.stop), false)
    }

    pub(super) fn target(&self, at: At<'_>) -> Result<String, Fault> {
        let cuts = self.cuts.read();
        let spot = self.find_in(&cuts, at, false)?;
        let node = spot.existing()?;
        self.layer(node.layer).read_link(exact(&self.path(&spot.relative), at.stop))
    }

    pub(super) fn names(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault> {
        let cuts = self.cuts.read();
        let spot = self.find_in(&cuts, at, true)?;
        let node = spot.existing()?;
        if node.kind() != FileKind::Directory {
            return Err(Fault::NotDirectory);
        }
        let path = self.path(&spot.relative);
        let mut names = Vec::new();
        if node.layer == Layer::Upper {
            names = self.upper.list(exact(&path, at.stop), usize::MAX)?;
        }
        if node.below {
            let lower = match self.lower.list(exact(&path, at.stop), usize::MAX) {
                // The upper directory hides something else.
                Err(Fault::NotDirectory | Fault::NotFound) if node.layer == Layer::Upper => Vec::new(),
                listed => listed?,
            };
            names.extend(lower.into_iter().filter(|name| !cuts.holds(&join(&spot.relative, name))));
            names.sort_unstable();
            names.dedup();
        }
        if names.len() > limit { Err(Fault::TooLarge) } else { Ok(names) }
    }

    pub(super) fn open_file(&self, at: At<'_>, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        let creates = matches!(mode, OpenMode::Write | OpenMode::Append);
        for _ in 0..RETRIES {
            let spot = self.find(at, true)?;
            match spot.kind() {
                None if !creates => return Err(Fault::NotFound),
                None if spot.wants_directory => return Err(Fault::IsDirectory),
                None | Some(FileKind::Regular) => {}
                Some(FileKind::Directory) => return Err(Fault::IsDirectory),
                Some(_) => return Err(Fault::Access),
            }
            let path = self.path(&spot.relative);
            let opened = match (spot.node, mode) {
                (Some(node), OpenMode::Read) => self.layer(node.layer).open(exact(&path, at.stop), mode),
                _ => {
                    at.consent.proceed()?;
                    self.open_to_write(at, &spot, mode)
                }
            };
            match opened {
                // Renamed or removed since it was found; where it is now, the next round sees.
                Err(Fault::NotFound) => {}
                Ok(file) if mode != OpenMode::Read => return Ok(Box::new(Held::new(file, self.writers))),
                other => return other,
            }
        }
        // It changes as fast as it can be looked at, or its parent is gone for good.
        Err(self.find(at, true).err().unwrap_or(Fault::Unknown(Text::RetryLimit)))
    }

    fn open_to_write(&self, at: At<'_>, spot: &Spot, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        let path = self.path(&spot.relative);
        match &spot.node {
            Some(node) if node.layer == Layer::Lower => {
                writable(node)?;
                // What is emptied at once need not be copied.
                self.raise_file(&spot.relative, mode == OpenMode::Write, at.stop)?;
            }
            Some(_) => {}
            None => self.raise_parent(spot, at.stop)?,
        }
        self.upper.open(exact(&path, at.stop), mode)
    }

    pub(super) fn replace_file(&self, at: At<'_>, content: Content<'_>) -> Result<Written, Fault> {
        for _ in 0..RETRIES {
            let spot = self.find(at, true)?;
            match spot.kind() {
                Some(FileKind::Directory) => return Err(Fault::IsDirectory),
                Some(FileKind::Regular) => {}
                Some(_) => return Err(Fault::Access),
                None if spot.wants_directory => return Err(Fault::IsDirectory),
                None => {}
            }
            if let (Some(old), Content::File(source)) = (&spot.node, content)
                && source.id()? == old.meta.id()
            {
                return Ok(Written { bytes: 0, digest: None });
            }
            at.consent.proceed()?;
            let below = spot.node.filter(|node| node.layer == Layer::Lower);
            if let Some(node) = &below {
                writable(node)?;
            }
            match self.raise_parent(&spot, at.stop) {
                Err(Fault::NotFound) => continue,
                raised => raised?,
            }
            let manner = Manner { like: below.as_ref().map(|node| &node.meta), ..Manner::default() };
            let path = self.path(&spot.relative);
            match self.upper.replace_file(exact(&path, at.stop), content, manner) {
                Err(Fault::NotFound) => {}
                done => return done,
            }
        }
        Err(self.find(at, true).err().unwrap_or(Fault::Unknown(Text::RetryLimit)))
    }
}

/// Copied up, the file would be this process's own; whether it may be written is for the original to say.
fn writable(node: &Node) -> Result<(), Fault> {
    if node.meta.permissions() & 0o222 == 0 && !sys::is_privileged() { Err(Fault::Access) } else { Ok(()) }
}
