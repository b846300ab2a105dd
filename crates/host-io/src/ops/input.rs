//! `input-stream`.

use astrid_host_context::Entry;
use bytes::Bytes;
use wasmtime::component::{Resource, ResourceTable};

use super::wait::{input, interrupted, live_input, wait};
use crate::limits::MAX_MOVE;
use crate::op_table::{BLOCKING_READ, BLOCKING_SKIP, READ, SKIP};
use crate::{Error, InputStream, IoCtxView, Readiness, ReadyState};

impl IoCtxView<'_> {
    /// What is there now, at most `len` bytes and [`MAX_MOVE`]; empty when nothing is. With `len` 0 it
    /// only tells the stream's state.
    ///
    /// # Errors
    /// [`Error::Failed`] once, then [`Error::Closed`].
    pub fn read(&mut self, stream: &Resource<InputStream>, len: u64) -> Result<Vec<u8>, Error> {
        let entry = self.host.enter(&READ);
        let table = &mut *self.host.table;
        entry.run_always(|| {
            let mut out = Vec::new();
            take(&entry, live_input(&entry, table, stream)?, len, |chunk| out.extend_from_slice(&chunk))?;
            Ok(out)
        })
    }

    /// Parks until there is a byte, then reads. With `len` 0 it only waits.
    ///
    /// # Errors
    /// As [`IoCtxView::read`]; an interrupted wait is [`Error::Failed`] unless the stream had already
    /// reported its end.
    pub async fn blocking_read(
        &mut self,
        stream: &Resource<InputStream>,
        len: u64,
    ) -> Result<Vec<u8>, Error> {
        let entry = self.host.enter(&BLOCKING_READ);
        let table = &mut *self.host.table;
        entry
            .run_always_async(async {
                let mut out = Vec::new();
                take_some(&entry, table, stream, len, |chunk| out.extend_from_slice(&chunk)).await?;
                Ok(out)
            })
            .await
    }

    /// Discards what is there now, at most `len` bytes and [`MAX_MOVE`], and tells how many.
    ///
    /// # Errors
    /// As [`IoCtxView::read`].
    pub fn skip(&mut self, stream: &Resource<InputStream>, len: u64) -> Result<u64, Error> {
        let entry = self.host.enter(&SKIP);
        let table = &mut *self.host.table;
        entry.run_always(|| take(&entry, live_input(&entry, table, stream)?, len, drop))
    }

    /// Parks until there is a byte, then skips. With `len` 0 it only waits.
    ///
    /// # Errors
    /// As [`IoCtxView::blocking_read`].
    pub async fn blocking_skip(&mut self, stream: &Resource<InputStream>, len: u64) -> Result<u64, Error> {
        let entry = self.host.enter(&BLOCKING_SKIP);
        let table = &mut *self.host.table;
        entry.run_always_async(take_some(&entry, table, stream, len, drop)).await
    }
}

/// Consumes what is there, into `sink`.
fn take(
    entry: &Entry,
    stream: &mut InputStream,
    len: u64,
    mut sink: impl FnMut(Bytes),
) -> Result<u64, Error> {
    let max = usize::try_from(len).unwrap_or(MAX_MOVE).min(MAX_MOVE);
    if max == 0 {
        stream.state()?;
        return Ok(0);
    }
    let moved = stream.drain(max, |chunk| {
        sink(chunk);
        Ok::<_, Error>(())
    })?;
    entry.moved(moved);
    Ok(moved as u64)
}

/// Consumes at least a byte, unless `len` is 0. However often the source wakes in vain, only a byte,
/// an end or an interruption ends the wait.
async fn take_some(
    entry: &Entry,
    table: &mut ResourceTable,
    stream: &Resource<InputStream>,
    len: u64,
    mut sink: impl FnMut(Bytes),
) -> Result<u64, Error> {
    loop {
        let open = input(table, stream)?;
        let state = match wait(entry, |cx| open.poll_ready(cx)).await {
            Ok(state) => state,
            Err(refusal) => return Err(interrupted(open.stop(), refusal)),
        };
        let moved = take(entry, open, len, &mut sink)?;
        if moved > 0 || len == 0 {
            return Ok(moved);
        }
        if state == ReadyState::Gone {
            open.stop();
            return Err(Error::Closed);
        }
    }
}
