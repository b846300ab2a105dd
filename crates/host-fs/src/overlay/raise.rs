//! Copying up: the upper tree gets what the lower shows, so that nothing looks different.

use super::find::{Layer, Spot, join, parent};
use super::{View, exact};
use crate::direct::Manner;
use crate::fault::Fault;
use crate::path::parts;
use crate::volume::{At, Content, FileKind, OpenMode, Stop, Volume};

impl View<'_> {
    /// Makes sure of the directory that holds a name.
    pub(super) fn raise_parent(&self, spot: &Spot, stop: &Stop) -> Result<(), Fault> {
        if spot.parent_raised {
            return Ok(());
        }
        let _turn = self.turn.lock();
        self.raise_dirs(spot.parent(), stop)
    }

    /// As [`View::raise_dirs`] for a file that the lower tree shows; `empty` leaves its content behind.
    pub(super) fn raise_file(&self, relative: &str, empty: bool, stop: &Stop) -> Result<(), Fault> {
        let _turn = self.turn.lock();
        self.raise(relative, empty, stop)
    }

    /// Gives the upper tree a directory and those above it. The caller has the turn.
    pub(super) fn raise_dirs(&self, relative: &str, stop: &Stop) -> Result<(), Fault> {
        let mut above = String::new();
        let mut raised = true;
        for part in parts(relative) {
            above = join(&above, part);
            let path = self.path(&above);
            if raised && let Some(found) = self.upper.peek(&path)? {
                if found.kind() != FileKind::Directory {
                    return Err(Fault::NotDirectory);
                }
                continue;
            }
            raised = false;
            let at = At { path: &path, consent: &super::Exact, stop };
            let node = self.find(at, false)?.existing()?;
            if node.kind() != FileKind::Directory {
                return Err(Fault::NotDirectory);
            }
            self.upper.make_dir(at)?;
            self.upper.set_mode(&path, node.meta.permissions())?;
        }
        Ok(())
    }

    /// Gives the upper tree a file or link. The caller has the turn.
    pub(super) fn raise(&self, relative: &str, empty: bool, stop: &Stop) -> Result<(), Fault> {
        let path = self.path(relative);
        let at = exact(&path, stop);
        // Looked at again: another call may have raised, removed or moved it before this one had its turn.
        let node = self.find(at, false)?.existing()?;
        if node.layer == Layer::Upper {
            return Ok(());
        }
        self.raise_dirs(parent(relative), stop)?;
        let raised = match node.kind() {
            FileKind::Regular => {
                let source = self.lower.open(at, OpenMode::Read)?;
                let manner = Manner {
                    like: Some(&node.meta),
                    only_new: true,
                    keep_time: !empty,
                    // Its name hides the original, which a power failure must not leave it to do empty.
                    durable: !empty,
                    in_place: false,
                };
                let content = if empty { Content::Bytes(&[]) } else { Content::File(&*source) };
                self.upper.replace_file(at, content, manner).map(drop)
            }
            FileKind::Symlink => self.upper.put_link(&path, &self.lower.link_text(&path)?),
            // Another pipe or socket would not be the one that was there.
            _ => Err(Fault::Access),
        };
        match raised {
            // Somebody who replaces a file needs no turn, and was faster.
            Err(Fault::AlreadyExists) => Ok(()),
            other => other,
        }
    }

    /// Gives the upper tree a directory with all it holds. The caller has the turn.
    pub(super) fn raise_tree(&self, relative: &str, stop: &Stop) -> Result<(), Fault> {
        let mut waiting = vec![relative.to_owned()];
        while let Some(directory) = waiting.pop() {
            stop.check()?;
            let path = self.path(&directory);
            let node = self.find(exact(&path, stop), false)?.existing()?;
            self.raise_dirs(&directory, stop)?;
            if !node.below {
                continue;
            }
            let children = match self.lower.children(&directory) {
                Err(Fault::NotDirectory) if node.layer == Layer::Upper => continue,
                found => found?,
            };
            for (name, is_directory) in children {
                let name = name.to_str().map_err(|_| Fault::Access)?;
                let child = join(&directory, name);
                if self.cuts.read().holds(&child) {
                    continue;
                }
                if is_directory {
                    // Unless the upper tree has something else there.
                    match self.upper.peek(&self.path(&child))? {
                        Some(other) if other.kind() != FileKind::Directory => {}
                        _ => waiting.push(child),
                    }
                } else {
                    self.raise(&child, false, stop)?;
                }
            }
        }
        Ok(())
    }
}
