//! One overlay for each principal, over one directory.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;

use super::{Overlay, OverlayError};
use crate::{Direct, Scheme};

type Locate = dyn Fn(&Principal) -> Option<PathBuf> + Send + Sync;

/// Workspaces that every principal changes for itself: none sees what another has not committed.
pub struct Overlays {
    lower: Arc<Direct>,
    locate: Box<Locate>,
    open: Mutex<HashMap<Principal, Kept>>,
    /// Held while one is opened, which may take long; the map's own lock never is.
    opening: Mutex<()>,
}

/// An overlay that was opened. Whoever still works on one that was given up keeps it, and its lock.
struct Kept {
    weak: Weak<Overlay>,
    strong: Option<Arc<Overlay>>,
}

impl Overlays {
    /// Overlays over one workspace. `locate` says where a principal's changes are kept, the same for the
    /// same workspace each time; none for principals that have no workspace at all.
    #[must_use]
    pub fn new(
        lower: Arc<Direct>,
        locate: impl Fn(&Principal) -> Option<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        Self { lower, locate: Box::new(locate), open: Mutex::default(), opening: Mutex::default() }
    }

    /// The overlay of a principal, opened when first asked for; none where it has no place. Blocks.
    ///
    /// # Errors
    /// As [`Overlay::open`].
    pub fn of(&self, principal: &Principal) -> Result<Option<Arc<Overlay>>, OverlayError> {
        // Two first calls share one overlay and its locks.
        let _alone = self.opening.lock();
        if let Some(overlay) = self.ready(principal) {
            return Ok(Some(overlay));
        }
        let Some(directory) = (self.locate)(principal) else { return Ok(None) };
        let given_up = self.open.lock().get(principal).and_then(|kept| kept.weak.upgrade());
        let overlay = match given_up {
            Some(overlay) => overlay,
            None => Arc::new(Overlay::open(self.lower.clone(), Scheme::Workspace, &directory)?),
        };
        let kept = Kept { weak: Arc::downgrade(&overlay), strong: Some(overlay.clone()) };
        self.open.lock().insert(principal.clone(), kept);
        Ok(Some(overlay))
    }

    /// Gives up what is open for a principal, for example because it was removed. Its changes stay where
    /// they are, undecided; files that are open stay open.
    pub fn forget(&self, principal: &Principal) {
        let mut open = self.open.lock();
        open.retain(|_, kept| kept.strong.is_some() || kept.weak.strong_count() > 0);
        // Dropped without the lock: closing waits for the disk.
        let given_up = open.get_mut(principal).and_then(|kept| kept.strong.take());
        drop(open);
        drop(given_up);
    }

    /// The overlay of a principal if it is open.
    #[must_use]
    pub fn ready(&self, principal: &Principal) -> Option<Arc<Overlay>> {
        self.open.lock().get(principal).and_then(|kept| kept.strong.clone())
    }
}

impl fmt::Debug for Overlays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlays").field("lower", &self.lower).finish_non_exhaustive()
    }
}
