//! The part of a store's state that belongs to net, and the view the functions run on.

use std::fmt;
use std::sync::Arc;

use astrid_airlock::{Airlock, RecentFailures};
use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::HasData;

use crate::lookups::LookupRates;
use crate::peer::{ClientEvents, FrameObserver, NoClientEvents};
use crate::tcp::SharedListeners;
use crate::{Connections, UnixEndpoint};

/// net's state of one store. A clone is for another store of the same capsule.
#[derive(Clone)]
pub struct NetCtx {
    pub(crate) airlock: Arc<Airlock>,
    pub(crate) endpoint: Option<Arc<UnixEndpoint>>,
    pub(crate) connections: Connections,
    pub(crate) listeners: Arc<SharedListeners>,
    pub(crate) lookups: Arc<LookupRates>,
    pub(crate) recent: Arc<RecentFailures>,
    pub(crate) observer: Option<Arc<dyn FrameObserver>>,
    pub(crate) events: Arc<dyn ClientEvents>,
}

impl NetCtx {
    /// A capsule's network behind this airlock: no local socket, nobody told of clients.
    #[must_use]
    pub fn builder(airlock: Arc<Airlock>) -> NetCtxBuilder {
        NetCtxBuilder(Self {
            airlock,
            endpoint: None,
            connections: Connections::new(),
            listeners: Arc::new(SharedListeners::new(1)),
            lookups: Arc::default(),
            recent: Arc::default(),
            observer: None,
            events: Arc::new(NoClientEvents),
        })
    }

    /// The same for a store whose framed reads this observer hears of.
    #[must_use]
    pub fn observed(&self, observer: Arc<dyn FrameObserver>) -> Self {
        Self { observer: Some(observer), ..self.clone() }
    }
}

impl fmt::Debug for NetCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetCtx").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Builds a [`NetCtx`].
#[derive(Debug)]
pub struct NetCtxBuilder(NetCtx);

impl NetCtxBuilder {
    /// The capsule's local socket, which `bind-unix` hands out.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Arc<UnixEndpoint>) -> Self {
        self.0.endpoint = Some(endpoint);
        self
    }

    /// Where open streams are noted, for a kernel that must be able to close them.
    #[must_use]
    pub fn connections(mut self, connections: Connections) -> Self {
        self.0.connections = connections;
        self
    }

    /// Stores that may share one TCP listener, manifest key `bind_workers`; 1 if not set.
    #[must_use]
    pub fn bind_workers(mut self, stores: usize) -> Self {
        self.0.listeners = Arc::new(SharedListeners::new(stores));
        self
    }

    /// Who hears of the outcome of framed reads; for uplinks.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn FrameObserver>) -> Self {
        self.0.observer = Some(observer);
        self
    }

    /// Who hears of local clients that come and go.
    #[must_use]
    pub fn client_events(mut self, events: Arc<dyn ClientEvents>) -> Self {
        self.0.events = events;
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> NetCtx {
        self.0
    }
}

/// Implemented by an embedder's store data to have net.
pub trait NetView: HostContext {
    /// net's state beside the shared context.
    fn net(&mut self) -> NetCtxView<'_>;
}

/// What every function of `astrid:net` runs on. Its inherent methods are the engine; the face calls them.
#[derive(Debug)]
pub struct NetCtxView<'a> {
    /// net's own state.
    pub ctx: &'a mut NetCtx,
    /// What all domains share.
    pub host: HostCx<'a>,
}

/// Names [`NetCtxView`] to wasmtime's linker.
#[derive(Debug, Clone, Copy)]
pub struct Net;

impl HasData for Net {
    type Data<'a> = NetCtxView<'a>;
}
