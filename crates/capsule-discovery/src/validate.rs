//! What is still missing among capsules that run together.

use std::collections::BTreeMap;
use std::fmt;

use astrid_capsule_manifest::{CapsuleManifest, InterfaceName};
use semver::{Version, VersionReq};

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody should look at it.
    Warning,
    /// The capsule loads, and does not do all it should.
    Error,
}

/// Something about the interfaces of capsules that run together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// No other capsule exports what one imports.
    MissingImport {
        /// Who imports it.
        capsule: String,
        /// The interface.
        interface: InterfaceName,
        /// The versions that would do.
        requirement: VersionReq,
        /// It also works without.
        optional: bool,
        /// What others export of that name: versions that do not do, with who exports them.
        found: Vec<(Version, String)>,
    },
    /// Several capsules export the same interface.
    SharedExport {
        /// The interface.
        interface: InterfaceName,
        /// Who exports it, in the order given.
        capsules: Vec<String>,
    },
}

impl Finding {
    /// The stable name of the kind of finding.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingImport { .. } => "missing-import",
            Self::SharedExport { .. } => "shared-export",
        }
    }

    /// How bad it is: an import that is missing and required is an error, an optional one information.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::MissingImport { optional: false, .. } => Severity::Error,
            Self::MissingImport { optional: true, .. } => Severity::Info,
            Self::SharedExport { .. } => Severity::Warning,
        }
    }

    /// The capsule that is degraded by it: it loads, and lacks something it requires.
    #[must_use]
    pub fn degrades(&self) -> Option<&str> {
        match self {
            Self::MissingImport { capsule, optional: false, .. } => Some(capsule),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingImport { capsule, interface, requirement, found, .. } => {
                write!(f, "{}: capsule '{capsule}' imports {interface} {requirement}, ", self.code())?;
                if found.is_empty() {
                    return f.write_str("which no other loaded capsule exports");
                }
                f.write_str("but what is exported is ")?;
                let list: Vec<_> = found.iter().map(|(version, by)| format!("{version} by '{by}'")).collect();
                f.write_str(&list.join(", "))
            }
            Self::SharedExport { interface, capsules } => {
                write!(f, "{}: {interface} is exported by {}", self.code(), capsules.join(", "))
            }
        }
    }
}

/// Checks the imports of capsules that one principal sees together against their exports.
#[must_use]
pub fn validate<'a>(capsules: impl IntoIterator<Item = &'a CapsuleManifest>) -> Vec<Finding> {
    let capsules: Vec<_> = capsules.into_iter().collect();
    let mut exports: BTreeMap<&InterfaceName, Vec<(&Version, &str)>> = BTreeMap::new();
    for manifest in &capsules {
        for (interface, export) in &manifest.exports {
            exports.entry(interface).or_default().push((&export.version, &manifest.package.name));
        }
    }
    let mut findings = Vec::new();
    for manifest in &capsules {
        let capsule = manifest.package.name.as_str();
        for (interface, import) in &manifest.imports {
            let others = exports.get(interface).into_iter().flatten().filter(|(_, by)| *by != capsule);
            let others: Vec<_> = others.collect();
            if !others.iter().any(|(version, _)| import.version.matches(version)) {
                findings.push(Finding::MissingImport {
                    capsule: capsule.to_owned(),
                    interface: interface.clone(),
                    requirement: import.version.clone(),
                    optional: import.optional,
                    found: others
                        .into_iter()
                        .map(|(version, by)| ((*version).clone(), (*by).to_owned()))
                        .collect(),
                });
            }
        }
    }
    let shared = exports.into_iter().filter(|(_, by)| by.len() > 1);
    findings.extend(shared.map(|(interface, by)| Finding::SharedExport {
        interface: interface.clone(),
        capsules: by.into_iter().map(|(_, by)| by.to_owned()).collect(),
    }));
    findings
}
