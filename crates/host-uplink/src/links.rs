//! Whom an account on a platform speaks for.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::RwLock;

use crate::{Platform, PlatformUser};

/// A link of an account to a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Whom the account speaks for.
    pub principal: Principal,
    /// The capsule that made the link; `None` if an operator did.
    pub made_by: Option<CapsuleId>,
}

/// The identity store cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the identity store cannot answer: {0}")]
pub struct LinksUnavailable(pub String);

/// The answer of [`Links::linked`].
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Result<Option<Linked>, LinksUnavailable>> + Send + 'a>>;

/// The identity store as this package needs it.
///
/// The future must not block a runtime worker, and may be dropped at any point. An implementation that
/// caches must forget a link when it is removed: the next call after an unlink finds none.
pub trait Links: Send + Sync {
    /// The account's link. `None` also where the user or the principal behind it is missing or disabled.
    fn linked<'a>(&'a self, platform: &'a Platform, user: &'a PlatformUser) -> Lookup<'a>;
}

/// Links in memory.
#[derive(Debug, Default)]
pub struct MemoryLinks {
    links: RwLock<HashMap<(Platform, PlatformUser), Linked>>,
    disabled: RwLock<HashSet<Principal>>,
}

impl MemoryLinks {
    /// Nobody is linked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Links an account, in the place of an earlier link.
    pub fn link(&self, platform: Platform, user: PlatformUser, linked: Linked) {
        self.links.write().insert((platform, user), linked);
    }

    /// Removes a link; false if there was none.
    pub fn unlink(&self, platform: &Platform, user: &PlatformUser) -> bool {
        self.links.write().remove(&(platform.clone(), user.clone())).is_some()
    }

    /// Disables or enables a principal.
    pub fn set_enabled(&self, principal: &Principal, enabled: bool) {
        let mut disabled = self.disabled.write();
        if enabled {
            disabled.remove(principal);
        } else {
            disabled.insert(principal.clone());
        }
    }
}

impl Links for MemoryLinks {
    fn linked<'a>(&'a self, platform: &'a Platform, user: &'a PlatformUser) -> Lookup<'a> {
        let found = self.links.read().get(&(platform.clone(), user.clone())).cloned();
        let enabled = found.filter(|linked| !self.disabled.read().contains(&linked.principal));
        Box::pin(std::future::ready(Ok(enabled)))
    }
}
