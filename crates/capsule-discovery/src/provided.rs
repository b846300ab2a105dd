//! Finding those who provide something.

use std::collections::HashMap;

use astrid_capsule_manifest::{CapabilityRef, InterfaceName, RefKind};
use semver::{Version, VersionReq};

use crate::Located;

/// Everything that a list of capsules provides, by what it is.
pub(crate) struct Provided<'a> {
    interfaces: HashMap<&'a InterfaceName, Vec<(usize, &'a Version)>>,
    exact: HashMap<CapabilityRef, Vec<usize>>,
    /// For requirements with a `*`, by kind and number of segments.
    shapes: HashMap<(RefKind, usize), Vec<(usize, CapabilityRef)>>,
}

impl<'a> Provided<'a> {
    pub(crate) fn of(list: &'a [Located]) -> Self {
        let mut all = Self { interfaces: HashMap::new(), exact: HashMap::new(), shapes: HashMap::new() };
        for (at, (manifest, _)) in list.iter().enumerate() {
            for (name, export) in &manifest.exports {
                all.interfaces.entry(name).or_default().push((at, &export.version));
            }
            for one in manifest.provided_refs() {
                all.exact.entry(one.clone()).or_default().push(at);
                all.shapes.entry((one.kind, one.body.split('.').count())).or_default().push((at, one));
            }
        }
        all
    }

    /// The capsules that export `name` in a version that will do.
    pub(crate) fn interface(&self, name: &InterfaceName, version: &VersionReq) -> Vec<usize> {
        let exports = self.interfaces.get(name).into_iter().flatten();
        exports.filter(|(_, exported)| version.matches(exported)).map(|(at, _)| *at).collect()
    }

    /// The capsules that provide `wanted`, where a `*` of `wanted` stands for any one segment. A `*` that
    /// somebody provides is that character and nothing else.
    pub(crate) fn reference(&self, wanted: &CapabilityRef) -> Vec<usize> {
        let segments = || wanted.body.split('.');
        if !segments().any(|part| part == "*") {
            return self.exact.get(wanted).cloned().unwrap_or_default();
        }
        let candidates = self.shapes.get(&(wanted.kind, segments().count())).into_iter().flatten();
        let matches =
            |body: &str| segments().zip(body.split('.')).all(|(want, has)| want == "*" || want == has);
        candidates.filter(|(_, provided)| matches(&provided.body)).map(|(at, _)| *at).collect()
    }
}
