//! What things of a package are called by the conventions of this repository.

use semver::Version;

/// A package and its new version.
pub(crate) struct Names {
    /// `kv`
    pub(crate) package: String,
    /// `1.1.0`
    pub(crate) version: Version,
}

impl Names {
    pub(crate) fn new(package: &str, version: &Version) -> Self {
        Self { package: package.to_owned(), version: version.clone() }
    }

    /// `host-kv`
    pub(crate) fn engine_folder(&self) -> String {
        format!("host-{}", self.package)
    }

    /// `host-kv-v1-1`
    pub(crate) fn crate_folder(&self) -> String {
        format!("host-{}-v{}-{}", self.package, self.version.major, self.version.minor)
    }

    /// `astrid_host_kv`
    pub(crate) fn engine(&self) -> String {
        ident(&format!("astrid-{}", self.engine_folder()))
    }

    /// `astrid_host_kv_v1_1`
    pub(crate) fn krate(&self) -> String {
        ident(&format!("astrid-{}", self.crate_folder()))
    }

    /// `v1_1`
    pub(crate) fn module(&self) -> String {
        format!("v{}_{}", self.version.major, self.version.minor)
    }

    /// `Kv`
    pub(crate) fn marker(&self) -> String {
        pascal(&self.package)
    }
}

/// `request_context` of `request-context`.
pub(crate) fn ident(name: &str) -> String {
    name.replace('-', "_")
}

/// `RequestContext` of `request-context`.
pub(crate) fn pascal(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('-').filter_map(part).collect()
}
