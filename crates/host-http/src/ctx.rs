//! The part of a store's state that belongs to http, and the view the functions run on.

use std::fmt;
use std::sync::Arc;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::HasData;

use crate::client::HttpClient;
use crate::consent::{Consent, NoConsent};
use crate::secrets::{NoSecrets, Secrets};

/// http's state of one store.
#[derive(Clone)]
pub struct HttpCtx {
    pub(crate) client: Arc<HttpClient>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) consent: Arc<dyn Consent>,
}

impl HttpCtx {
    /// Starts the state of a store that asks through `client`.
    #[must_use]
    pub fn builder(client: Arc<HttpClient>) -> HttpCtxBuilder {
        HttpCtxBuilder(Self { client, secrets: Arc::new(NoSecrets), consent: Arc::new(NoConsent) })
    }
}

impl fmt::Debug for HttpCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCtx").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Builds an [`HttpCtx`].
#[derive(Debug)]
pub struct HttpCtxBuilder(HttpCtx);

impl HttpCtxBuilder {
    /// Whence placeholders in header values come; without it none is declared.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn Secrets>) -> Self {
        self.0.secrets = secrets;
        self
    }

    /// Who is asked about local addresses that no rule admits; without it nobody is.
    #[must_use]
    pub fn consent(mut self, consent: Arc<dyn Consent>) -> Self {
        self.0.consent = consent;
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> HttpCtx {
        self.0
    }
}

/// Implemented by an embedder's store data to have http.
pub trait HttpView: HostContext {
    /// http's state beside the shared context.
    fn http(&mut self) -> HttpCtxView<'_>;
}

/// What every function of `astrid:http` runs on. Its inherent methods are the engine; the faces call them.
#[derive(Debug)]
pub struct HttpCtxView<'a> {
    /// http's own state.
    pub ctx: &'a mut HttpCtx,
    /// What all domains share.
    pub host: HostCx<'a>,
}

/// Names [`HttpCtxView`] to wasmtime's linker.
#[derive(Debug, Clone, Copy)]
pub struct Http;

impl HasData for Http {
    type Data<'a> = HttpCtxView<'a>;
}
