//! Which package a crate has a copy of, and where in the crate its files are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use semver::Version;

use crate::wit::catalog::{Catalog, Id, file_name};
use crate::workspace::Workspace;

/// A crate's copies.
pub(crate) struct Staged {
    /// The `wit` folder of the crate.
    pub(crate) folder: PathBuf,
    /// What has to be in it, and nothing else: texts by path.
    pub(crate) files: BTreeMap<PathBuf, String>,
}

/// The copies of every crate that has some.
pub(crate) fn all(workspace: &Workspace, frozen: &Catalog) -> Result<Vec<Staged>> {
    let mut all = Vec::new();
    for folder in workspace.crates()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let Some(id) = package_of(&name, frozen, folder.join("wit").is_dir()) else { continue };
        all.push(of(&folder.join("wit"), &id, frozen)?);
    }
    Ok(all)
}

/// The copies of one package.
pub(crate) fn of(folder: &Path, id: &Id, frozen: &Catalog) -> Result<Staged> {
    let mut files = BTreeMap::new();
    let closure = frozen.closure(id)?;
    for (at, (name, version)) in closure.iter().enumerate() {
        let other = closure.iter().skip(at + 1).find(|(other, _)| other == name);
        if let Some((_, other)) = other {
            // bindgen would give every module of the package another name.
            bail!("{}: needs {name} {version} and {other}; expected one version", file_name(id));
        }
    }
    for part in closure {
        // bindgen wants the package itself at the top and the others below `deps`.
        let within = if &part == id { folder.to_owned() } else { folder.join("deps") };
        files.insert(within.join(file_name(&part)), frozen.get(&part)?.text.clone());
    }
    Ok(Staged { folder: folder.to_owned(), files })
}

/// `host-kv` is the home of the first kv, `host-http-v1-1` of http 1.1.0. The guest's own package is
/// no import: its crate has copies only if it wants them.
fn package_of(name: &str, frozen: &Catalog, has_folder: bool) -> Option<Id> {
    let package = match name.strip_prefix("host-") {
        Some(package) => package,
        None if name == "guest" && has_folder => name,
        None => return None,
    };
    if let Some(&first) = frozen.versions(package).first() {
        return Some(first.clone());
    }
    let (package, version) = package.rsplit_once("-v")?;
    let (major, minor) = version.split_once('-')?;
    let version = Version::new(major.parse().ok()?, minor.parse().ok()?, 0);
    let id = (package.to_owned(), version);
    frozen.get(&id).is_ok().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::frozen_folder;
    use crate::workspace::entries;

    fn package(name: &str, has_folder: bool) -> Option<String> {
        let workspace = Workspace::find().unwrap();
        let frozen = Catalog::load(entries(&frozen_folder(&workspace)).unwrap()).unwrap();
        package_of(name, &frozen, has_folder).map(|id| file_name(&id))
    }

    #[test]
    fn a_crate_has_the_first_version_of_its_package_and_a_versioned_crate_that_version() {
        assert_eq!(package("host-http", false).unwrap(), "http@1.0.0.wit");
        assert_eq!(package("host-http-v1-1", false).unwrap(), "http@1.1.0.wit");
        assert_eq!(package("host-request-context", false).unwrap(), "request-context@1.0.0.wit");
        assert_eq!(package("guest", true).unwrap(), "guest@1.0.0.wit");
    }

    #[test]
    fn a_crate_that_names_no_package_has_no_copies() {
        for name in ["host-context", "host-testkit", "host-http-v9-0", "host-http-v1", "guest", "event-bus"] {
            assert_eq!(package(name, false), None, "{name}");
        }
    }

    #[test]
    fn a_closure_is_what_the_package_uses_and_what_that_uses() {
        let workspace = Workspace::find().unwrap();
        let frozen = Catalog::load(entries(&frozen_folder(&workspace)).unwrap()).unwrap();
        let id = ("request-context".to_owned(), Version::new(1, 0, 0));
        let staged = of(Path::new("wit"), &id, &frozen).unwrap();
        let paths: Vec<_> = staged.files.keys().map(|p| p.display().to_string()).collect();
        assert_eq!(
            paths,
            ["wit/deps/io@1.0.0.wit", "wit/deps/net@1.0.0.wit", "wit/request-context@1.0.0.wit"]
        );
    }

    #[test]
    fn two_versions_of_a_package_in_one_closure_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let catalog = Catalog::load([
            file("kv@1.0.0.wit", "package astrid:kv@1.0.0; interface host { type t = u8; }"),
            file("kv@1.1.0.wit", "package astrid:kv@1.1.0; interface host { use astrid:kv/host@1.0.0.{t}; }"),
        ]);
        let id = ("kv".to_owned(), Version::new(1, 1, 0));
        let error = of(Path::new("wit"), &id, &catalog.unwrap()).err().unwrap();
        assert_eq!(error.to_string(), "kv@1.1.0.wit: needs kv 1.0.0 and 1.1.0; expected one version");
    }
}
