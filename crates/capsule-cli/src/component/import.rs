//! What a component asks the host for.

use serde::Serialize;

use crate::component::offered::offered;

const NAMESPACE: &str = "astrid:";

/// One import of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Import {
    /// The whole name, such as `astrid:kv/host@1.0.0`.
    pub(crate) name: String,
    /// `astrid:kv`; none when the name is not of that form.
    pub(crate) package: Option<String>,
    /// `1.0.0`; none when the name carries no version.
    pub(crate) version: Option<String>,
    /// Whether this host has that package in exactly that version.
    pub(crate) offered: bool,
    /// The versions of the package that this host has.
    pub(crate) offered_versions: Vec<&'static str>,
}

impl Import {
    /// Reads the name of an import.
    pub(crate) fn of(name: &str) -> Self {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let package = path.split_once('/').map(|(package, _)| package);
        let short = package.and_then(|package| package.strip_prefix(NAMESPACE));
        let versions = offered().iter().filter(|(name, _)| short == Some(name)).map(|(_, version)| *version);
        let offered_versions: Vec<_> = versions.collect();
        Self {
            name: name.to_owned(),
            package: package.map(str::to_owned),
            version: version.map(str::to_owned),
            offered: version.is_some_and(|version| offered_versions.contains(&version)),
            offered_versions,
        }
    }

    /// Why the host does not have it, and what it has instead.
    pub(crate) fn refusal(&self) -> (String, String) {
        let problem = format!("imports {}, which this host does not have", self.name);
        let package = self.package.as_deref().unwrap_or_default();
        if !self.offered_versions.is_empty() {
            let versions = self.offered_versions.iter().map(|version| format!("{package}@{version}"));
            return (problem, versions.collect::<Vec<_>>().join(", "));
        }
        let packages = offered().iter().map(|(name, version)| format!("{NAMESPACE}{name}@{version}"));
        let mut allowed = packages.collect::<Vec<_>>().join(", ");
        if package.starts_with("wasi:") {
            allowed.push_str("; capsules are built for wasm32-unknown-unknown with the capsule SDK");
        }
        (problem, allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_version_is_offered() {
        assert!(Import::of("astrid:kv/host@1.0.0").offered);
        let newer = Import::of("astrid:kv/host@1.0.1");
        assert!(!newer.offered);
        assert_eq!(newer.offered_versions, ["1.0.0"]);
        assert_eq!(newer.refusal().1, "astrid:kv@1.0.0");
    }

    #[test]
    fn a_name_of_another_form_is_not_offered() {
        for name in
            ["", "kv", "kv/host@1.0.0", "astrid:kv@1.0.0", "astrid:kv/host", "@", "wasi:kv/host@1.0.0"]
        {
            let import = Import::of(name);
            assert!(!import.offered, "{name}");
            assert!(import.refusal().1.contains("astrid:kv@1.0.0"), "{name}");
        }
        assert!(Import::of("wasi:cli/environment@0.2.3").refusal().1.contains("capsule SDK"));
    }
}
