//! `pollable` and `poll`.

use std::task::{Context, Poll};

use wasmtime::component::{Resource, ResourceTable};

use super::wait::wait;
use crate::limits::{MAX_POLL, POLL_MEMBERS};
use crate::op_table::{BLOCK, POLL, READY};
use crate::readiness::probe;
use crate::{Error, IoCtxView, Pollable, ReadyState};

impl IoCtxView<'_> {
    /// True exactly if [`IoCtxView::block`] would return now.
    ///
    /// # Errors
    /// None.
    pub fn ready(&mut self, pollable: &Resource<Pollable>) -> Result<bool, Error> {
        let entry = self.host.enter(&READY);
        let table = &mut *self.host.table;
        entry.run_always(|| {
            Ok(entry.call().admit().is_err() || probe(|cx| Pollable::poll_in(table, pollable, cx)).is_ready())
        })
    }

    /// Parks until the condition holds. Consumes nothing.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the token fired or the deadline passed, also if the condition holds in
    /// the same instant; [`Error::Closed`] when the source is gone.
    pub async fn block(&mut self, pollable: &Resource<Pollable>) -> Result<(), Error> {
        let entry = self.host.enter(&BLOCK);
        let table = &mut *self.host.table;
        entry
            .run_always_async(async {
                match wait(&entry, |cx| Pollable::poll_in(table, pollable, cx)).await? {
                    ReadyState::Ready => Ok(()),
                    ReadyState::Gone => Err(Error::Closed),
                }
            })
            .await
    }

    /// Parks until at least one member is ready and gives the ascending indices of all that are.
    ///
    /// # Errors
    /// In this order: [`Error::EmptyList`], [`Error::TooMany`], [`Error::Stopped`], [`Error::Closed`]
    /// when a member's source is gone.
    pub async fn poll(&mut self, members: &[Resource<Pollable>]) -> Result<Vec<u32>, Error> {
        let entry = self.host.enter(&POLL);
        let table = &mut *self.host.table;
        entry.fact("count", || members.len().to_string());
        entry
            .run_always_async(async {
                if members.is_empty() {
                    return Err(Error::EmptyList);
                }
                let cap = usize::try_from(entry.limit(&POLL_MEMBERS)).unwrap_or(MAX_POLL).min(MAX_POLL);
                if members.len() > cap {
                    return Err(Error::TooMany { given: members.len(), cap });
                }
                let ready = wait(&entry, |cx| poll_all(table, members, cx)).await??;
                entry.fact("ready", || ready.len().to_string());
                Ok(ready)
            })
            .await
    }
}

/// Asks every member once. Allocates only when there is something to return.
fn poll_all(
    table: &mut ResourceTable,
    members: &[Resource<Pollable>],
    cx: &mut Context<'_>,
) -> Poll<Result<Vec<u32>, Error>> {
    let mut found = Vec::new();
    for (index, member) in (0u32..).zip(members) {
        match Pollable::poll_in(table, member, cx) {
            Poll::Ready(ReadyState::Ready) => found.push(index),
            Poll::Ready(ReadyState::Gone) => return Poll::Ready(Err(Error::Closed)),
            Poll::Pending => {}
        }
    }
    if found.is_empty() { Poll::Pending } else { Poll::Ready(Ok(found)) }
}
