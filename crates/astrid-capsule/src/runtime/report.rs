//! What a boot came to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use astrid_capsule_discovery::{CycleError, Finding, Reason, Severity, Skipped, Unmet};

use crate::capsule::SharedCapsule;
use crate::{CapsuleError, Readiness};

/// A capsule that was loaded.
#[non_exhaustive]
pub struct Booted {
    /// The capsule.
    pub capsule: SharedCapsule,
    /// Whether its run loop signalled in time; one that did not may do so later.
    pub readiness: Readiness,
}

/// A capsule that is not running.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BootFailure {
    /// Its id.
    pub id: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Why: the load failed, or its run loop ended before it was ready.
    pub error: CapsuleError,
}

/// What a boot found, loaded and could not load. Whatever is in here was also logged.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BootReport {
    /// What runs, in load order.
    pub loaded: Vec<Booted>,
    /// What does not, in load order.
    pub failed: Vec<BootFailure>,
    /// What discovery left out.
    pub skipped: Vec<Skipped>,
    /// Capsules that need each other, so that all were loaded in the order they were found.
    pub cycle: Option<CycleError>,
    /// What capsules need and nothing found provides.
    pub unmet: Vec<Unmet>,
    /// What validation says of the capsules that were loaded.
    pub findings: Vec<Finding>,
    /// From the first look to the last event.
    pub took: Duration,
}

/// A boot that was to be without problems and was not.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.problems().join("\n"))]
pub struct BootError(Box<BootReport>);

impl BootReport {
    /// The ids of capsules that run and lack something they require, sorted.
    #[must_use]
    pub fn degraded(&self) -> Vec<&str> {
        let mut ids: Vec<_> = self.findings.iter().filter_map(Finding::degrades).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Everything an operator has to repair, one sentence each: what failed, manifests that were refused, cycles,
    /// required imports that nobody exports.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let refused = |one: &&Skipped| matches!(one.reason, Reason::BadManifest(_) | Reason::Unreadable(_));
        let skipped = self.skipped.iter().filter(refused).map(ToString::to_string);
        let failed = self.failed.iter().map(|one| one.error.to_string());
        let cycle = self.cycle.iter().map(ToString::to_string);
        let missing = self.findings.iter().filter(|one| one.severity() == Severity::Error);
        skipped.chain(failed).chain(cycle).chain(missing.map(ToString::to_string)).collect()
    }

    /// The same as an error if there is any problem. What is loaded stays loaded.
    ///
    /// # Errors
    /// [`BootError`], whose text is [`BootReport::problems`], one a line.
    pub fn strict(self) -> Result<Self, BootError> {
        if self.problems().is_empty() { Ok(self) } else { Err(BootError(Box::new(self))) }
    }
}

impl BootError {
    /// What the boot came to nevertheless.
    #[must_use]
    pub fn report(&self) -> &BootReport {
        &self.0
    }
}

impl fmt::Debug for Booted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Booted").field("id", &self.capsule.id()).field("readiness", &self.readiness).finish()
    }
}
