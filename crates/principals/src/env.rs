//! Values an operator set for one principal and capsule: `home/{principal}/.config/env/{capsule}.env.json`.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use astrid_host_context::Scope;
use parking_lot::RwLock;

use crate::file::{Privacy, Root, Stamp};

type Values = HashMap<String, String>;

/// Overlays as files. They are looked at when an invocation first asks ([`EnvFiles::refresh`]) and read
/// only when they changed, so that a change counts from the next invocation on.
#[derive(Debug)]
pub struct EnvFiles {
    root: Root,
    /// Only of files that are there: a name without a file takes no room.
    known: RwLock<HashMap<Scope, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    stamp: Stamp,
    values: Arc<Values>,
}

impl EnvFiles {
    /// Files below `root`, which must exist.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: Root::open(root)?, known: RwLock::default() })
    }

    /// Brings the values of `scope` up to date. Asks the kernel's cache for the file's times on the calling
    /// thread; what the cache does not know, and a file that changed, is read on a blocking thread.
    pub async fn refresh(self: &Arc<Self>, scope: &Scope) {
        if self.is_current(scope) {
            return;
        }
        let (files, scope) = (self.clone(), scope.clone());
        // It fails only when the runtime shuts down; then nobody asks for the values.
        let _ = tokio::task::spawn_blocking(move || files.refresh_now(&scope)).await;
    }

    /// The same on the calling thread, which may wait for a disk.
    pub fn refresh_now(&self, scope: &Scope) {
        let Some(place) = Place::of(scope) else { return };
        // Before the text: what is written in between shows at the next look.
        let stamp = self.root.stamp(&place.path());
        let known = self.known.read().get(scope).map(|known| known.stamp);
        if known.unwrap_or(Stamp::ABSENT).still(&stamp) {
            return;
        }
        if !stamp.is_present() {
            self.known.write().remove(scope);
            return;
        }
        let text = self.root.read(&place.folders(), &place.file, Privacy::OwnerOnly);
        let values = text.map_err(|error| error.to_string()).and_then(|text| match text {
            Some(text) => parse(&text),
            None => Ok(Values::new()),
        });
        let values = values.unwrap_or_else(|problem| {
            tracing::warn!(
                target: "astrid.principals",
                file = place.path(),
                "an overlay is not used, as a whole: {problem}; allowed: one JSON object of texts, mode 0600"
            );
            Values::new()
        });
        self.known.write().insert(scope.clone(), Known { stamp, values: Arc::new(values) });
    }

    /// The value of `key` as of the last refresh.
    #[must_use]
    pub fn get(&self, scope: &Scope, key: &str) -> Option<String> {
        self.known.read().get(scope)?.values.get(key).cloned()
    }

    /// Replaces the whole file: after a crash it holds the old values or the new. Waits for the disk.
    ///
    /// # Errors
    /// `scope` is nobody's, or the file cannot be written.
    pub fn replace(&self, scope: &Scope, values: &Values) -> io::Result<()> {
        let place = Place::of(scope).ok_or_else(|| io::Error::other("an overlay belongs to a principal"))?;
        let text = serde_json::to_string_pretty(values).map_err(io::Error::other)?;
        self.root.replace(&place.folders(), &place.file, &text)
    }

    /// What the file holds now, for whoever changes it; `None` if there is none. Waits for the disk.
    ///
    /// # Errors
    /// It cannot be read, or is not what an overlay is.
    pub fn read(&self, scope: &Scope) -> io::Result<Option<Values>> {
        let Some(place) = Place::of(scope) else { return Ok(None) };
        let text = self.root.read(&place.folders(), &place.file, Privacy::OwnerOnly)?;
        text.map(|text| parse(&text).map_err(io::Error::other)).transpose()
    }

    /// Removes the file, if there is one. Waits for the disk.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, scope: &Scope) -> io::Result<()> {
        Place::of(scope).map_or(Ok(()), |place| self.root.remove(&place.folders(), &place.file))
    }

    fn is_current(&self, scope: &Scope) -> bool {
        let Some(place) = Place::of(scope) else { return true };
        let Some(now) = self.root.stamp_cached(&place.path()) else { return false };
        self.known.read().get(scope).map_or(Stamp::ABSENT, |known| known.stamp).still(&now)
    }
}

/// Where the overlay of one scope is.
struct Place<'a> {
    principal: &'a str,
    file: String,
}

impl<'a> Place<'a> {
    fn of(scope: &'a Scope) -> Option<Self> {
        let principal = scope.principal.as_ref()?.as_str();
        Some(Self { principal, file: format!("{}.env.json", scope.capsule) })
    }

    fn folders(&self) -> [&str; 4] {
        ["home", self.principal, ".config", "env"]
    }

    /// Below the host's root.
    fn path(&self) -> String {
        format!("home/{}/.config/env/{}", self.principal, self.file)
    }
}

fn parse(text: &str) -> Result<Values, String> {
    let serde_json::Value::Object(object) = serde_json::from_str(text).map_err(|error| error.to_string())?
    else {
        return Err("is not an object".to_owned());
    };
    let entry = |(key, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(value) => Ok((key, value)),
        _ => Err(format!("the value of {key:?} is not a text")),
    };
    object.into_iter().map(entry).collect()
}
