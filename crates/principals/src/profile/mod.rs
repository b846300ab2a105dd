//! A principal's profile: what it may use, how much, and whether at all.

mod auth;
mod parse;
mod quotas;

use std::collections::BTreeMap;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal};

use crate::capability::{Capabilities, CapabilityPattern};
use crate::groups::Groups;
use crate::problem::Problem;
pub use auth::Auth;
pub use quotas::Quotas;

/// The group whose members get nothing that is not listed.
const RESTRICTED: &str = "restricted";
/// Grants that free a run loop from its CPU windows (engines chapter §5).
const UNBOUNDED: [&str; 3] = ["system:resources:unbounded", "net_bind", "uplink"];

/// A parsed `etc/profiles/{principal}.toml`, or the default one of principals without a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whether an operator made a profile for this principal; others get no home and no files.
    pub registered: bool,
    /// Whether its calls are admitted.
    pub enabled: bool,
    /// Its groups.
    pub groups: Vec<String>,
    /// Given beyond the groups.
    pub grants: Vec<CapabilityPattern>,
    /// Taken away, from groups and grants alike.
    pub revokes: Vec<CapabilityPattern>,
    /// Capsules whose handlers it may call itself.
    pub capsules: Vec<CapsuleId>,
    /// How it proves itself.
    pub auth: Auth,
    /// Hosts it may reach, as `[capabilities].net` spells them; `None` when not set.
    pub egress: Option<Vec<String>>,
    /// The same for single capsules, in place of [`Profile::egress`].
    pub capsule_egress: BTreeMap<CapsuleId, Vec<String>>,
    /// Commands it may run, as `[capabilities].host_process` spells them; `None` when not set.
    pub commands: Option<Vec<String>>,
    /// How much it may use.
    pub quotas: Quotas,
    /// What groups, grants and revokes come to.
    pub capabilities: Capabilities,
}

/// What a profile adds to the manifest's rule (security-gate chapter §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restriction<'a> {
    /// Nothing: the manifest decides alone.
    None,
    /// Only these, as far as the manifest allows them too; an empty list is nothing at all.
    Only(&'a [String]),
}

impl Profile {
    /// The profile of a principal without a file: no groups, nothing granted.
    #[must_use]
    pub fn unregistered(quotas: Quotas) -> Self {
        Self {
            registered: false,
            enabled: true,
            groups: Vec::new(),
            grants: Vec::new(),
            revokes: Vec::new(),
            capsules: Vec::new(),
            auth: Auth::default(),
            egress: None,
            capsule_egress: BTreeMap::new(),
            commands: None,
            quotas,
            capabilities: Capabilities::default(),
        }
    }

    /// Parses a file. Quotas it does not name are those of `defaults`.
    ///
    /// # Errors
    /// The first [`Problem`]; a profile is taken whole or not at all.
    pub fn parse(text: &str, defaults: Quotas) -> Result<Self, Problem> {
        parse::profile(text, defaults)
    }

    /// The same with its groups looked up. An unknown group contributes nothing and is warned of.
    #[must_use]
    pub fn with_groups(mut self, groups: &Groups, who: &Principal) -> Self {
        let mut given = Vec::new();
        for name in &self.groups {
            match groups.get(name) {
                Some(patterns) => given.extend_from_slice(patterns),
                None => tracing::warn!(
                    target: "astrid.principals",
                    principal = who.as_str(),
                    group = name.as_str(),
                    "the profile names an unknown group, which gives nothing"
                ),
            }
        }
        given.extend_from_slice(&self.grants);
        self.capabilities = Capabilities { given, revoked: self.revokes.clone() };
        self
    }

    /// Whether its only group is `restricted`.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        matches!(&*self.groups, [only] if only == RESTRICTED)
    }

    /// Which hosts it may reach through `capsule`.
    #[must_use]
    pub fn egress_through(&self, capsule: &CapsuleId) -> Restriction<'_> {
        self.restriction(self.capsule_egress.get(capsule).or(self.egress.as_ref()))
    }

    /// Which commands it may run.
    #[must_use]
    pub fn may_run(&self) -> Restriction<'_> {
        self.restriction(self.commands.as_ref())
    }

    /// Whether a run loop it owns is exempt from CPU windows.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        UNBOUNDED.iter().any(|name| self.capabilities.hold(name))
    }

    fn restriction<'a>(&self, list: Option<&'a Vec<String>>) -> Restriction<'a> {
        match list {
            Some(list) => Restriction::Only(list),
            None if self.is_restricted() => Restriction::Only(&[]),
            None => Restriction::None,
        }
    }
}

/// A profile as callers share it.
pub type SharedProfile = Arc<Profile>;
