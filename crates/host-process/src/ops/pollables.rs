//! `subscribe-exit` and `subscribe-logs`, which have no way to fail but a trap.

use astrid_host_io::{IoTable, Pollable};
use wasmtime::component::Resource;

use super::lookup::reach;
use crate::handle::Condition;
use crate::op_table::{HANDLE_SUBSCRIBE_EXIT, HANDLE_SUBSCRIBE_LOGS};
use crate::{Error, ProcessCtxView, ProcessHandle};

impl ProcessCtxView<'_> {
    /// Ready once the child has ended. Gone at once where the handle may not be used.
    ///
    /// # Errors
    /// No room for a pollable.
    pub fn handle_subscribe_exit(
        &mut self,
        handle: &Resource<ProcessHandle>,
    ) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&HANDLE_SUBSCRIBE_EXIT);
        let host = &mut self.host;
        entry.run_always(|| {
            let reached = reach(host.table, &entry, handle).ok();
            let source = host.table.get(handle)?.source(Condition::Exit, reached.as_ref());
            host.push_pollable(source).map_err(Error::IoBudget)
        })
    }

    /// Ready while output waits and once the child has ended. Gone at once where the handle may not be used.
    ///
    /// # Errors
    /// No room for a pollable.
    pub fn handle_subscribe_logs(
        &mut self,
        handle: &Resource<ProcessHandle>,
    ) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&HANDLE_SUBSCRIBE_LOGS);
        let host = &mut self.host;
        entry.run_always(|| {
            let reached = reach(host.table, &entry, handle).ok();
            let source = host.table.get(handle)?.source(Condition::Logs, reached.as_ref());
            host.push_pollable(source).map_err(Error::IoBudget)
        })
    }
}
