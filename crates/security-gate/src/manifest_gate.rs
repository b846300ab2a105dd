//! What one capsule may do, as its manifest says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_capsule_manifest::{CapabilitiesDef, CapsuleManifest};
use astrid_host_context::{CapsuleId, CapsuleSecurityGate, Denial, InvalidIdentity, Request};

use crate::commands::{self, CommandRules};
use crate::files::{FileRules, Protected};
use crate::net::{SocketRules, WebRules};
use crate::uplinks::UplinkRules;
use crate::{InvalidEntry, Roots};

/// The production gate: built once when a capsule loads, immutable, no I/O and no lock at a check, and
/// no allocation where it allows.
///
/// What no rule names is denied: an undeclared capability, an action this crate does not know, a target
/// of the wrong shape, and every request of another capsule.
pub struct ManifestSecurityGate {
    pub(crate) capsule: CapsuleId,
    pub(crate) held: CapabilitiesDef,
    pub(crate) read: FileRules,
    pub(crate) write: FileRules,
    pub(crate) protected: Protected,
    pub(crate) web: WebRules,
    pub(crate) sockets: SocketRules,
    pub(crate) commands: CommandRules,
    pub(crate) uplinks: UplinkRules,
    pub(crate) others: Vec<(&'static str, Arc<dyn CapsuleSecurityGate>)>,
    warnings: Vec<String>,
}

/// Why a manifest makes no gate; the capsule must not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    /// An entry means nothing.
    #[error(transparent)]
    Entry(#[from] InvalidEntry),
    /// The capsule's name is none.
    #[error(transparent)]
    Capsule(#[from] InvalidIdentity),
}

impl ManifestSecurityGate {
    /// Starts a gate for the capsule of this manifest.
    #[must_use]
    pub fn builder(manifest: &CapsuleManifest) -> ManifestSecurityGateBuilder<'_> {
        ManifestSecurityGateBuilder {
            manifest,
            roots: Roots::unknown(),
            blocked: Vec::new(),
            others: Vec::new(),
        }
    }

    /// The capsule it decides for.
    #[must_use]
    pub fn capsule(&self) -> &CapsuleId {
        &self.capsule
    }

    /// The names of the capabilities that are true or not empty, sorted: the answer of
    /// `enumerate-capabilities`, and what `check-capsule-capability` looks in.
    #[must_use]
    pub fn held_names(&self) -> Vec<&'static str> {
        self.held.held_names()
    }

    /// Whether `name` is one of [`held_names`](Self::held_names); false for any other text.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.held.has(name)
    }

    /// One line for each entry that is accepted and grants nothing, for the operator's log.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The directories below `principal_home` that a sandboxed child may write: one for each `home://`
    /// entry of `fs_write`, without those that are the host's. `principal_home` is canonical, as no link
    /// is read here. An entry for the whole home gives the home itself: whoever opens it to a child
    /// still has to close `.local`, `.config/env` and `.config/secrets`.
    #[must_use]
    pub fn process_home_write_paths(&self, principal_home: &Path) -> Vec<PathBuf> {
        self.write.home_paths(principal_home)
    }
}

impl std::fmt::Debug for ManifestSecurityGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManifestSecurityGate")
            .field("capsule", &self.capsule)
            .field("held", &self.held_names())
            .finish_non_exhaustive()
    }
}

impl CapsuleSecurityGate for ManifestSecurityGate {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        self.decide(request)
    }
}

/// Builds a [`ManifestSecurityGate`].
pub struct ManifestSecurityGateBuilder<'m> {
    manifest: &'m CapsuleManifest,
    roots: Roots,
    blocked: Vec<String>,
    others: Vec<(&'static str, Arc<dyn CapsuleSecurityGate>)>,
}

impl std::fmt::Debug for ManifestSecurityGateBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManifestSecurityGateBuilder").field("roots", &self.roots).finish_non_exhaustive()
    }
}

impl ManifestSecurityGateBuilder<'_> {
    /// Where the workspace and `$ASTRID_HOME` are; [`Roots::unknown`] if not set.
    #[must_use]
    pub fn roots(mut self, roots: &Roots) -> Self {
        self.roots = roots.clone();
        self
    }

    /// Platforms no capsule may register uplinks for, operator key `[security].blocked_platforms`.
    #[must_use]
    pub fn blocked_platforms(mut self, platforms: impl IntoIterator<Item = String>) -> Self {
        self.blocked.extend(platforms);
        self
    }

    /// Leaves a whole domain to another gate, such as `ipc` to the access lists of `astrid-host-ipc`.
    #[must_use]
    pub fn domain(mut self, domain: &'static str, gate: Arc<dyn CapsuleSecurityGate>) -> Self {
        self.others.push((domain, gate));
        self
    }

    /// Parses the lists. Reads links if an `fs_*` entry is an absolute host path, so not for a runtime worker.
    ///
    /// # Errors
    /// The first entry that means nothing; the capsule must not load.
    pub fn build(self) -> Result<ManifestSecurityGate, InvalidManifest> {
        let held = self.manifest.capabilities.clone();
        let mut warnings = Vec::new();
        let read = FileRules::parse("[capabilities].fs_read", &held.fs_read, &self.roots, &mut warnings)?;
        let write = FileRules::parse("[capabilities].fs_write", &held.fs_write, &self.roots, &mut warnings)?;
        let commands = CommandRules::parse(held.host_process.iter().map(String::as_str), |entry| {
            let setting = "[capabilities].host_process";
            warnings.push(format!("{setting}: {entry:?} grants nothing; allowed: {}", commands::ALLOWED));
        });
        Ok(ManifestSecurityGate {
            capsule: CapsuleId::parse(&self.manifest.package.name)?,
            read,
            write,
            protected: Protected::new(&self.roots),
            web: WebRules::parse("[capabilities].net", held.net.iter().map(String::as_str))?,
            sockets: SocketRules::parse(&held)?,
            commands,
            uplinks: UplinkRules::new(&self.manifest.uplinks, self.blocked),
            others: self.others,
            warnings,
            held,
        })
    }
}
