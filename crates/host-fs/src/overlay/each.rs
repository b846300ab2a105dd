//! One overlay for each principal, over one directory.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use astrid_host_context::Principal;
use parking_lot::Mutex;

use super::{Overlay, OverlayError};
use crate::{Direct, Scheme};

type Locate = dyn Fn(&Principal) -> Option<PathBuf> + Send + Sync;

/// Workspaces that every principal changes for itself: none sees what another has not committed.
pub struct Overlays {
    lower: Arc<Direct>,
    locate: Box<Locate>,
    open: Mutex<HashMap<Principal, Arc<Overlay>>>,
    /// Held while one is opened, which may take long; the map's own lock never is.
    opening: Mutex<()>,
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
        let overlay = Arc::new(Overlay::open(self.lower.clone(), Scheme::Workspace, &directory)?);
        self.open.lock().insert(principal.clone(), overlay.clone());
        Ok(Some(overlay))
    }

    /// The overlay of a principal if it is open.
    #[must_use]
    pub fn ready(&self, principal: &Principal) -> Option<Arc<Overlay>> {
        self.open.lock().get(principal).cloned()
    }
}

impl fmt::Debug for Overlays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlays").field("lower", &self.lower).finish_non_exhaustive()
    }
}
