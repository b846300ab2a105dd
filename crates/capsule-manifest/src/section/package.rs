//! `[package]`.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use semver::{Version, VersionReq};
use serde_json::{Map, Value};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::json;
use crate::path;
use crate::sink::{Faulted, Sink, key_of};
use crate::text::{is_name, lower_hyphen, quote};

/// Longest capsule id in bytes.
pub const MAX_CAPSULE_ID_BYTES: usize = 64;
/// More keywords or categories than this are warned about: registries show no more.
const MAX_TAGS: usize = 5;

/// The id of a capsule: 1 to 64 bytes of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapsuleId(String);

/// Why a text is no [`CapsuleId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("capsule id {} must be 1 to 64 lowercase letters, digits and hyphens", quote(.0))]
pub struct BadCapsuleId(String);

impl CapsuleId {
    /// Checks `id`.
    ///
    /// # Errors
    /// [`BadCapsuleId`] repeats the text.
    pub fn parse(id: &str) -> Result<Self, BadCapsuleId> {
        if is_name(id, MAX_CAPSULE_ID_BYTES, lower_hyphen, lower_hyphen) {
            Ok(Self(id.to_owned()))
        } else {
            Err(BadCapsuleId(id.to_owned()))
        }
    }

    /// The id as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CapsuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for CapsuleId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for CapsuleId {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// What the package is called and says about itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PackageDef {
    /// The capsule id.
    pub name: CapsuleId,
    /// The capsule's version.
    pub version: Version,
    /// One sentence.
    pub description: Option<String>,
    /// Where the sources are.
    pub repository: Option<String>,
    /// Home page.
    pub homepage: Option<String>,
    /// Documentation page.
    pub documentation: Option<String>,
    /// SPDX expression, unchecked.
    pub license: Option<String>,
    /// Relative path of the licence text.
    pub license_file: Option<PathBuf>,
    /// Relative path of the readme.
    pub readme: Option<PathBuf>,
    /// Authors.
    pub authors: Vec<String>,
    /// Keywords.
    pub keywords: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// The runtime versions asked for, already found satisfied; absent means any.
    pub astrid_version: Option<VersionReq>,
    /// Registry hint.
    pub publish: Option<bool>,
    /// Globs of files to pack.
    pub include: Vec<String>,
    /// Globs of files not to pack.
    pub exclude: Vec<String>,
    /// Free-form data of other tools.
    pub metadata: Map<String, Value>,
}

/// Reads everything but the paths, which belong to a later step.
pub(crate) fn read(
    root: &Cursor<'_>,
    astrid_version: Option<VersionReq>,
    is_uplink: bool,
    sink: &mut Sink<'_>,
) -> Result<PackageDef, Faulted> {
    let table = root.field("package");
    let name = read_name(&table.field("name"), is_uplink, sink);
    let version = read_version(&table.field("version"), sink);
    for key in ["keywords", "categories"] {
        if let Some(tags) = table
            .get(key)
            .filter(|tags| tags.elements().len() > MAX_TAGS)
        {
            let message = format!(
                "{} has {} entries, more than {MAX_TAGS}",
                quote(key),
                tags.elements().len()
            );
            sink.warn(key_of(&tags), Code::TooManyTags, message);
        }
    }
    Ok(PackageDef {
        name: name?,
        version: version?,
        description: table.string_at("description"),
        repository: table.string_at("repository"),
        homepage: table.string_at("homepage"),
        documentation: table.string_at("documentation"),
        license: table.string_at("license"),
        license_file: None,
        readme: None,
        authors: table.strings_at("authors"),
        keywords: table.strings_at("keywords"),
        categories: table.strings_at("categories"),
        astrid_version,
        publish: table.bool_at("publish"),
        include: table.strings_at("include"),
        exclude: table.strings_at("exclude"),
        metadata: table
            .get("metadata")
            .map(|found| json::object(found.node))
            .unwrap_or_default(),
    })
}

/// Reads the paths of the section into `package`.
pub(crate) fn read_paths(package: &mut PackageDef, root: &Cursor<'_>, sink: &mut Sink<'_>) {
    let Some(table) = root.get("package") else {
        return;
    };
    package.license_file = path::relative_at(&table, "license-file", sink)
        .ok()
        .flatten();
    package.readme = path::relative_at(&table, "readme", sink).ok().flatten();
}

fn read_name(
    found: &Cursor<'_>,
    is_uplink: bool,
    sink: &mut Sink<'_>,
) -> Result<CapsuleId, Faulted> {
    let text = found.text().unwrap_or_default();
    let (problem, allowed) = match CapsuleId::parse(text) {
        // Source ids of uplinks are built as `wasm:<capsule>` and cannot start or end a part with a hyphen.
        Ok(_) if is_uplink && (text.starts_with('-') || text.ends_with('-')) => (
            format!(
                "{} starts or ends with a hyphen, which an uplink must not",
                quote(text)
            ),
            "lowercase letters, digits, hyphen; letters or digits at both ends",
        ),
        Ok(id) => return Ok(id),
        Err(_) if text.is_empty() => (
            "the capsule id is empty".to_owned(),
            "lowercase letters, digits, hyphen",
        ),
        Err(_) if text.len() > MAX_CAPSULE_ID_BYTES => (
            format!(
                "{} has {} bytes, more than {MAX_CAPSULE_ID_BYTES}",
                quote(text),
                text.len()
            ),
            "lowercase letters, digits, hyphen",
        ),
        Err(_) => (
            format!("{} is no capsule id", quote(text)),
            "lowercase letters, digits, hyphen",
        ),
    };
    Err(sink.fault(found, Code::BadCapsuleId, problem, allowed))
}

fn read_version(found: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<Version, Faulted> {
    let text = found.text().unwrap_or_default();
    Version::parse(text).map_err(|_| {
        let problem = format!("{} is no full version", quote(text));
        sink.fault(found, Code::BadVersion, problem, "MAJOR.MINOR.PATCH")
    })
}
