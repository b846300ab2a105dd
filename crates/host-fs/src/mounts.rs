//! Which volume a scheme means for a principal.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal, Quota, Scope};
use parking_lot::Mutex;

use crate::direct::{Account, Direct};
use crate::{Overlays, Scheme, Volume};

/// A volume, or the certainty that there is none.
pub type Mount = Option<Arc<dyn Volume>>;

/// Finds the volume a scheme means in a scope. Never another principal's: what a scope has no place
/// for is not mounted.
pub trait Mounts: Send + Sync {
    /// The mount if it is known without waiting; else none, and [`Mounts::open`] is asked on the pool.
    fn ready(&self, scope: &Scope, scheme: Scheme) -> Option<Mount>;

    /// Opens the mount. Blocks.
    fn open(&self, scope: &Scope, scheme: Scheme) -> Mount;
}

/// Where a principal's own directories are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The root of `home://`.
    pub home: PathBuf,
    /// The root of `tmp://`.
    pub tmp: PathBuf,
}

type Locate = dyn Fn(&Principal, &CapsuleId) -> Option<Places> + Send + Sync;

/// Mounts on directories, each opened once and kept.
///
/// Home and tmp directories are created when first used, 0700; a workspace must exist.
pub struct Directories {
    workspace: Workspace,
    locate: Box<Locate>,
    openat2: bool,
    entries: u64,
    quota: Option<Arc<dyn Quota>>,
    open: Mutex<HashMap<Key, Arc<dyn Volume>>>,
    /// Held while one is opened, which may take long; the map's own lock never is.
    opening: Mutex<()>,
}

/// What principals have as their workspace.
#[derive(Debug)]
enum Workspace {
    Shared(Mount),
    Each(Arc<Overlays>),
}

/// A home is its principal's alone, a scratch directory also its capsule's.
type Key = (Principal, Option<CapsuleId>);

impl Directories {
    /// No workspace, and nobody has a home.
    #[must_use]
    pub fn new() -> Self {
        Self {
            workspace: Workspace::Shared(None),
            locate: Box::new(|_, _| None),
            openat2: true,
            entries: crate::ENTRIES,
            quota: None,
            open: Mutex::default(),
            opening: Mutex::default(),
        }
    }

    /// Mounts a workspace, the same for every principal.
    #[must_use]
    pub fn workspace(mut self, volume: Arc<dyn Volume>) -> Self {
        self.workspace = Workspace::Shared(Some(volume));
        self
    }

    /// Mounts a workspace that every principal changes for itself. Calls without a principal have none.
    #[must_use]
    pub fn overlays(mut self, overlays: Arc<Overlays>) -> Self {
        self.workspace = Workspace::Each(overlays);
        self
    }

    /// Says where principals have their directories, for a capsule. None for principals who are not
    /// registered: nothing is created for them.
    #[must_use]
    pub fn places(
        mut self,
        locate: impl Fn(&Principal, &CapsuleId) -> Option<Places> + Send + Sync + 'static,
    ) -> Self {
        self.locate = Box::new(locate);
        self
    }

    /// Whether `openat2` may be used below homes; see [`crate::DirectBuilder::openat2`].
    #[must_use]
    pub fn openat2(mut self, allowed: bool) -> Self {
        self.openat2 = allowed;
        self
    }

    /// Entries allowed below each home and scratch directory; [`crate::ENTRIES`] if not set.
    #[must_use]
    pub fn entries(mut self, limit: u64) -> Self {
        self.entries = limit;
        self
    }

    /// Charges the bytes of homes and scratch directories: [`crate::HOME_BYTES`] and [`crate::TMP_BYTES`].
    #[must_use]
    pub fn quota(mut self, quota: Arc<dyn Quota>) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Gives up what is open for a principal, for example because it was removed. Open files stay, and so
    /// do its changes in an overlay.
    pub fn forget(&self, principal: &Principal) {
        if let Workspace::Each(overlays) = &self.workspace {
            overlays.forget(principal);
        }
        self.open.lock().retain(|(who, ..), _| who != principal);
    }

    fn open_workspace(&self, principal: &Principal) -> Mount {
        match &self.workspace {
            Workspace::Shared(workspace) => workspace.clone(),
            Workspace::Each(overlays) => match overlays.of(principal) {
                Ok(overlay) => overlay.map(|overlay| overlay as Arc<dyn Volume>),
                Err(error) => {
                    tracing::warn!(target: "astrid.host", %principal, %error, "an overlay cannot be opened");
                    None
                }
            },
        }
    }

    fn open_directory(&self, path: &std::path::Path, scheme: Scheme, scope: &Scope) -> Mount {
        use std::os::unix::fs::DirBuilderExt;

        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        let mut settings = Direct::builder_for(scheme).openat2(self.openat2).entries(Some(self.entries));
        if let (Some(quota), Some(principal)) = (&self.quota, &scope.principal) {
            let bytes = if scheme == Scheme::Home { &crate::HOME_BYTES } else { &crate::TMP_BYTES };
            let account = Account::new(quota.clone(), principal.clone(), scope.capsule.clone(), bytes);
            settings = settings.charge(account);
        }
        match made.and_then(|()| settings.open(path)) {
            Ok(volume) => {
                volume.scan();
                Some(Arc::new(volume))
            }
            Err(error) => {
                tracing::warn!(target: "astrid.host", path = %path.display(), %error, "a mount cannot be opened");
                None
            }
        }
    }
}

impl Default for Directories {
    fn default() -> Self {
        Self::new()
    }
}

impl Mounts for Directories {
    fn ready(&self, scope: &Scope, scheme: Scheme) -> Option<Mount> {
        if let (Scheme::Workspace, Workspace::Shared(workspace)) = (scheme, &self.workspace) {
            return Some(workspace.clone());
        }
        let Some(principal) = &scope.principal else { return Some(None) };
        if let (Scheme::Workspace, Workspace::Each(overlays)) = (scheme, &self.workspace) {
            return overlays.ready(principal).map(|overlay| Some(overlay as Arc<dyn Volume>));
        }
        let key = key(principal, &scope.capsule, scheme);
        self.open.lock().get(&key).cloned().map(Some)
    }

    fn open(&self, scope: &Scope, scheme: Scheme) -> Mount {
        let principal = scope.principal.as_ref()?;
        if scheme == Scheme::Workspace {
            return self.open_workspace(principal);
        }
        let Places { home, tmp } = (self.locate)(principal, &scope.capsule)?;
        let key = key(principal, &scope.capsule, scheme);
        // Two first calls share one volume and its count of entries.
        let _alone = self.opening.lock();
        if let Some(volume) = self.open.lock().get(&key) {
            return Some(volume.clone());
        }
        let volume = self.open_directory(if scheme == Scheme::Home { &home } else { &tmp }, scheme, scope)?;
        self.open.lock().insert(key, volume.clone());
        Some(volume)
    }
}

fn key(principal: &Principal, capsule: &CapsuleId, scheme: Scheme) -> Key {
    (principal.clone(), (scheme != Scheme::Home).then(|| capsule.clone()))
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directories").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}
