//! What an installation would do.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use astrid_capsule_manifest::CapsuleManifest;
use semver::Version;

use crate::{Code, InstallError, Meta};

/// What kind of installation it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// No capsule of this name is installed for the principal.
    First,
    /// Another version is.
    Upgrade {
        /// The installed one.
        from: String,
    },
    /// The same version is, and is to be installed once more.
    Again,
    /// The same version is installed: nothing to do.
    Nothing,
}

/// What somebody who installs says beforehand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Install the same version again.
    pub reinstall: bool,
    /// Accept a version that is lower than the installed one.
    pub allow_downgrade: bool,
}

/// What an installation would do, and what has to be approved for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The kind of installation.
    pub step: Step,
    /// Capabilities beyond the approved ones, by key: all of them on a first installation. Empty: nobody has to be
    /// asked.
    pub expansions: BTreeMap<&'static str, Vec<String>>,
}

impl Plan {
    /// Compares a manifest with the record of what is installed.
    ///
    /// # Errors
    /// [`Code::Downgrade`]: the manifest's version is lower, and that was not wished for.
    pub fn new(
        manifest: &CapsuleManifest,
        installed: Option<&Meta>,
        wishes: Wishes,
    ) -> Result<Self, InstallError> {
        let approved = installed.map(Meta::approved).unwrap_or_default();
        let expansions = manifest.capabilities.expansions_from(&approved);
        let step = match installed {
            None => Step::First,
            Some(meta) => step(manifest, meta, wishes)?,
        };
        Ok(Self { step, expansions })
    }

    /// The expansions, one line for each key, such as `net: x.io, y.io`.
    #[must_use]
    pub fn expansion_lines(&self) -> Vec<String> {
        self.expansions.iter().map(|(key, entries)| format!("{key}: {}", entries.join(", "))).collect()
    }
}

fn step(manifest: &CapsuleManifest, meta: &Meta, wishes: Wishes) -> Result<Step, InstallError> {
    let new = &manifest.package.version;
    let upgrade = || Ok(Step::Upgrade { from: meta.version.clone() });
    // A record that says no version was not made by an installation; whatever it was of is replaced.
    let Ok(old) = Version::parse(&meta.version) else { return upgrade() };
    match new.cmp_precedence(&old) {
        Ordering::Equal if *new == old && wishes.reinstall => Ok(Step::Again),
        Ordering::Equal if *new == old => Ok(Step::Nothing),
        Ordering::Less if !wishes.allow_downgrade => {
            let name = &manifest.package.name;
            let problem = format!("{name} {new} is lower than the installed {old}");
            Err(InstallError::new(Code::Downgrade, problem)
                .allowed(format_args!("{old} or higher, or --allow-downgrade")))
        }
        _ => upgrade(),
    }
}
