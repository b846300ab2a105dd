//! What the kernel knows of principals.

use std::collections::HashSet;
use std::future::{Future, ready};
use std::pin::Pin;

use astrid_host_context::Principal;

/// Whose links a capsule with `link` alone may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkPolicy {
    /// Everybody's but those of protected principals.
    #[default]
    Capability,
    /// Only those of the proven principal that it is called for.
    SamePrincipal,
}

/// The answer of a [`PrincipalDirectory`].
pub type Judging<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// What the kernel knows of principals. Calls count in the time of the operation, which fails when they do not
/// answer; an implementation never blocks a runtime worker.
pub trait PrincipalDirectory: Send + Sync {
    /// Whether a principal holds administrative authority, or the operator protects it: then its links are
    /// changed only by itself, proven, or by a capsule with `admin`. True also where that cannot be told.
    fn is_protected<'a>(&'a self, who: &'a Principal) -> Judging<'a>;

    /// Whether a principal of this name exists: it has a profile or a home. True also where that cannot be
    /// told. Users of the identity store are not asked about here.
    fn is_taken<'a>(&'a self, name: &'a Principal) -> Judging<'a>;

    /// The operator's `identity.link_policy`.
    fn link_policy(&self) -> LinkPolicy {
        LinkPolicy::default()
    }
}

/// Principals that somebody lists: for tests, and for kernels with few.
#[derive(Debug, Clone, Default)]
pub struct ListedPrincipals {
    protected: HashSet<Principal>,
    existing: HashSet<Principal>,
    policy: LinkPolicy,
}

impl ListedPrincipals {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that exists and is protected.
    #[must_use]
    pub fn protected(mut self, who: Principal) -> Self {
        self.protected.insert(who.clone());
        self.existing(who)
    }

    /// One that exists.
    #[must_use]
    pub fn existing(mut self, who: Principal) -> Self {
        self.existing.insert(who);
        self
    }

    /// The rule for everybody else.
    #[must_use]
    pub fn policy(mut self, policy: LinkPolicy) -> Self {
        self.policy = policy;
        self
    }
}

impl PrincipalDirectory for ListedPrincipals {
    fn is_protected<'a>(&'a self, who: &'a Principal) -> Judging<'a> {
        Box::pin(ready(self.protected.contains(who)))
    }

    fn is_taken<'a>(&'a self, name: &'a Principal) -> Judging<'a> {
        Box::pin(ready(self.existing.contains(name)))
    }

    fn link_policy(&self) -> LinkPolicy {
        self.policy
    }
}
