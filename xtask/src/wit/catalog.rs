//! A set of WIT files, one a package, and what each uses of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use semver::Version;
use wit_component::{OutputToString, WitPrinter};
use wit_parser::{PackageName, Resolve, UnresolvedPackageGroup};

use crate::workspace::read;

/// A version of a package, such as kv 1.0.0.
pub(crate) type Id = (String, Version);

/// One file.
pub(crate) struct Package {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    uses: BTreeSet<Id>,
}

/// Files by the package they hold.
pub(crate) struct Catalog {
    packages: BTreeMap<Id, Package>,
}

impl Catalog {
    /// Reads files, of which each must hold a package of its name.
    pub(crate) fn load(files: impl IntoIterator<Item = PathBuf>) -> Result<Self> {
        let mut packages = BTreeMap::new();
        for path in files {
            let text = read(&path)?;
            let group = parse(&path, &text)?;
            let id = id(&group.main.name)?;
            let expected = file_name(&id);
            if path.file_name().is_none_or(|name| name != expected.as_str()) {
                bail!("{}: holds the package of {expected}; name and package must agree", path.display());
            }
            let uses = group.main.foreign_deps.keys().map(self::id).collect::<Result<_>>()?;
            packages.insert(id, Package { path, text, uses });
        }
        Ok(Self { packages })
    }

    /// Every package, by name and version.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.packages.keys()
    }

    /// The versions of a package, oldest first.
    pub(crate) fn versions(&self, name: &str) -> Vec<&Id> {
        self.ids().filter(|(package, _)| package == name).collect()
    }

    /// A package of the set.
    pub(crate) fn get(&self, id: &Id) -> Result<&Package> {
        self.packages.get(id).ok_or_else(|| anyhow!("there is no {}", file_name(id)))
    }

    /// The package and all it uses, used ones first.
    pub(crate) fn closure(&self, id: &Id) -> Result<Vec<Id>> {
        let mut order = Vec::new();
        self.visit(id, &mut order)?;
        Ok(order)
    }

    fn visit(&self, id: &Id, order: &mut Vec<Id>) -> Result<()> {
        if order.contains(id) {
            return Ok(());
        }
        for used in &self.get(id)?.uses {
            self.visit(used, order).with_context(|| file_name(id))?;
        }
        order.push(id.clone());
        Ok(())
    }

    /// What a package means: its names, order and types in one spelling, without docs.
    pub(crate) fn shape(&self, id: &Id) -> Result<String> {
        let mut resolve = Resolve::default();
        let mut last = None;
        for id in self.closure(id)? {
            let Package { path, text, .. } = self.get(&id)?;
            let pushed = resolve.push_group(parse(path, text)?);
            last = Some(pushed.map_err(|e| anyhow!("{}: {e}", path.display()))?);
        }
        let mut printer = WitPrinter::new(OutputToString::default());
        printer.emit_docs(false).print(&resolve, last.context("an empty closure")?, &[])?;
        Ok(printer.output.to_string())
    }
}

/// The file that holds a package.
pub(crate) fn file_name((name, version): &Id) -> String {
    format!("{name}@{version}.wit")
}

fn parse(path: &Path, text: &str) -> Result<UnresolvedPackageGroup> {
    UnresolvedPackageGroup::parse(path, text).map_err(|(map, error)| anyhow!("{}", error.render(&map)))
}

fn id(package: &PackageName) -> Result<Id> {
    match (package.namespace.as_str(), &package.version) {
        ("astrid", Some(version)) => Ok((package.name.clone(), version.clone())),
        _ => bail!("package {package}: expected astrid:<name>@<version>"),
    }
}
