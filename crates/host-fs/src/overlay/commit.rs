//! Deciding: the changes go to the lower tree, or nowhere.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use astrid_host_context::Cancellation;

use super::plan::Step;
use super::{Layers, Overlay, View};
use crate::fault::Fault;
use crate::volume::{File, Stop};

/// Steps between two waits for the device: few enough to do again, and many that share a directory.
const BATCH: usize = 64;

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
    /// finishes, and so it does after a power failure. Waits for calls that are under way. Blocks.
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
            // From the journal on the changes must be there to finish with, whatever happens.
            layers.upper.sync_tree("").map_err(at)?;
            layers.cuts.read().sync().and_then(|()| self.store.sync()).map_err(at)?;
            let journal = self.store.begin().map_err(at)?;
            if let Err(error) = self.run(layers, &steps, &*journal) {
                self.store.give_up();
                return Err(error);
            }
        }
        *layers = self.store.discard()?;
        Ok(())
    }

    /// The steps that the journal does not have yet. It has them once they are on the device.
    fn run(&self, layers: &Layers, steps: &[Step], journal: &dyn File) -> Result<(), OverlayError> {
        let view = self.view(layers);
        let failed = |step: &Step, fault| OverlayError::At { path: step.path().to_owned(), fault };
        let stop = never();
        let size = journal.stat().map_err(|fault| OverlayError::At { path: String::new(), fault })?.size;
        let done = usize::try_from(size).unwrap_or(usize::MAX);
        for batch in steps.get(done..).unwrap_or_default().chunks(BATCH) {
            let mut touched = BTreeSet::new();
            for step in batch {
                view.apply(step, &stop).map_err(|fault| failed(step, fault))?;
                touched.extend(step.touches());
            }
            let settled = touched.into_iter().try_for_each(|directory| view.settle(directory));
            let settled = settled.and_then(|()| journal.append(&vec![b'.'; batch.len()], u64::MAX));
            if let (Err(fault), Some(step)) = (settled, batch.last()) {
                return Err(failed(step, fault));
            }
        }
        Ok(())
    }
}

impl View<'_> {
    /// Waits until what a directory of the lower tree holds is on the device, unless it is gone again.
    fn settle(&self, directory: &str) -> Result<(), Fault> {
        match self.lower.sync_directory(directory) {
            Err(Fault::NotFound | Fault::NotDirectory) => Ok(()),
            synced => synced,
        }
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

    #[test]
    fn what_was_closed_is_free_at_once_whatever_the_process_starts_meanwhile() {
        let directory = planted();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    std::process::Command::new("true").status().unwrap();
                }
            });
            let opened = (0..300).map(|_| {
                let lower = Arc::new(Direct::builder().open(&directory.path().join("lower")).unwrap());
                Overlay::open(lower, Scheme::Workspace, &directory.path().join("changes")).map(drop)
            });
            let failed: Vec<_> = opened.filter_map(Result::err).collect();
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(failed.is_empty(), "{failed:?}");
        });
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
        // The journal has a step once it is on the device, and so may be behind by many.
        let journals = |ended: usize| [(ended, ended), (ended, ended.saturating_sub(1)), (ended, 0)];
        for (ended, told) in (0..=steps.len()).flat_map(journals) {
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
                    if n < told {
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
