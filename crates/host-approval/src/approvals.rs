//! What all stores of a host share: who asks, what is remembered, how many questions wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{AllowanceStore, Forgotten, MemoryGrants, OpenQuestions, Places, Prompter};

/// How long an answer is waited for, the contract's figure: time to read a command, not to go and ask.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Shared by all stores of a host.
pub struct Approvals {
    pub(crate) prompter: Arc<dyn Prompter>,
    pub(crate) store: Arc<AllowanceStore>,
    pub(crate) places: Arc<Places>,
    pub(crate) open: Arc<dyn OpenQuestions>,
    pub(crate) patience: Duration,
}

/// Builds [`Approvals`].
#[derive(Debug)]
pub struct ApprovalsBuilder(Approvals);

impl Approvals {
    /// Questions that `prompter` puts, [`PATIENCE`] long. Consent is remembered in memory alone, unless
    /// [`ApprovalsBuilder::store`] says otherwise.
    #[must_use]
    pub fn builder(prompter: Arc<dyn Prompter>) -> ApprovalsBuilder {
        ApprovalsBuilder(Self {
            prompter,
            store: Arc::new(AllowanceStore::new(Arc::new(MemoryGrants::new()))),
            places: Arc::default(),
            open: Arc::new(Forgotten),
            patience: PATIENCE,
        })
    }

    /// What is remembered, for operators and for the ends of sessions and principals.
    #[must_use]
    pub fn store(&self) -> &Arc<AllowanceStore> {
        &self.store
    }

    /// Where questions wait.
    #[must_use]
    pub fn places(&self) -> &Arc<Places> {
        &self.places
    }
}

impl ApprovalsBuilder {
    /// Where consent is remembered.
    #[must_use]
    pub fn store(mut self, store: Arc<AllowanceStore>) -> Self {
        self.0.store = store;
        self
    }

    /// Where questions wait, shared with whatever else of a kernel asks the same people.
    #[must_use]
    pub fn places(mut self, places: Arc<Places>) -> Self {
        self.0.places = places;
        self
    }

    /// Where questions that are put are noted. Default: nowhere.
    #[must_use]
    pub fn open_questions(mut self, open: Arc<dyn OpenQuestions>) -> Self {
        self.0.open = open;
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
    pub fn build(self) -> Arc<Approvals> {
        Arc::new(self.0)
    }
}

impl fmt::Debug for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approvals").field("pending", &self.places.taken()).finish_non_exhaustive()
    }
}
