//! What an embedder keeps in its store data for this package.

use std::sync::Arc;

use crate::{Approvals, Workspace};

/// The package's state of one wasmtime store. A clone is for another store of the same capsule.
#[derive(Debug, Clone)]
pub struct ApprovalCtx {
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) workspace: Workspace,
    pub(crate) component: Option<Arc<str>>,
}

impl ApprovalCtx {
    /// Starts from what the host's stores share, for a capsule that works in `workspace`.
    #[must_use]
    pub fn builder(approvals: Arc<Approvals>, workspace: Workspace) -> ApprovalCtxBuilder {
        ApprovalCtxBuilder(Self { approvals, workspace, component: None })
    }
}

/// Builds an [`ApprovalCtx`].
#[derive(Debug)]
pub struct ApprovalCtxBuilder(ApprovalCtx);

impl ApprovalCtxBuilder {
    /// The component's hash, for the records.
    #[must_use]
    pub fn component(mut self, hash: &str) -> Self {
        self.0.component = Some(hash.into());
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> ApprovalCtx {
        self.0
    }
}
