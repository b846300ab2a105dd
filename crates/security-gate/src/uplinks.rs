//! Which endpoints an uplink may register.

use std::collections::HashSet;

use astrid_capsule_manifest::UplinkDef;

/// The declared endpoints, if there are any, and the platforms the operator blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct UplinkRules {
    /// `platform:name`; a platform holds no colon.
    declared: Option<HashSet<Box<str>>>,
    blocked: HashSet<Box<str>>,
}

impl UplinkRules {
    pub(crate) fn new(declared: &[UplinkDef], blocked: impl IntoIterator<Item = String>) -> Self {
        let spelling = |uplink: &UplinkDef| format!("{}:{}", uplink.platform, uplink.name).into();
        Self {
            declared: (!declared.is_empty()).then(|| declared.iter().map(spelling).collect()),
            blocked: blocked.into_iter().map(|one| one.trim().to_ascii_lowercase().into()).collect(),
        }
    }

    /// Why `platform:name` may not be registered, if it may not.
    pub(crate) fn refuse(&self, endpoint: &str) -> Option<&'static str> {
        let Some((platform, _)) = endpoint.split_once(':') else { return Some("no platform is named") };
        if self.blocked.contains(platform) {
            return Some("the operator blocks this platform");
        }
        let undeclared = self.declared.as_ref().is_some_and(|declared| !declared.contains(endpoint));
        undeclared.then_some("no [[uplink]] entry declares it")
    }

    /// The declared endpoints, sorted.
    pub(crate) fn declared(&self) -> Vec<&str> {
        let mut declared: Vec<&str> = self.declared.iter().flatten().map(AsRef::as_ref).collect();
        declared.sort_unstable();
        declared
    }
}
