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
