//! Deciding: the changes go to the lower tree, or nowhere.

use std::sync::atomic::Ordering;

use astrid_host_context::Cancellation;

use super::plan::Step;
use super::{Layers, Overlay};
use crate::fault::Fault;
use crate::volume::{File, Stop};

/// Why changes cannot be opened or decided on. For the host's operators: not to be shown to guests.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// Another process, or another part of this one, has the changes open.
    #[error("the changes are in use by another process; allowed: one at a time")]
    InUse,
    /// What is still written would be lost.
    #[error("{0} changed files are open for writing; allowed: a commit once they are closed")]
    Busy(usize),
    /// A path could not be read or written.
    #[error("{path}: {fault}")]
    At {
        /// The components below the root, joined by `/`.
        path: String,
        /// What went wrong.
        fault: Fault,
    },
    /// The directory of the changes could not be opened.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Host work that nobody stops.
pub(super) fn never() -> Stop {
    Stop::new(Cancellation::new(), None)
}

impl Overlay {
    /// Applies the changes to the lower tree, each path as one step, and begins with none. A path that
    /// somebody else changed there meanwhile is overwritten. If the process is killed, the next open
    /// finishes. Waits for calls that are under way. Blocks.
    ///
    /// # Errors
    /// [`OverlayError::Busy`], and then nothing was done; or a path failed: the changes before it are
    /// applied, all are still kept here, and both a second commit and a rollback are possible.
    pub fn commit(&self) -> Result<(), OverlayError> {
        let mut layers = self.layers.write();
        match self.writers.load(Ordering::Acquire) {
            0 => self.finish(&mut layers),
            writers => Err(OverlayError::Busy(writers)),
        }
    }

    /// Drops the changes: the lower tree is seen as it is. What is still written to files that are open
    /// goes nowhere. Waits for calls that are under way. Blocks.
    ///
    /// # Errors
    /// The system's; then all changes are still there.
    pub fn rollback(&self) -> Result<(), OverlayError> {
        let mut layers = self.layers.write();
        *layers = self.store.discard()?;
        Ok(())
    }

    /// Finishes what a killed process began; if that cannot be, the changes stay undecided.
    pub(super) fn resume(&self) -> Result<(), OverlayError> {
        let at = |fault| OverlayError::At { path: String::new(), fault };
        if self.store.begun().map_err(at)?.is_none() {
            return Ok(());
        }
        let mut layers = self.layers.write();
        if let Err(error) = self.finish(&mut layers) {
            tracing::warn!(target: "astrid.host", %error, "a commit that was begun cannot be finished");
        }
        Ok(())
    }

    fn finish(&self, layers: &mut Layers) -> Result<(), OverlayError> {
        let at = |fault| OverlayError::At { path: String::new(), fault };
        let steps = self.view(layers).plan().map_err(at)?;
        if !steps.is_empty() {
            let journal = self.store.begin().map_err(at)?;
            if let Err(error) = self.run(layers, &steps, &*journal) {
                self.store.give_up();
                return Err(error);
            }
        }
        *layers = self.store.discard()?;
        Ok(())
    }

    /// The steps that the journal does not have yet.
    fn run(&self, layers: &Layers, steps: &[Step], journal: &dyn File) -> Result<(), OverlayError> {
        let view = self.view(layers);
        let failed = |step: &Step, fault| OverlayError::At { path: step.path().to_owned(), fault };
        let stop = never();
        let size = journal.stat().map_err(|fault| OverlayError::At { path: String::new(), fault })?.size;
        let done = usize::try_from(size).unwrap_or(usize::MAX);
        for step in steps.iter().skip(done) {
            view.apply(step, &stop).map_err(|fault| failed(step, fault))?;
            journal.append(b".", u64::MAX).map_err(|fault| failed(step, fault))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::exact;
    use super::*;
    use crate::volume::{Content, Volume};
    use crate::{Direct, Scheme, VfsPath};

    fn open(directory: &Path) -> Overlay {
        let lower = Arc::new(Direct::builder().open(&directory.join("lower")).unwrap());
        Overlay::open(lower, Scheme::Workspace, &directory.join("changes")).unwrap()
    }

    fn contents(root: &Path) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        for entry in std::fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                seen.insert(format!("{name}/"), String::new());
                let below = contents(&path).into_iter();
                seen.extend(below.map(|(path, content)| (format!("{name}/{path}"), content)));
            } else {
                seen.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
        seen
    }

    /// A file written over, one moved, a directory removed and one made anew, and a second name.
    fn change(overlay: &Overlay) {
        let stop = never();
        let path = |text: &str| VfsPath::parse(text).unwrap();
        let write = |text: &str| {
            overlay.replace(exact(&path(text), &stop), Content::Bytes(text.as_bytes())).unwrap();
        };
        write("a");
        overlay.rename(exact(&path("b"), &stop), exact(&path("d/b"), &stop)).unwrap();
        overlay.remove_all(exact(&path("gone"), &stop)).unwrap();
        overlay.remove_all(exact(&path("anew"), &stop)).unwrap();
        overlay.make_dir(exact(&path("anew"), &stop)).unwrap();
        write("anew/f");
        overlay.link(exact(&path("a"), &stop), exact(&path("anew/a"), &stop)).unwrap();
        overlay.unlink(exact(&path("file"), &stop)).unwrap();
        overlay.make_dirs(exact(&path("file/d"), &stop)).unwrap();
    }

    fn planted() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for dir in ["lower/d", "lower/gone/s", "lower/anew/old"] {
            std::fs::create_dir_all(directory.path().join(dir)).unwrap();
        }
        for file in ["a", "b", "kept", "file", "gone/s/f", "anew/f", "anew/old/f"] {
            std::fs::write(directory.path().join("lower").join(file), format!("old {file}")).unwrap();
        }
        directory
    }

    // fs case 51: the process ends after any step, with or without that step in the journal
    #[test]
    fn a_commit_ended_after_any_step_is_finished_by_the_next_opening() {
        let whole = planted();
        let overlay = open(whole.path());
        change(&overlay);
        let steps = overlay.view(&overlay.layers.read()).plan().unwrap();
        overlay.commit().unwrap();
        let expected = contents(&whole.path().join("lower"));
        assert_eq!(expected.get("anew/a").map(String::as_str), Some("a"));
        assert!(!expected.contains_key("gone/") && !expected.contains_key("anew/old/"));
        for (ended, told) in (0..=steps.len()).flat_map(|ended| [(ended, true), (ended, false)]) {
            let directory = planted();
            let overlay = open(directory.path());
            change(&overlay);
            {
                let layers = overlay.layers.read();
                let view = overlay.view(&layers);
                assert_eq!(view.plan().unwrap(), steps);
                let journal = overlay.store.begin().unwrap();
                for (n, step) in steps.iter().take(ended).enumerate() {
                    view.apply(step, &never()).unwrap();
                    if told || n + 1 < ended {
                        journal.append(b".", u64::MAX).unwrap();
                    }
                }
            }
            drop(overlay);
            let overlay = open(directory.path());
            assert_eq!(contents(&directory.path().join("lower")), expected, "{ended} {told}");
            assert!(overlay.changes().unwrap().is_empty(), "{ended} {told}");
        }
    }
}
