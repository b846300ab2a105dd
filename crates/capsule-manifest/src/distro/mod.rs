//! `Distro.toml`: a named set of capsules with the values to install them with.

mod read;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use semver::VersionReq;

use crate::section::interface::InterfaceName;
use crate::section::package::CapsuleId;

pub use read::{load_distro, parse_distro};

/// The name of a distro's file.
pub const DISTRO_FILE: &str = "Distro.toml";

/// A checked `Distro.toml`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DistroManifest {
    /// What the distro is called and says about itself.
    pub distro: DistroDef,
    /// Values that entries of `env` may refer to.
    pub variables: IndexMap<String, VariableDef>,
    /// Its capsules in installation order.
    pub capsules: Vec<DistroCapsule>,
}

/// `[distro]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DistroDef {
    /// Machine name.
    pub id: String,
    /// Short name.
    pub name: String,
    /// Name with version, for people.
    pub pretty_name: Option<String>,
    /// The distro's own version, of any form.
    pub version: String,
    /// Code name.
    pub codename: Option<String>,
    /// Release date, as written.
    pub release_date: Option<String>,
    /// One sentence.
    pub description: Option<String>,
    /// Authors.
    pub authors: Vec<String>,
    /// Maintainers.
    pub maintainers: Vec<String>,
    /// Home page.
    pub homepage: Option<String>,
    /// Where to get help.
    pub support: Option<String>,
    /// Where to report bugs.
    pub bug_tracker: Option<String>,
    /// Where the sources are.
    pub repository: Option<String>,
    /// SPDX expression, unchecked.
    pub license: Option<String>,
    /// The runtime versions asked for, already found satisfied.
    pub astrid_version: Option<VersionReq>,
    /// Interfaces that some capsule of the distro must export.
    pub requires: BTreeMap<InterfaceName, VersionReq>,
}

/// An entry of `[variables]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VariableDef {
    /// Asked without echo and kept in the secret store.
    pub secret: bool,
    /// The question.
    pub description: Option<String>,
    /// The value when none is given, as text.
    pub default: Option<String>,
}

/// An entry of `[[capsule]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistroCapsule {
    /// The capsule's id.
    pub name: CapsuleId,
    /// Where it is installed from, for the installer to resolve.
    pub source: String,
    /// Which version, for the installer to resolve.
    pub version: Option<String>,
    /// A boot-order hint. `uplink` says nothing about capabilities.
    pub role: Option<String>,
    /// The multi-select set the capsule belongs to.
    pub group: Option<String>,
    /// Values of env keys; `{{ variable }}` stands for a value of [`DistroManifest::variables`].
    pub env: IndexMap<String, String>,
}
