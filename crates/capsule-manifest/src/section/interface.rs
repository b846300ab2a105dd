//! `[imports]` and `[exports]`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;

use semver::{Version, VersionReq};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink, key_of};
use crate::text::{is_name, lower_hyphen, quote};
use crate::tree::Data;

const ALLOWED_KEY: &str = "\"namespace:interface\", each of lowercase letters, digits and hyphens and starting with a letter";

/// The name of an interface between capsules. Displays as `namespace:interface`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct InterfaceName {
    /// The half before the colon, `[a-z][a-z0-9-]*`.
    pub namespace: String,
    /// The half after the colon, `[a-z][a-z0-9-]*`.
    pub interface: String,
}

impl InterfaceName {
    /// Splits `namespace:interface` and checks both halves.
    ///
    /// # Errors
    /// [`BadInterfaceName`] says which half is wrong.
    pub fn parse(text: &str) -> Result<Self, BadInterfaceName> {
        let halves = text
            .split_once(':')
            .filter(|(_, interface)| !interface.contains(':'));
        let Some((namespace, interface)) = halves else {
            return Err(BadInterfaceName(format!(
                "{} does not hold exactly one colon",
                quote(text)
            )));
        };
        Self::of(namespace, interface)
    }

    fn of(namespace: &str, interface: &str) -> Result<Self, BadInterfaceName> {
        for (half, text) in [("namespace", namespace), ("interface", interface)] {
            if text.is_empty() {
                return Err(BadInterfaceName(format!("the {half} is empty")));
            }
            if !is_name(
                text,
                usize::MAX,
                |byte| byte.is_ascii_lowercase(),
                lower_hyphen,
            ) {
                return Err(BadInterfaceName(format!(
                    "the {half} {} is no interface word",
                    quote(text)
                )));
            }
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            interface: interface.to_owned(),
        })
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.interface)
    }
}

/// Why a text is no [`InterfaceName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInterfaceName(String);

/// An interface the capsule needs from another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportDef {
    /// The versions that will do.
    pub version: VersionReq,
    /// The capsule also works without.
    pub optional: bool,
}

/// An interface the capsule offers to others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportDef {
    /// The exact version offered.
    pub version: Version,
}

pub(crate) fn read_imports(
    root: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> BTreeMap<InterfaceName, ImportDef> {
    read(root, "imports", sink, |entry, sink| {
        let optional = entry.bool_at("optional").unwrap_or_default();
        let (found, text) = version_of(entry);
        let version = VersionReq::parse(text).map_err(|_| {
            let problem = format!("{} is no version requirement", quote(text));
            sink.fault(
                &found,
                Code::BadImportVersion,
                problem,
                "a SemVer requirement such as \"^1.0\"",
            )
        })?;
        Ok(ImportDef { version, optional })
    })
}

pub(crate) fn read_exports(
    root: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> BTreeMap<InterfaceName, ExportDef> {
    read(root, "exports", sink, |entry, sink| {
        let (found, text) = version_of(entry);
        let version = Version::parse(text).map_err(|_| {
            let problem = format!("{} is no exact version", quote(text));
            sink.fault(&found, Code::BadExportVersion, problem, "MAJOR.MINOR.PATCH")
        })?;
        Ok(ExportDef { version })
    })
}

fn version_of<'t>(entry: &Cursor<'t>) -> (Cursor<'t>, &'t str) {
    let found = entry.get("version").unwrap_or_else(|| entry.clone());
    let text = found.text().unwrap_or_default();
    (found, text)
}

fn read<T>(
    root: &Cursor<'_>,
    key: &str,
    sink: &mut Sink<'_>,
    read_one: fn(&Cursor<'_>, &mut Sink<'_>) -> Result<T, Faulted>,
) -> BTreeMap<InterfaceName, T> {
    let mut map = BTreeMap::new();
    for (name, entry) in pairs(root, key) {
        let name = name.map_err(|error| {
            sink.fault(
                key_of(&entry),
                Code::BadInterfaceKey,
                error.to_string(),
                ALLOWED_KEY,
            )
        });
        let value = read_one(&entry, sink);
        let (Ok(name), Ok(value)) = (name, value) else {
            continue;
        };
        match map.entry(name) {
            Slot::Vacant(slot) => {
                slot.insert(value);
            }
            Slot::Occupied(known) => {
                let problem = format!("{} is given twice", quote(&known.key().to_string()));
                let allowed = "one of the flat and the nested spelling";
                sink.fault(key_of(&entry), Code::DuplicateInterface, problem, allowed);
            }
        }
    }
    map
}

/// Both spellings as a list of names and entries.
fn pairs<'t>(
    root: &Cursor<'t>,
    key: &str,
) -> Vec<(Result<InterfaceName, BadInterfaceName>, Cursor<'t>)> {
    let mut pairs = Vec::new();
    for (name, entry) in root.get(key).iter().flat_map(Cursor::entries) {
        if name.contains(':') || !matches!(entry.node.data, Data::Table(_)) {
            pairs.push((InterfaceName::parse(name), entry));
        } else {
            pairs.extend(
                entry
                    .entries()
                    .map(|(inner, leaf)| (InterfaceName::of(name, inner), leaf)),
            );
        }
    }
    pairs
}

/// Uplinks start before everything else, so they cannot wait for what another capsule exports.
pub(crate) fn check_uplink_imports(root: &Cursor<'_>, is_uplink: bool, sink: &mut Sink<'_>) {
    if !is_uplink {
        return;
    }
    if let Some((Ok(name), entry)) = pairs(root, "imports").into_iter().next() {
        let problem = format!(
            "a capsule with the capability uplink imports {}",
            quote(&name.to_string())
        );
        sink.fault(
            key_of(&entry),
            Code::UplinkImports,
            problem,
            "no imports, or uplink = false",
        );
    }
}
