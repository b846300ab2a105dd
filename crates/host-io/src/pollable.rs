//! The pollable resource.

use std::any::Any;
use std::fmt;
use std::task::{Context, Poll};

use astrid_host_context::Permit;
use wasmtime::component::{Resource, ResourceTable};

use crate::readiness::unbudgeted;
use crate::{Readiness, ReadyState};

/// A guest's reusable view on a condition. Made by [`crate::IoTable::push_pollable`] for a source of
/// its own, or by [`crate::IoTable::subscribe`] for a resource that lives in the same table.
pub struct Pollable {
    source: Source,
    _share: Permit,
}

enum Source {
    Own(Box<dyn Readiness>),
    /// A table entry that cannot be deleted before this child of it is.
    Parent {
        rep: u32,
        ask: fn(&mut dyn Any, &mut Context<'_>) -> Poll<ReadyState>,
    },
}

impl Pollable {
    pub(crate) fn own(source: Box<dyn Readiness>, share: Permit) -> Self {
        Self { source: Source::Own(source), _share: share }
    }

    pub(crate) fn of<P: Readiness + 'static>(parent: &Resource<P>, share: Permit) -> Self {
        Self { source: Source::Parent { rep: parent.rep(), ask: ask_parent::<P> }, _share: share }
    }

    /// Asks the source behind a handle. A handle or parent that is not there counts as gone.
    pub(crate) fn poll_in(
        table: &mut ResourceTable,
        handle: &Resource<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<ReadyState> {
        let Ok(pollable) = table.get_mut(handle) else { return Poll::Ready(ReadyState::Gone) };
        let (rep, ask) = match &mut pollable.source {
            Source::Own(source) => return unbudgeted(cx, |cx| source.poll_ready(cx)),
            Source::Parent { rep, ask } => (*rep, *ask),
        };
        match table.get_any_mut(rep) {
            Ok(parent) => unbudgeted(cx, |cx| ask(&mut *parent, cx)),
            Err(_) => Poll::Ready(ReadyState::Gone),
        }
    }
}

fn ask_parent<P: Readiness + 'static>(parent: &mut dyn Any, cx: &mut Context<'_>) -> Poll<ReadyState> {
    parent.downcast_mut::<P>().map_or(Poll::Ready(ReadyState::Gone), |parent| parent.poll_ready(cx))
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Own(_) => "own",
            Source::Parent { .. } => "parent",
        };
        f.debug_struct("Pollable").field("source", &source).finish_non_exhaustive()
    }
}
