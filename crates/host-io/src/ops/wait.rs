//! How a host function parks.

use std::future::poll_fn;
use std::task::{Context, Poll};

use astrid_host_context::{Entry, Refusal, Standing};
use tokio::task::coop::consume_budget;
use wasmtime::component::{Resource, ResourceTable};

use crate::readiness::unbudgeted;
use crate::{Error, InputStream, IoError, OutputStream};

/// Waits until `ask` is ready, the token fires or the deadline passes. Passes one budget point also
/// when nothing is to wait for, so that a guest looping on a ready source cannot starve its worker.
pub(super) async fn wait<T>(
    entry: &Entry,
    mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<T, Refusal> {
    consume_budget().await;
    entry.call().admit()?;
    let mut parked = false;
    let progress = entry.call().progress();
    let result = entry
        .race(poll_fn(|cx| {
            let answer = unbudgeted(cx, &mut ask);
            if answer.is_pending() {
                // Marked while parking too: the watchdog may look before the wait is over.
                parked = true;
                progress.mark_yielded();
            }
            answer
        }))
        .await;
    if parked {
        progress.mark_yielded();
        progress.mark_waited_outside();
    }
    result
}

pub(super) fn input<'t>(
    table: &'t mut ResourceTable,
    stream: &Resource<InputStream>,
) -> Result<&'t mut InputStream, Error> {
    table.get_mut(stream).map_err(|_| Error::Closed)
}

pub(super) fn output<'t>(
    table: &'t mut ResourceTable,
    stream: &Resource<OutputStream>,
) -> Result<&'t mut OutputStream, Error> {
    table.get_mut(stream).map_err(|_| Error::Closed)
}

/// The input for a function that never waits: after the token fired it is closed, data or not.
pub(super) fn live_input<'t>(
    entry: &Entry,
    table: &'t mut ResourceTable,
    stream: &Resource<InputStream>,
) -> Result<&'t mut InputStream, Error> {
    let stream = input(table, stream)?;
    if entry.call().standing() != Standing::Live {
        stream.stop();
    }
    Ok(stream)
}

/// The output for a function that never waits: after the token fired it is closed.
pub(super) fn live_output<'t>(
    entry: &Entry,
    table: &'t mut ResourceTable,
    stream: &Resource<OutputStream>,
) -> Result<&'t mut OutputStream, Error> {
    let stream = output(table, stream)?;
    if entry.call().standing() != Standing::Live {
        stream.stop();
    }
    Ok(stream)
}

/// The answer of a blocking function that was interrupted: a failure the first time, so that no
/// guest mistakes an unload for a clean end.
pub(super) fn interrupted(was_open: bool, refusal: Refusal) -> Error {
    match Error::from(refusal) {
        Error::Stopped(_) if !was_open => Error::Closed,
        Error::Stopped(stopped) => Error::Failed(IoError::new(stopped)),
        other => other,
    }
}
