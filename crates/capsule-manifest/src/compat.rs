//! The version that `astrid-version` is compared with.

use semver::{Version, VersionReq};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink};
use crate::text::quote;

/// The runtime version that manifests are written against. It follows the releases of the capsule ABI, not the
/// version of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompatVersion;

impl CompatVersion {
    /// Major version.
    pub const MAJOR: u64 = 0;
    /// Minor version.
    pub const MINOR: u64 = 10;
    /// Patch version.
    pub const PATCH: u64 = 4;

    /// The version as SemVer.
    #[must_use]
    pub const fn version() -> Version {
        Version::new(Self::MAJOR, Self::MINOR, Self::PATCH)
    }

    /// Whether this runtime satisfies `requirement`. Without a pre-release tag in the requirement only
    /// `major.minor.patch` counts; with one, SemVer's exact matching applies.
    #[must_use]
    pub fn satisfies(requirement: &VersionReq) -> bool {
        Self::matches(requirement, Self::version())
    }

    fn matches(requirement: &VersionReq, mut version: Version) -> bool {
        if requirement
            .comparators
            .iter()
            .all(|comparator| comparator.pre.is_empty())
        {
            version.pre = semver::Prerelease::EMPTY;
        }
        requirement.matches(&version)
    }
}

impl std::fmt::Display for CompatVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Self::version().fmt(f)
    }
}

/// Reads and checks the `astrid-version` of `table`.
pub(crate) fn check(
    table: Option<&Cursor<'_>>,
    sink: &mut Sink<'_>,
) -> Result<Option<VersionReq>, Faulted> {
    let Some(found) = table.and_then(|table| table.get("astrid-version")) else {
        return Ok(None);
    };
    let text = found.text().unwrap_or_default();
    let Ok(requirement) = VersionReq::parse(text) else {
        let problem = format!("{} is no version requirement", quote(text));
        return Err(sink.fault(
            &found,
            Code::BadAstridVersion,
            problem,
            "a SemVer requirement such as \">=0.7.0\"",
        ));
    };
    if CompatVersion::satisfies(&requirement) {
        return Ok(Some(requirement));
    }
    let problem =
        format!("needs astrid-version {requirement}, this runtime provides {CompatVersion}");
    Err(sink.fault(&found, Code::IncompatibleRuntime, problem, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_without_pre_release_ignores_the_pre_release_of_the_runtime() {
        let candidate = Version::parse("0.10.4-rc.1").unwrap();
        let matches =
            |text| CompatVersion::matches(&VersionReq::parse(text).unwrap(), candidate.clone());
        assert!(matches(">=0.10.1"));
        assert!(matches("=0.10.4"));
        assert!(matches("=0.10.4-rc.1"));
        assert!(!matches("=0.10.4-rc.2"));
        assert!(!matches(">=0.10.1, <0.11.0-rc.1"));
    }
}
