//! What an embedder keeps in its store data for this package.

use std::fmt;
use std::sync::Arc;

use astrid_host_context::{Attribution, CallContext, Uuid};

use crate::{Error, MemorySecrets, Questions, Secrets};

/// The package's state of one wasmtime store. A clone is for another store of the same capsule.
#[derive(Clone)]
pub struct ElicitCtx {
    pub(crate) questions: Arc<Questions>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) component: Option<Arc<str>>,
    owner: Option<Uuid>,
}

impl ElicitCtx {
    /// Starts from what the host's stores share, with secrets in memory.
    #[must_use]
    pub fn builder(questions: Arc<Questions>) -> ElicitCtxBuilder {
        let secrets = Arc::new(MemorySecrets::new());
        ElicitCtxBuilder(Self { questions, secrets, component: None, owner: None })
    }

    /// Whether this call may ask, and to whom the question belongs then.
    ///
    /// # Errors
    /// [`Error::NotInLifecycle`].
    pub(crate) fn admit(&self, call: &CallContext) -> Result<Option<Uuid>, Error> {
        let served = call.caller().map(|caller| &caller.provenance);
        let served_owner = served.and_then(|provenance| provenance.request_owner);
        if call.phase().is_some() {
            return Ok(self.owner.or(served_owner));
        }
        let proven = served.is_some_and(|provenance| match &provenance.attribution {
            Attribution::Verified(who) => call.principal() == Some(who) && !who.is_anonymous(),
            Attribution::Claimed(_) | Attribution::System => false,
        });
        let live = served_owner.filter(|owner| self.questions.prompter.is_live(*owner));
        match live {
            Some(owner) if self.questions.interactive && proven => Ok(Some(owner)),
            _ => Err(Error::NotInLifecycle),
        }
    }
}

impl fmt::Debug for ElicitCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElicitCtx").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Builds an [`ElicitCtx`].
#[derive(Debug)]
pub struct ElicitCtxBuilder(ElicitCtx);

impl ElicitCtxBuilder {
    /// Where secrets go.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn Secrets>) -> Self {
        self.0.secrets = secrets;
        self
    }

    /// The connection, or the installer in the process, that install and upgrade run for. Default: that of the
    /// message being served, if any.
    #[must_use]
    pub fn owner(mut self, owner: Uuid) -> Self {
        self.0.owner = Some(owner);
        self
    }

    /// The component's hash, for the records.
    #[must_use]
    pub fn component(mut self, hash: &str) -> Self {
        self.0.component = Some(hash.into());
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> ElicitCtx {
        self.0
    }
}
