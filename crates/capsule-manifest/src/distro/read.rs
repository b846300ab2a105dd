//! From text to [`DistroManifest`].

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use indexmap::IndexMap;
use semver::VersionReq;

use super::{DistroCapsule, DistroDef, DistroManifest, VariableDef};
use crate::code::Code;
use crate::compat;
use crate::cursor::Cursor;
use crate::error::{ManifestError, ManifestWarning};
use crate::json::scalar_text;
use crate::load::read_text;
use crate::parse::parse_tree;
use crate::schema::DISTRO;
use crate::section::interface::InterfaceName;
use crate::section::package::CapsuleId;
use crate::sink::{Faulted, Sink, key_of};
use crate::text::quote;

/// The only value of `schema-version`.
const SCHEMA_VERSION: u32 = 1;

/// Parses the text of a distro. `path` only names the file in messages.
///
/// # Errors
/// Faults in the same form and order of steps as those of [`parse_manifest`](crate::parse_manifest).
pub fn parse_distro(
    text: &str,
    path: &Path,
) -> Result<(DistroManifest, Vec<ManifestWarning>), ManifestError> {
    let (text, node) = parse_tree(text, path)?;
    let root = Cursor::root(&node);
    let mut sink = Sink::new(path, text);
    DISTRO.check(&root, &mut sink);
    sink.end_step()?;
    let distro = read_header(&root, &mut sink);
    let distro = sink.settle(distro)?;
    let variables = root
        .get("variables")
        .iter()
        .flat_map(Cursor::entries)
        .map(read_variable)
        .collect();
    let capsules = read_capsules(&root, &variables, &mut sink);
    sink.end_step()?;
    Ok((
        DistroManifest {
            distro,
            variables,
            capsules,
        },
        sink.into_warnings(),
    ))
}

/// Reads and parses the distro at `path`.
///
/// # Errors
/// `unreadable`, `manifest-too-large`, `not-utf8`, and everything that [`parse_distro`] refuses.
pub fn load_distro(path: &Path) -> Result<(DistroManifest, Vec<ManifestWarning>), ManifestError> {
    parse_distro(&read_text(path)?, path)
}

fn read_header(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<DistroDef, Faulted> {
    if root.u32_at("schema-version") != Some(SCHEMA_VERSION) {
        let problem = "is a schema version that this runtime does not read";
        return Err(sink.fault(
            &root.field("schema-version"),
            Code::BadEnum,
            problem,
            SCHEMA_VERSION.to_string(),
        ));
    }
    let table = root.field("distro");
    let astrid_version = compat::check(Some(&table), sink);
    let requires = read_requires(&table, sink);
    Ok(DistroDef {
        id: table.string_at("id").unwrap_or_default(),
        name: table.string_at("name").unwrap_or_default(),
        pretty_name: table.string_at("pretty-name"),
        version: table.string_at("version").unwrap_or_default(),
        codename: table.string_at("codename"),
        release_date: table.string_at("release-date"),
        description: table.string_at("description"),
        authors: table.strings_at("authors"),
        maintainers: table.strings_at("maintainers"),
        homepage: table.string_at("homepage"),
        support: table.string_at("support"),
        bug_tracker: table.string_at("bug-tracker"),
        repository: table.string_at("repository"),
        license: table.string_at("license"),
        astrid_version: astrid_version?,
        requires,
    })
}

fn read_requires(table: &Cursor<'_>, sink: &mut Sink<'_>) -> BTreeMap<InterfaceName, VersionReq> {
    let mut requires = BTreeMap::new();
    for (namespace, inner) in table.get("requires").iter().flat_map(Cursor::entries) {
        for (interface, entry) in inner.entries() {
            let text = entry.text().unwrap_or_default();
            match (
                InterfaceName::parse(&format!("{namespace}:{interface}")),
                VersionReq::parse(text),
            ) {
                (Ok(name), Ok(version)) => {
                    requires.insert(name, version);
                }
                (Err(error), _) => {
                    sink.fault(
                        key_of(&entry),
                        Code::BadInterfaceKey,
                        error.to_string(),
                        "namespace.interface",
                    );
                }
                (_, Err(_)) => {
                    let problem = format!("{} is no version requirement", quote(text));
                    sink.fault(
                        &entry,
                        Code::BadImportVersion,
                        problem,
                        "a SemVer requirement such as \"^1.0\"",
                    );
                }
            }
        }
    }
    requires
}

fn read_variable((name, entry): (&str, Cursor<'_>)) -> (String, VariableDef) {
    let variable = VariableDef {
        secret: entry.bool_at("secret").unwrap_or_default(),
        description: entry.string_at("description"),
        default: entry
            .get("default")
            .and_then(|found| scalar_text(found.node)),
    };
    (name.to_owned(), variable)
}

fn read_capsules(
    root: &Cursor<'_>,
    variables: &IndexMap<String, VariableDef>,
    sink: &mut Sink<'_>,
) -> Vec<DistroCapsule> {
    let mut names = HashSet::new();
    let entries = root.tables("capsule");
    entries
        .iter()
        .filter_map(|entry| read_capsule(entry, variables, &mut names, sink).ok())
        .collect()
}

fn read_capsule<'t>(
    entry: &Cursor<'t>,
    variables: &IndexMap<String, VariableDef>,
    names: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<DistroCapsule, Faulted> {
    let mut env = IndexMap::new();
    let mut outcome = Ok(());
    for (key, value) in entry.get("env").iter().flat_map(Cursor::entries) {
        let text = value.text().unwrap_or_default();
        if let Err((code, problem)) = check_variables(text, variables) {
            outcome = Err(sink.fault(
                &value,
                code,
                problem,
                "text with {{ variable }} of [variables]",
            ));
        }
        env.insert(key.to_owned(), text.to_owned());
    }
    let found = entry.field("name");
    let text = found.text().unwrap_or_default();
    let name = CapsuleId::parse(text).map_err(|error| {
        sink.fault(
            &found,
            Code::BadCapsuleId,
            error.to_string(),
            "lowercase letters, digits, hyphen",
        )
    })?;
    if !names.insert(text) {
        return Err(sink.fault(
            &found,
            Code::DuplicateCapsule,
            format!("capsule {} is listed twice", quote(text)),
            "",
        ));
    }
    outcome?;
    Ok(DistroCapsule {
        name,
        source: entry.string_at("source").unwrap_or_default(),
        version: entry.string_at("version"),
        role: entry.string_at("role"),
        group: entry.string_at("group"),
        env,
    })
}

fn check_variables(
    text: &str,
    variables: &IndexMap<String, VariableDef>,
) -> Result<(), (Code, String)> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else {
            return Err((
                Code::BadTemplate,
                format!("{} has an unclosed \"{{{{\"", quote(text)),
            ));
        };
        if !variables.contains_key(name.trim()) {
            return Err((
                Code::UnknownVariable,
                format!("{} is no declared variable", quote(name.trim())),
            ));
        }
        rest = tail;
    }
    Ok(())
}
