//! A store over another, whose changes are kept back.

mod change;
mod overlay;

use std::sync::Arc;

use astrid_host_context::Scope;

use crate::spaces::{Spaces, locked};
use crate::{
    Answer, Applied, Cursor, Key, MAX_LISTED, Mutation, Page, Prefix, Receipt, Store, StoreError, Terms,
    Usage,
};
pub use change::{Change, replay};
use overlay::{Below, Overlay};

/// Reads as the store below with every change made through it, and changes nothing below: for work that
/// is to be kept as a whole or not at all. What it came to, [`Staged::changes`] says and [`replay`] writes;
/// dropping it instead forgets it.
///
/// All namespaces are staged, so that nothing at all reaches the store below, and dropping one is staged
/// too: it removes every key. Limits are those of the mutations and count what lies below. The
/// namespaces worked on must not be changed from elsewhere meanwhile: reads would show it for keys that
/// were not touched here, and the usage would not count it.
///
/// In memory are the values staged, which the limits bound, and the names of keys to be removed below.
pub struct Staged {
    base: Arc<dyn Store>,
    overlays: Spaces<Overlay>,
}

impl Staged {
    /// Nothing staged yet over `base`.
    #[must_use]
    pub fn new(base: Arc<dyn Store>) -> Self {
        Self { base, overlays: Spaces::default() }
    }

    /// The state that each key which is different from below is to have: each key once, the order does
    /// not matter, and writing it again changes nothing.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let overlays = self.overlays.all();
        let of_each = overlays.iter().flat_map(|(scope, overlay)| locked(overlay).changes(scope));
        of_each.collect()
    }

    async fn change(&self, scope: &Scope, mutation: Mutation, terms: Terms) -> Result<Applied, StoreError> {
        let overlay = self.overlays.of(scope);
        let mut below = Below { usage: self.usage(scope).await?, ..Below::default() };
        match &mutation {
            Mutation::Set { key, .. } | Mutation::Cas { key, .. } | Mutation::Delete { key } => {
                if !locked(&overlay).touched(key.as_str()) {
                    below.value = self.base.get(scope, key).await?;
                }
            }
            Mutation::Clear { prefix } => {
                let sized = !prefix.as_str().is_empty();
                for key in self.listed(scope, prefix).await? {
                    let value = match sized && !locked(&overlay).touched(&key) {
                        true => self.base.get(scope, &parsed(&key)?).await?,
                        false => None,
                    };
                    let bytes = value.map_or(0, |value| crate::memory::size(&key, &value));
                    below.matching.push((parsed(&key)?, bytes));
                }
            }
        }
        // What lies below does not change, so it is as good here as when it was read.
        Ok(locked(&overlay).apply(mutation, terms, below))
    }

    /// All keys below with the prefix.
    async fn listed(&self, scope: &Scope, prefix: &Prefix) -> Result<Vec<String>, StoreError> {
        let mut all = Page { keys: Vec::new(), more: true };
        while all.more {
            all = self.longer(scope, prefix, None, all, MAX_LISTED).await?;
        }
        Ok(all.keys)
    }

    /// A listing below with up to `limit` further keys.
    async fn longer(
        &self,
        scope: &Scope,
        prefix: &Prefix,
        after: Option<&Cursor>,
        mut so_far: Page,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let last =
            so_far.keys.last().map(|last| Cursor::parse(last.as_str()).map_err(foreign)).transpose()?;
        let next = self.base.page(scope, prefix, last.as_ref().or(after), limit).await?;
        so_far.more = next.more && !next.keys.is_empty();
        so_far.keys.extend(next.keys);
        Ok(so_far)
    }

    async fn merged(
        &self,
        scope: &Scope,
        prefix: &Prefix,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let overlay = self.overlays.of(scope);
        let mut below = Page { keys: Vec::new(), more: true };
        let mut ask = limit.saturating_add(1);
        loop {
            below = self.longer(scope, prefix, after, below, ask).await?;
            if let Some(page) = locked(&overlay).page(prefix, after, limit, &below) {
                return Ok(page);
            }
            // Most of what was read is removed here: ever larger steps keep the whole linear.
            ask = ask.saturating_mul(2);
        }
    }
}

impl Store for Staged {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<crate::Value>> {
        match self.overlays.existing(scope).and_then(|overlay| locked(&overlay).get(key.as_str())) {
            Some(staged) => Answer::ready(Ok(staged)),
            None => self.base.get(scope, key),
        }
    }

    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        prefix: &'a Prefix,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> Answer<'a, Page> {
        match self.overlays.existing(scope) {
            Some(_) => Answer::later(self.merged(scope, prefix, after, limit)),
            None => self.base.page(scope, prefix, after, limit),
        }
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        Answer::later(async move {
            let applied = self.change(scope, mutation, terms).await?;
            Ok(Answer::ready(Ok(applied)))
        })
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        match self.overlays.existing(scope).and_then(|overlay| locked(&overlay).usage()) {
            Some(usage) => Answer::ready(Ok(usage)),
            None => self.base.usage(scope),
        }
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        Answer::later(async move {
            let everything = Mutation::Clear { prefix: Prefix::default() };
            self.change(scope, everything, Terms::commit(change::UNLIMITED)).await.map(drop)
        })
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged").field("overlays", &self.overlays).finish_non_exhaustive()
    }
}

fn parsed(key: &str) -> Result<Key, StoreError> {
    Key::parse(key).map_err(foreign)
}

fn foreign(error: crate::InvalidKey) -> StoreError {
    StoreError::Corrupt(format!("a stored key is none: {error}"))
}
