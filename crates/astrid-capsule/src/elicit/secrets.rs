//! Secrets that people typed, in the store that `sys.get-config` reads from.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_elicit::{AnswerText, BoxFuture, Secrets, SecretsUnavailable, Slot};
use astrid_host_sys::{SecretError, SecretScope, SecretStore};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// How long one call of the store may take when nobody waits for it any more.
const LIMIT: Duration = Duration::from_secs(5);

/// The host's secret store.
pub(super) struct Stored(pub(super) Arc<dyn SecretStore>);

impl Secrets for Stored {
    /// Reads it, because one that cannot be opened is none; the copy is wiped.
    fn has<'a>(&'a self, slot: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>> {
        Box::pin(async move {
            let found = self.0.get(&scope(slot), slot.key.as_str()).await;
            Ok(found.map_err(unavailable)?.is_some())
        })
    }

    fn store<'a>(
        &'a self,
        slot: &'a Slot,
        value: AnswerText,
    ) -> BoxFuture<'a, Result<(), SecretsUnavailable>> {
        Box::pin(async move {
            let stored = self.0.set(&scope(slot), slot.key.as_str(), value.into_buffer()).await;
            stored.map_err(unavailable)
        })
    }
}

fn scope(slot: &Slot) -> SecretScope {
    SecretScope { principal: Some(slot.principal.clone()), capsule: slot.capsule.clone() }
}

fn unavailable(error: SecretError) -> SecretsUnavailable {
    SecretsUnavailable(error.0)
}

/// The secrets of one lifecycle call: in the store at once, with what was there before kept in memory.
pub(crate) struct HookSecrets {
    store: Arc<dyn SecretStore>,
    written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
    before: HashMap<Slot, Option<Zeroizing<String>>>,
    /// Whatever comes after it was taken back comes too late.
    over: bool,
}

/// Takes back what a lifecycle call stored, if it is told to.
#[derive(Clone)]
pub(crate) struct Undo {
    store: Arc<dyn SecretStore>,
    written: Arc<Mutex<Written>>,
}

impl HookSecrets {
    pub(super) fn new(store: Arc<dyn SecretStore>) -> (Self, Undo) {
        let written = Arc::<Mutex<Written>>::default();
        (Self { store: store.clone(), written: written.clone() }, Undo { store, written })
    }
}

impl Secrets for HookSecrets {
    fn has<'a>(&'a self, slot: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>> {
        Box::pin(async move { Stored(self.store.clone()).has(slot).await })
    }

    fn store<'a>(
        &'a self,
        slot: &'a Slot,
        value: AnswerText,
    ) -> BoxFuture<'a, Result<(), SecretsUnavailable>> {
        Box::pin(async move {
            // Held until the write has ended, so that nothing is taken back before.
            let mut written = self.written.lock().await;
            if written.over {
                return Err(SecretsUnavailable("the lifecycle call is over".to_owned()));
            }
            if !written.before.contains_key(slot) {
                let before = self.store.get(&scope(slot), slot.key.as_str()).await.map_err(unavailable)?;
                written.before.insert(slot.clone(), before);
            }
            Stored(self.store.clone()).store(slot, value).await
        })
    }
}

impl Undo {
    /// Puts back what was there before, or nothing where there was nothing. What the store refuses is logged
    /// and stays.
    pub(crate) async fn run(&self) {
        let Ok(mut written) = tokio::time::timeout(LIMIT, self.written.lock()).await else {
            tracing::error!("secrets of a failed lifecycle call stay: the store is still busy with them");
            return;
        };
        written.over = true;
        for (slot, before) in written.before.drain() {
            let (scope, key) = (scope(&slot), slot.key.as_str());
            let back = async {
                match before {
                    Some(value) => self.store.set(&scope, key, value).await,
                    None => self.store.delete(&scope, key).await,
                }
            };
            let back = tokio::time::timeout(LIMIT, back).await;
            if !matches!(back, Ok(Ok(()))) {
                let (principal, capsule) = (&slot.principal, &slot.capsule);
                tracing::error!(%principal, %capsule, key, "a secret of a failed lifecycle call stays: {back:?}");
            }
        }
    }

    /// Runs when it is dropped, unless it is told to let be.
    pub(crate) fn armed(self) -> Armed {
        Armed(Some(self))
    }
}

/// An [`Undo`] that runs if nobody comes to say otherwise.
pub(crate) struct Armed(Option<Undo>);

impl Armed {
    /// What was stored stays, for now or for good.
    pub(crate) fn release(mut self) -> Option<Undo> {
        self.0.take()
    }

    /// Takes it back now.
    pub(crate) async fn fire(mut self) {
        if let Some(undo) = &self.0 {
            undo.run().await;
        }
        self.0 = None;
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and it is as after a crash.
        if let (Some(undo), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { undo.run().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_elicit::Key;
    use astrid_host_sys::FileSecrets;
    use astrid_host_testkit::contract;

    fn slot(key: &str) -> Slot {
        let (principal, capsule) = ("alice".parse().unwrap(), "mail".parse().unwrap());
        Slot { principal, capsule, key: Key::parse(key).unwrap() }
    }

    async fn read(store: &Arc<dyn SecretStore>, key: &str) -> Option<String> {
        let found = store.get(&scope(&slot(key)), key).await.unwrap();
        found.map(|value| value.to_string())
    }

    fn text(text: &str) -> AnswerText {
        AnswerText::from(text.to_owned())
    }

    #[tokio::test]
    async fn the_file_store_passes_the_suite() {
        let dir = tempfile::tempdir().unwrap();
        let count = std::sync::atomic::AtomicU32::new(0);
        contract::elicit::all(async || {
            let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Arc::new(Stored(Arc::new(FileSecrets::new(dir.path().join(n.to_string()))))) as Arc<dyn Secrets>
        })
        .await;
    }

    // elicit §3: has-secret never answers true for a record that does not open
    #[tokio::test]
    async fn a_file_that_is_no_secret_is_unavailable_and_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let stored = Stored(Arc::new(FileSecrets::new(dir.path())));
        stored.store(&slot("a"), text("x")).await.unwrap();
        std::fs::write(dir.path().join("alice/mail/a"), [0xff, 0xfe]).unwrap();
        stored.has(&slot("a")).await.unwrap_err();
        assert!(!stored.has(&slot("b")).await.unwrap());
    }

    // guest case 29
    #[tokio::test]
    async fn what_is_taken_back_is_as_it_was_before_and_whatever_comes_later_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn SecretStore> = Arc::new(FileSecrets::new(dir.path()));
        Stored(store.clone()).store(&slot("old"), text("1")).await.unwrap();
        let (secrets, undo) = HookSecrets::new(store.clone());
        for (key, value) in [("old", "2"), ("old", "3"), ("new", "4")] {
            secrets.store(&slot(key), text(value)).await.unwrap();
        }
        assert!(secrets.has(&slot("new")).await.unwrap());
        assert_eq!(
            (read(&store, "old").await.unwrap(), read(&store, "new").await.unwrap()),
            ("3".into(), "4".into())
        );
        undo.armed().fire().await;
        assert_eq!((read(&store, "old").await.as_deref(), read(&store, "new").await), (Some("1"), None));
        secrets.store(&slot("new"), text("late")).await.unwrap_err();
        assert_eq!(read(&store, "new").await, None);
    }

    #[tokio::test]
    async fn an_armed_one_runs_when_it_is_dropped_and_a_released_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn SecretStore> = Arc::new(FileSecrets::new(dir.path()));
        let (kept, undo) = HookSecrets::new(store.clone());
        kept.store(&slot("kept"), text("1")).await.unwrap();
        drop(undo.armed().release());
        let (secrets, undo) = HookSecrets::new(store.clone());
        secrets.store(&slot("dropped"), text("1")).await.unwrap();
        drop(undo.armed());
        while read(&store, "dropped").await.is_some() {
            tokio::task::yield_now().await;
        }
        assert!(read(&store, "kept").await.is_some());
    }
}
