//! What an embedder keeps in its store data for this package.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::{Links, MemoryLinks, OpenSessions, Platform, Profile, Sessions, Uplinks};

/// The package's state of one wasmtime store. A clone is for another store of the same load.
#[derive(Clone)]
pub struct UplinkCtx {
    pub(crate) uplinks: Arc<Uplinks>,
    pub(crate) links: Arc<dyn Links>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) platforms: Arc<HashSet<Platform>>,
    pub(crate) forbidden: Arc<HashSet<Profile>>,
}

impl UplinkCtx {
    /// Starts from the endpoints of the capsule's load. Until told otherwise nobody is linked, no agent
    /// loop listens, and no profile is forbidden.
    #[must_use]
    pub fn builder(uplinks: Arc<Uplinks>) -> UplinkCtxBuilder {
        UplinkCtxBuilder(Self {
            uplinks,
            links: Arc::new(MemoryLinks::new()),
            sessions: Arc::new(OpenSessions::new(|_: &_| false)),
            platforms: Arc::default(),
            forbidden: Arc::default(),
        })
    }

    /// The capsule's endpoints.
    #[must_use]
    pub fn uplinks(&self) -> &Arc<Uplinks> {
        &self.uplinks
    }
}

impl fmt::Debug for UplinkCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UplinkCtx").field("uplinks", &self.uplinks.list()).finish_non_exhaustive()
    }
}

/// Builds an [`UplinkCtx`].
#[derive(Debug)]
pub struct UplinkCtxBuilder(UplinkCtx);

impl UplinkCtxBuilder {
    /// Who knows whom an account speaks for.
    #[must_use]
    pub fn links(mut self, links: Arc<dyn Links>) -> Self {
        self.0.links = links;
        self
    }

    /// The host's conversations.
    #[must_use]
    pub fn sessions(mut self, sessions: Arc<dyn Sessions>) -> Self {
        self.0.sessions = sessions;
        self
    }

    /// Platforms whose links count for this capsule whoever made them, operator entry
    /// `[uplinks."<capsule>"] platforms`. Without an entry only links the capsule itself made count, so
    /// that a new bridge cannot speak for everybody who is linked already.
    #[must_use]
    pub fn trusted_platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.0.platforms = Arc::new(platforms.into_iter().collect());
        self
    }

    /// Profiles the operator forbids this capsule.
    #[must_use]
    pub fn forbidden_profiles(mut self, profiles: impl IntoIterator<Item = Profile>) -> Self {
        self.0.forbidden = Arc::new(profiles.into_iter().collect());
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> UplinkCtx {
        self.0
    }
}
