//! Moving bytes between two streams of one store without passing through the guest.

use std::task::{Context, Poll};

use wasmtime::component::{Resource, ResourceTable};

use super::wait::{input, interrupted, live_output, output, wait};
use crate::limits::MAX_MOVE;
use crate::op_table::{BLOCKING_SPLICE, SPLICE};
use crate::{Error, InputStream, IoCtxView, OutputStream, Readiness, ReadyState};

impl IoCtxView<'_> {
    /// Moves what `src` has and `stream` takes now, at most `len` bytes and [`MAX_MOVE`]. A byte
    /// leaves `src` only after `stream` took it.
    ///
    /// # Errors
    /// The terminal state of `stream`, then that of `src`: [`Error::Failed`] once, then [`Error::Closed`].
    pub fn splice(
        &mut self,
        stream: &Resource<OutputStream>,
        src: &Resource<InputStream>,
        len: u64,
    ) -> Result<u64, Error> {
        let entry = self.host.enter(&SPLICE);
        let table = &mut *self.host.table;
        entry.run_always(|| {
            live_output(&entry, table, stream)?;
            let moved = splice_now(table, stream, src, len)?;
            entry.moved(moved);
            Ok(moved as u64)
        })
    }

    /// Parks until `src` has a byte and `stream` takes one, then splices once. Does not flush.
    ///
    /// # Errors
    /// As [`IoCtxView::splice`], also when one side ends while the other is not ready; an interrupted
    /// wait is [`Error::Failed`] unless `stream` had already reported its end.
    pub async fn blocking_splice(
        &mut self,
        stream: &Resource<OutputStream>,
        src: &Resource<InputStream>,
        len: u64,
    ) -> Result<u64, Error> {
        let entry = self.host.enter(&BLOCKING_SPLICE);
        let table = &mut *self.host.table;
        entry
            .run_always_async(async {
                if len == 0 {
                    return Ok(0);
                }
                loop {
                    match wait(&entry, |cx| both_ready(table, stream, src, cx)).await {
                        Ok(ready) => ready?,
                        Err(refusal) => return Err(interrupted(output(table, stream)?.stop(), refusal)),
                    }
                    let moved = splice_now(table, stream, src, len)?;
                    entry.moved(moved);
                    if moved > 0 {
                        return Ok(moved as u64);
                    }
                }
            })
            .await
    }
}

fn splice_now(
    table: &mut ResourceTable,
    stream: &Resource<OutputStream>,
    src: &Resource<InputStream>,
    len: u64,
) -> Result<usize, Error> {
    let room = output(table, stream)?.room()?;
    let want = usize::try_from(len).unwrap_or(MAX_MOVE).min(MAX_MOVE).min(room);
    if want == 0 {
        input(table, src)?.state()?;
    }
    let mut moved = 0;
    while moved < want {
        // Only the first chunk's failure is this call's answer; behind moved bytes it waits for the next.
        let chunk = match input(table, src)?.peek(want - moved) {
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => chunk,
            Err(failure) if moved == 0 => return Err(failure.into()),
            Err(failure) => {
                input(table, src)?.defer(failure);
                break;
            }
        };
        let n = chunk.len();
        match output(table, stream)?.push(chunk) {
            Ok(()) => {}
            Err(failure) if moved == 0 => return Err(failure.into()),
            Err(failure) => {
                output(table, stream)?.defer(failure);
                break;
            }
        }
        input(table, src)?.consume(n);
        moved += n;
    }
    output(table, stream)?.remember(room - moved);
    Ok(moved)
}

/// Ready when both sides can move a byte, or either has ended, the sink's end first.
fn both_ready(
    table: &mut ResourceTable,
    stream: &Resource<OutputStream>,
    src: &Resource<InputStream>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    let sink = output(table, stream)?;
    let takes = sink.poll_ready(cx);
    let room = if takes.is_ready() { sink.room()? } else { 0 };
    if room == 0 && takes == Poll::Ready(ReadyState::Gone) {
        sink.stop();
        return Poll::Ready(Err(Error::Closed));
    }
    let source = input(table, src)?;
    let gives = source.poll_ready(cx);
    let has = gives.is_ready() && !source.peek(1)?.is_empty();
    if !has && gives == Poll::Ready(ReadyState::Gone) {
        source.stop();
        return Poll::Ready(Err(Error::Closed));
    }
    if room > 0 && has {
        return Poll::Ready(Ok(()));
    }
    // A side that called itself ready and was not keeps no waker, so nobody else would ask again.
    if (takes.is_ready() && room == 0) || (gives.is_ready() && !has) {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}
