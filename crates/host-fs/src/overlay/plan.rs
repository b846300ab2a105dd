//! The steps of a commit. They follow from the changes alone, so that a process that goes on with a commit
//! finds the same steps as the one that began it; and each may be done twice.

use std::collections::HashMap;

use super::find::{join, parent};
use super::{View, exact};
use crate::direct::Manner;
use crate::fault::Fault;
use crate::volume::{Content, FileId, FileKind, OpenMode, Stop, Volume};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Takes away what is there, with all below it.
    Remove(String),
    /// Makes a directory, or keeps the one that is there.
    Directory(String),
    /// Puts a file in place as one step.
    File(String),
    /// Puts a symbolic link in place as one step.
    Link(String),
    /// Gives the file at the second path the first as another name.
    Name(String, String),
}

impl Step {
    /// What it is about.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Remove(path) | Self::Directory(path) | Self::File(path) | Self::Link(path) => path,
            Self::Name(path, _) => path,
        }
    }

    /// The directories of the lower tree it changes.
    pub(super) fn touches(&self) -> impl Iterator<Item = &str> {
        let own = match self {
            Self::Directory(path) => Some(path.as_str()),
            _ => None,
        };
        own.into_iter().chain([parent(self.path())])
    }
}

impl View<'_> {
    /// Removals first, then parents before what they hold.
    pub(super) fn plan(&self) -> Result<Vec<Step>, Fault> {
        let mut steps = Vec::new();
        for cut in self.cuts.read().iter() {
            // A file that takes the place does so in its own step, without a moment in which there is none.
            let upper = self.upper.peek(&self.path(cut))?;
            if upper.is_none_or(|upper| upper.kind() == FileKind::Directory) {
                steps.push(Step::Remove(cut.to_owned()));
            }
        }
        let mut names: HashMap<FileId, String> = HashMap::new();
        let mut waiting = vec![String::new()];
        while let Some(directory) = waiting.pop() {
            for (name, _) in self.upper.children(&directory)? {
                let Ok(name) = name.to_str() else { continue };
                let child = join(&directory, name);
                let Some(meta) = self.upper.peek(&self.path(&child))? else { continue };
                match meta.kind() {
                    FileKind::Directory => {
                        steps.push(Step::Directory(child.clone()));
                        waiting.push(child);
                    }
                    FileKind::Symlink => steps.push(Step::Link(child)),
                    _ => match names.get(&meta.id()) {
                        Some(first) => steps.push(Step::Name(child, first.clone())),
                        None => {
                            if meta.links() > 1 {
                                names.insert(meta.id(), child.clone());
                            }
                            steps.push(Step::File(child));
                        }
                    },
                }
            }
        }
        Ok(steps)
    }

    /// Does one step in the lower tree.
    pub(super) fn apply(&self, step: &Step, stop: &Stop) -> Result<(), Fault> {
        let path = self.path(step.path());
        let at = exact(&path, stop);
        let there = self.lower.peek(&path)?;
        let kind = there.map(|there| there.kind());
        match step {
            Step::Remove(_) => self.clear(step.path(), kind, stop),
            Step::Directory(_) => {
                if kind == Some(FileKind::Directory) {
                    return Ok(());
                }
                self.clear(step.path(), kind, stop)?;
                self.lower.make_dir(at)?;
                let mode = self.upper.peek(&path)?.ok_or(Fault::NotFound)?.permissions();
                self.lower.set_mode(&path, mode)
            }
            Step::File(_) => {
                if kind != Some(FileKind::Regular) {
                    self.clear(step.path(), kind, stop)?;
                }
                let source = self.upper.open(at, OpenMode::Read)?;
                let manner = Manner { keep_time: true, durable: true, in_place: false, ..Manner::default() };
                self.lower.replace_file(at, Content::File(&*source), manner).map(drop)
            }
            Step::Link(_) => {
                if kind == Some(FileKind::Directory) {
                    self.clear(step.path(), kind, stop)?;
                }
                self.lower.put_link(&path, &self.upper.link_text(&path)?)
            }
            Step::Name(_, first) => {
                let first = self.path(first);
                let known = self.lower.peek(&first)?.ok_or(Fault::NotFound)?;
                if there.is_some_and(|there| there.id() == known.id()) {
                    return Ok(());
                }
                self.clear(step.path(), kind, stop)?;
                self.lower.link(exact(&first, stop), at)
            }
        }
    }

    fn clear(&self, relative: &str, kind: Option<FileKind>, stop: &Stop) -> Result<(), Fault> {
        let path = self.path(relative);
        let cleared = match kind {
            None => Ok(()),
            Some(FileKind::Directory) => self.lower.remove_all(exact(&path, stop)).map(drop),
            Some(_) => self.lower.unlink(exact(&path, stop)),
        };
        match cleared {
            Err(Fault::NotFound) => Ok(()),
            other => other,
        }
    }
}
