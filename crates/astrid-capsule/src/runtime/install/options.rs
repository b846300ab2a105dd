//! What whoever installs says, and what they are asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use astrid_capsule_install::{Conflict, Step, Wishes};
use astrid_capsule_manifest::EnvDef;
use astrid_host_context::Principal;

use crate::BoxFuture;

/// What is to be installed, and how. Without [`InstallOptions::desk`] nobody is asked: what the capsule would be
/// allowed is refused, and values that are not given stay unresolved.
#[derive(Clone)]
pub struct InstallOptions {
    pub(super) source: PathBuf,
    pub(super) principal: Option<Principal>,
    pub(super) wishes: Wishes,
    pub(super) values: Vec<(String, String)>,
    pub(super) desk: Arc<dyn InstallDesk>,
    pub(super) load: bool,
}

impl InstallOptions {
    /// Installs the directory or `.capsule` archive `source` for the runtime's owner.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            principal: None,
            wishes: Wishes::default(),
            values: Vec::new(),
            desk: Arc::new(Nobody),
            load: true,
        }
    }

    /// For another principal.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Installs a version that is installed already once more, with its install hook.
    #[must_use]
    pub fn reinstall(mut self, again: bool) -> Self {
        self.wishes.reinstall = again;
        self
    }

    /// Accepts a version that is lower than the installed one.
    #[must_use]
    pub fn allow_downgrade(mut self, allow: bool) -> Self {
        self.wishes.allow_downgrade = allow;
        self
    }

    /// Sets a key of the manifest's `[env]`, over what is stored. The value of an array is a JSON list of texts, or texts
    /// with commas between them.
    #[must_use]
    pub fn value(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.push((key.into(), value.into()));
        self
    }

    /// Asks `desk` for approval and for values.
    #[must_use]
    pub fn desk(mut self, desk: Arc<dyn InstallDesk>) -> Self {
        self.desk = desk;
        self
    }

    /// Whether the capsule is loaded when it is installed. Default: yes. One that is loaded already is replaced either
    /// way, except one that was loaded from elsewhere: that goes on.
    #[must_use]
    pub fn load(mut self, load: bool) -> Self {
        self.load = load;
        self
    }
}

impl std::fmt::Debug for InstallOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_struct("InstallOptions").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Somebody who can be asked during an installation.
pub trait InstallDesk: Send + Sync {
    /// What is about to be installed; before anything is asked or changed.
    fn show(&self, proposal: &Proposal) {
        let _ = proposal;
    }

    /// Whether the capsule may do what it asks for beyond what was approved before. Asked only if that is something.
    fn approve<'a>(&'a self, proposal: &'a Proposal) -> BoxFuture<'a, bool>;

    /// A value for a key that has none; `None` when nobody answers: then nothing more is asked.
    fn value<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Option<Answer>>;
}

/// A capsule that is about to be installed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Proposal {
    /// Its name.
    pub capsule: String,
    /// Its version.
    pub version: String,
    /// First installation, upgrade, or once more.
    pub step: Step,
    /// What it asks to be allowed and is not yet, by key of `[capabilities]`.
    pub added: BTreeMap<&'static str, Vec<String>>,
    /// What is odd about its manifest or size; one line each.
    pub warnings: Vec<String>,
    /// Interfaces that an installed capsule exports too.
    pub conflicts: Vec<Conflict>,
}

impl Proposal {
    /// What it asks to be allowed, one line for each key, such as `net: x.io, y.io`.
    #[must_use]
    pub fn added_lines(&self) -> Vec<String> {
        self.added.iter().map(|(key, entries)| format!("{key}: {}", entries.join(", "))).collect()
    }
}

/// A key of the manifest's `[env]` that has no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Question {
    /// The key.
    pub key: String,
    /// What the manifest says of it. Options that would have to be fetched (`options_from`) are not: the answer is any
    /// text then.
    pub env: EnvDef,
}

/// What was answered to a [`Question`].
#[derive(Clone)]
pub enum Answer {
    /// Nothing: the default is used. Without one the empty text is stored, so that nobody is asked again; a secret
    /// stays absent.
    Blank,
    /// A text, one of the options, or a secret.
    Text(String),
    /// The elements of an array.
    List(Vec<String>),
}

/// Nobody is there.
struct Nobody;

impl InstallDesk for Nobody {
    fn approve<'a>(&'a self, _: &'a Proposal) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }

    fn value<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Option<Answer>> {
        Box::pin(std::future::ready(None))
    }
}
