//! What all stores of a host share: who asks, how many questions wait, how busy the secret store is.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{Entry, Held, Permit, Principal, Resource};
use tokio::sync::Semaphore;

use crate::{Error, Prompter, SecretsUnavailable};

/// Questions that wait at once, host-wide: more than people look at, few enough to be nothing in memory.
pub static PENDING: Resource = Resource { name: "elicit.pending", default: 64 };
/// Questions that wait for one principal, over all capsules: nobody answers more at a time.
pub static PENDING_OF_PRINCIPAL: Resource = Resource { name: "elicit.pending-of-principal", default: 4 };

/// How long an answer is waited for, the contract's figure: time to find a key, not to go to lunch.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long the secret store may take for one call: a keyring that asks its user must not hold a guest for ever.
const STORE_LIMIT: Duration = Duration::from_secs(5);
/// Calls of the secret store under way, waiting included: what one slow thread works off in a minute.
const STORE_QUEUE: usize = 64;

/// Shared by all stores of a host.
pub struct Questions {
    pub(crate) prompter: Arc<dyn Prompter>,
    pub(crate) interactive: bool,
    pub(crate) patience: Duration,
    /// `None` is all of the host.
    pending: Held<Option<Principal>>,
    store: Arc<Semaphore>,
}

/// Builds [`Questions`].
#[derive(Debug)]
pub struct QuestionsBuilder(Questions);

impl Questions {
    /// Questions that `prompter` puts, [`PATIENCE`] long, while a capsule is installed or upgraded and at no
    /// other time.
    #[must_use]
    pub fn builder(prompter: Arc<dyn Prompter>) -> QuestionsBuilder {
        QuestionsBuilder(Self {
            prompter,
            interactive: false,
            patience: PATIENCE,
            pending: Held::default(),
            store: Arc::new(Semaphore::new(STORE_QUEUE)),
        })
    }

    /// Questions that wait now, host-wide.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.of(&None)
    }

    /// Two places, given back when dropped.
    pub(crate) fn place(&self, entry: &Entry, who: &Principal) -> Result<[Permit; 2], Error> {
        let take = |account: Option<Principal>, resource| {
            let limit = entry.limit(resource);
            let taken = self.pending.take(account, 1, resource, limit);
            taken.map_err(|exceeded| Error::TooManyPending(exceeded.limit))
        };
        Ok([take(Some(who.clone()), &PENDING_OF_PRINCIPAL)?, take(None, &PENDING)?])
    }

    /// One call of the secret store, in a task of its own: one that takes too long goes on there and keeps its
    /// place, so that a store that hangs is soon asked nothing more.
    pub(crate) async fn of_store<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SecretsUnavailable>> + Send + 'static,
    ) -> Result<T, SecretsUnavailable> {
        let place = self.store.clone().try_acquire_owned();
        let place = place.map_err(|_full| SecretsUnavailable(format!("{STORE_QUEUE} calls are waiting")))?;
        let task = tokio::spawn(async move {
            let done = work.await;
            drop(place);
            done
        });
        match tokio::time::timeout(STORE_LIMIT, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(ended)) => Err(SecretsUnavailable(ended.to_string())),
            Err(_elapsed) => Err(SecretsUnavailable(format!("no answer within {} s", STORE_LIMIT.as_secs()))),
        }
    }
}

impl QuestionsBuilder {
    /// Whether a call outside of install and upgrade may ask too, if it serves a message of a proven principal
    /// whose connection is open: the operator's `elicit.runtime = "interactive"`. Some deployed guests ask from
    /// their loops. Default: no.
    #[must_use]
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.0.interactive = interactive;
        self
    }

    /// How long an answer is waited for; more than [`PATIENCE`] counts as that.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.0.patience = patience.min(PATIENCE);
        self
    }

    /// The finished value.
    #[must_use]
    pub fn build(self) -> Arc<Questions> {
        Arc::new(self.0)
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Questions").field("pending", &self.pending()).finish_non_exhaustive()
    }
}
