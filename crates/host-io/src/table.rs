//! Putting streams, pollables and errors into a store's table, counted against the principal's budget.

use astrid_host_context::{HostCx, Permit, QuotaExceeded, Resource as Budget};
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::drain::Drain;
use crate::limits::{DRAIN_GRACE, MAX_TABLE, POLLABLES, STREAMS};
use crate::{HostInput, HostOutput, InputStream, IoError, OutputStream, Pollable, Readiness};

/// The table's own bound, as a budget that refuses like the others.
static TABLE: Budget = Budget { name: "io.table-entries", default: MAX_TABLE as u64 };

/// What other host crates use to hand streams, pollables and errors to a guest. Implemented for every
/// [`HostCx`]. The share of a budget lives in the resource and comes back when it is dropped, one by
/// one or with the whole store.
pub trait IoTable {
    /// A new `input-stream`, charged to [`STREAMS`].
    ///
    /// # Errors
    /// [`QuotaExceeded`] for the caller's own quota arm; the source is dropped.
    fn push_input(
        &mut self,
        source: impl HostInput + 'static,
    ) -> Result<Resource<InputStream>, QuotaExceeded>;

    /// A new `output-stream`, charged to [`STREAMS`].
    ///
    /// # Errors
    /// [`QuotaExceeded`] for the caller's own quota arm; the sink is dropped.
    fn push_output(
        &mut self,
        sink: impl HostOutput + 'static,
    ) -> Result<Resource<OutputStream>, QuotaExceeded>;

    /// A new `pollable` on a source of its own, charged to [`POLLABLES`].
    ///
    /// # Errors
    /// [`QuotaExceeded`] for the caller's own quota arm; the source is dropped.
    fn push_pollable(
        &mut self,
        source: impl Readiness + 'static,
    ) -> Result<Resource<Pollable>, QuotaExceeded>;

    /// A new `pollable` on a resource of this table, as its child: the parent cannot be dropped
    /// before it. Charged to [`POLLABLES`].
    ///
    /// # Errors
    /// [`QuotaExceeded`] for the caller's own quota arm. A parent that is not in the table gives a
    /// pollable whose source is gone.
    fn subscribe<P: Readiness + 'static>(
        &mut self,
        parent: &Resource<P>,
    ) -> Result<Resource<Pollable>, QuotaExceeded>;

    /// A new `error`. Not charged beyond the table's own bound.
    ///
    /// # Errors
    /// [`QuotaExceeded`] when the store's table is full.
    fn push_error(&mut self, cause: IoError) -> Result<Resource<IoError>, QuotaExceeded>;
}

impl IoTable for HostCx<'_> {
    fn push_input(
        &mut self,
        source: impl HostInput + 'static,
    ) -> Result<Resource<InputStream>, QuotaExceeded> {
        let share = share(self, &STREAMS)?;
        bounded(self.table).push(InputStream::new(Box::new(source), share)).map_err(full)
    }

    fn push_output(
        &mut self,
        sink: impl HostOutput + 'static,
    ) -> Result<Resource<OutputStream>, QuotaExceeded> {
        let share = share(self, &STREAMS)?;
        let drain = Drain { token: self.call.cancellation().clone(), grace: DRAIN_GRACE };
        bounded(self.table).push(OutputStream::new(Box::new(sink), drain, share)).map_err(full)
    }

    fn push_pollable(
        &mut self,
        source: impl Readiness + 'static,
    ) -> Result<Resource<Pollable>, QuotaExceeded> {
        let share = share(self, &POLLABLES)?;
        bounded(self.table).push(Pollable::own(Box::new(source), share)).map_err(full)
    }

    fn subscribe<P: Readiness + 'static>(
        &mut self,
        parent: &Resource<P>,
    ) -> Result<Resource<Pollable>, QuotaExceeded> {
        let share = share(self, &POLLABLES)?;
        let table = bounded(self.table);
        let pollable = Pollable::of(parent, share);
        if table.get(parent).is_err() {
            return table.push(pollable).map_err(full);
        }
        table.push_child(pollable, parent).map_err(full)
    }

    fn push_error(&mut self, cause: IoError) -> Result<Resource<IoError>, QuotaExceeded> {
        bounded(self.table).push(cause).map_err(full)
    }
}

fn share(host: &HostCx<'_>, budget: &'static Budget) -> Result<Permit, QuotaExceeded> {
    host.services.quota().acquire(&host.subject(), budget, 1)
}

/// Holds every table this crate pushes into to the contract's bound; an embedder may set a lower one.
fn bounded(table: &mut ResourceTable) -> &mut ResourceTable {
    if table.max_capacity() > MAX_TABLE {
        table.set_max_capacity(MAX_TABLE);
    }
    table
}

fn full(_: ResourceTableError) -> QuotaExceeded {
    QuotaExceeded { resource: TABLE.name, limit: TABLE.default, requested: 1 }
}
