//! From what a guest hands in to a child it may use.

use std::sync::Arc;

use astrid_host_context::{Action, Denial, Entry, Request, Target};
use wasmtime::component::{Resource, ResourceTable};

use crate::ctx::ProcessCtx;
use crate::handle::Reached;
use crate::op_table::MAY_SPAWN;
use crate::registry::Kept;
use crate::{Error, ProcessHandle};

/// Asks the gate and leaves the record's target as it is.
pub(super) fn may(entry: &Entry, action: Action, target: Target<'_>) -> Result<(), Denial> {
    let call = entry.call();
    let request = Request { principal: call.principal(), capsule: call.capsule(), action, target };
    entry.services().policy().check(&request)
}

/// What of a child an id names, for who may see it. All others, and every other text, take the same way.
pub(super) fn find(ctx: &ProcessCtx, entry: &Entry, id: &str) -> Result<Arc<Kept>, Error> {
    let hash = ctx.processes.ids.hash(id);
    entry.target(Target::Other { kind: "process", name: &hash.mark() });
    may(entry, MAY_SPAWN, Target::None)?;
    ctx.processes.registry.find(&hash, entry.call()).ok_or(Error::NoSuchProcess)
}

/// What a handle leads to.
pub(super) fn reach(
    table: &mut ResourceTable,
    entry: &Entry,
    handle: &Resource<ProcessHandle>,
) -> Result<Reached, Error> {
    let handle = table.get(handle)?;
    may(entry, MAY_SPAWN, Target::None)?;
    if handle.principal.as_ref() != entry.call().principal() {
        return Err(Error::ForeignHandle);
    }
    let reached = handle.reach()?;
    entry.target(Target::Other { kind: "process", name: &reached.child.mark });
    Ok(reached)
}
