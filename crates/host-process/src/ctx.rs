//! What an embedder keeps in its store data for this package.

use std::fmt;
use std::sync::{Arc, Weak};

use astrid_host_context::{Entry, Held, Permit};

use crate::child::Child;
use crate::limits::{ATTACHED, ceiling};
use crate::{Error, Processes};

/// The package's state of one wasmtime store. A clone is for another store of the same capsule: it has no
/// attached handles.
pub struct ProcessCtx {
    pub(crate) processes: Arc<Processes>,
    pub(crate) component: Option<Arc<str>>,
    pub(crate) call_id: Option<Arc<str>>,
    attached: Held<()>,
    /// What handles of the store own, some of it over already.
    owned: Vec<Weak<Child>>,
}

impl ProcessCtx {
    /// Starts from what the host's stores share.
    #[must_use]
    pub fn builder(processes: Arc<Processes>) -> ProcessCtxBuilder {
        let attached = Held::default();
        ProcessCtxBuilder(Self { processes, component: None, call_id: None, attached, owned: Vec::new() })
    }

    /// What all stores share.
    #[must_use]
    pub fn processes(&self) -> &Arc<Processes> {
        &self.processes
    }

    /// Whether a child lives that would be killed with the store: a kernel that evicts idle instances leaves
    /// this one.
    #[must_use]
    pub fn holds_children(&self) -> bool {
        self.owned.iter().any(|child| child.upgrade().is_some_and(|child| child.ended().is_none()))
    }

    pub(crate) fn own(&mut self, child: &Arc<Child>) {
        self.owned.retain(|child| child.strong_count() > 0);
        self.owned.push(Arc::downgrade(child));
    }

    /// What the invocation that begins calls itself, for [`Processes::request_cancel`]. The kernel sets it
    /// before each.
    pub fn set_call_id(&mut self, call_id: Option<&str>) {
        self.call_id = call_id.map(Into::into);
    }

    pub(crate) fn attach(&self, entry: &Entry) -> Result<Permit, Error> {
        let taken = self.attached.take((), 1, &ATTACHED, ceiling(entry, &ATTACHED));
        taken.map_err(|full| Error::TooMany { what: full.resource, limit: full.limit })
    }
}

impl Clone for ProcessCtx {
    fn clone(&self) -> Self {
        Self {
            processes: self.processes.clone(),
            component: self.component.clone(),
            call_id: None,
            attached: Held::default(),
            owned: Vec::new(),
        }
    }
}

impl fmt::Debug for ProcessCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessCtx").field("processes", &self.processes).finish_non_exhaustive()
    }
}

/// Builds a [`ProcessCtx`].
#[derive(Debug)]
pub struct ProcessCtxBuilder(ProcessCtx);

impl ProcessCtxBuilder {
    /// The component's hash, for the records.
    #[must_use]
    pub fn component(mut self, hash: &str) -> Self {
        self.0.component = Some(hash.into());
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> ProcessCtx {
        self.0
    }
}
