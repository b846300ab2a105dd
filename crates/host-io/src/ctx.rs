//! The part of a store's state that belongs to io, and the view the functions run on.

use std::time::Duration;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::HasData;

use crate::limits::DRAIN_GRACE;

/// io's own settings of one store.
#[derive(Debug, Clone)]
pub struct IoCtx {
    drain_grace: Duration,
}

impl IoCtx {
    /// The contract's settings.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts from the contract's settings.
    #[must_use]
    pub fn builder() -> IoCtxBuilder {
        IoCtxBuilder { drain_grace: DRAIN_GRACE }
    }

    pub(crate) fn drain_grace(&self) -> Duration {
        self.drain_grace
    }
}

impl Default for IoCtx {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds an [`IoCtx`].
#[derive(Debug, Clone)]
pub struct IoCtxBuilder {
    drain_grace: Duration,
}

impl IoCtxBuilder {
    /// How long an output stream the guest dropped may go on sending; at most [`DRAIN_GRACE`], which is the default.
    #[must_use]
    pub fn drain_grace(mut self, grace: Duration) -> Self {
        self.drain_grace = grace.min(DRAIN_GRACE);
        self
    }

    /// The finished settings.
    #[must_use]
    pub fn build(self) -> IoCtx {
        IoCtx { drain_grace: self.drain_grace }
    }
}

/// Implemented by an embedder's store data to have io.
pub trait IoView: HostContext {
    /// io's state beside the shared context.
    fn io(&mut self) -> IoCtxView<'_>;
}

/// What every function of `astrid:io` runs on. Its inherent methods are the engine; the faces call them.
#[derive(Debug)]
pub struct IoCtxView<'a> {
    /// io's own settings.
    pub ctx: &'a mut IoCtx,
    /// What all domains share.
    pub host: HostCx<'a>,
}

/// Names [`IoCtxView`] to wasmtime's linker.
#[derive(Debug, Clone, Copy)]
pub struct Io;

impl HasData for Io {
    type Data<'a> = IoCtxView<'a>;
}
