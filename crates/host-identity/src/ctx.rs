//! What an embedder keeps in its store data for this package.

use std::sync::Arc;

use crate::Identities;

/// The package's state of one wasmtime store. A clone is for another store of the same capsule.
#[derive(Debug, Clone)]
pub struct IdentityCtx {
    pub(crate) identities: Arc<Identities>,
    pub(crate) component: Option<Arc<str>>,
}

impl IdentityCtx {
    /// Starts from what the host's stores share.
    #[must_use]
    pub fn builder(identities: Arc<Identities>) -> IdentityCtxBuilder {
        IdentityCtxBuilder(Self { identities, component: None })
    }
}

/// Builds an [`IdentityCtx`].
#[derive(Debug)]
pub struct IdentityCtxBuilder(IdentityCtx);

impl IdentityCtxBuilder {
    /// The component's hash, for the records.
    #[must_use]
    pub fn component(mut self, hash: &str) -> Self {
        self.0.component = Some(hash.into());
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> IdentityCtx {
        self.0
    }
}
