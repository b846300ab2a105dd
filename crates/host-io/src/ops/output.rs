//! `output-stream`, without splice.

use astrid_host_context::{Entry, Op};
use bytes::Bytes;
use tokio::task::yield_now;
use wasmtime::component::{Resource, ResourceTable};

use super::payload::Payload;
use super::wait::{interrupted, live_output, output, wait};
use crate::limits::YIELD_EVERY;
use crate::op_table::{
    BLOCKING_FLUSH, BLOCKING_WRITE_AND_FLUSH, BLOCKING_WRITE_ZEROES_AND_FLUSH, CHECK_WRITE, FLUSH, WRITE,
    WRITE_ZEROES,
};
use crate::{Error, IoCtxView, OutputStream, Readiness, ReadyState};

impl IoCtxView<'_> {
    /// A new permit of at most [`MAX_PERMIT`](crate::limits::MAX_PERMIT) bytes; 0 while the buffer is
    /// full or a flush is in progress.
    ///
    /// # Errors
    /// [`Error::Failed`] once, then [`Error::Closed`].
    pub fn check_write(&mut self, stream: &Resource<OutputStream>) -> Result<u64, Error> {
        let entry = self.host.enter(&CHECK_WRITE);
        let table = &mut *self.host.table;
        entry.run_always(|| Ok(live_output(&entry, table, stream)?.permit()? as u64))
    }

    /// Accepts the bytes whole, against the remembered permit.
    ///
    /// # Errors
    /// As [`IoCtxView::check_write`]; [`Error::Overdrawn`] (a trap) when the permit is smaller.
    pub fn write(&mut self, stream: &Resource<OutputStream>, contents: Bytes) -> Result<(), Error> {
        self.write_now(&WRITE, stream, Payload::Bytes(contents))
    }

    /// As [`IoCtxView::write`] of `len` zeroes, without their memory.
    ///
    /// # Errors
    /// As [`IoCtxView::write`].
    pub fn write_zeroes(&mut self, stream: &Resource<OutputStream>, len: u64) -> Result<(), Error> {
        self.write_now(&WRITE_ZEROES, stream, Payload::Zeroes(len))
    }

    /// Begins to hand everything written so far to the transport; a no-op when there is nothing.
    ///
    /// # Errors
    /// As [`IoCtxView::check_write`].
    pub fn flush(&mut self, stream: &Resource<OutputStream>) -> Result<(), Error> {
        let entry = self.host.enter(&FLUSH);
        let table = &mut *self.host.table;
        entry.run_always(|| Ok(live_output(&entry, table, stream)?.start_flush()?))
    }

    /// Parks until everything written so far was handed to the transport.
    ///
    /// # Errors
    /// As [`IoCtxView::check_write`]; an interrupted wait is [`Error::Failed`] unless the stream had
    /// already reported its end.
    pub async fn blocking_flush(&mut self, stream: &Resource<OutputStream>) -> Result<(), Error> {
        let entry = self.host.enter(&BLOCKING_FLUSH);
        let table = &mut *self.host.table;
        entry.run_always_async(flush_all(&entry, table, stream)).await
    }

    /// Sends any number of bytes and flushes. A permit remembered from before is void afterwards.
    ///
    /// # Errors
    /// As [`IoCtxView::blocking_flush`]; an unspecified prefix may have been sent.
    pub async fn blocking_write_and_flush(
        &mut self,
        stream: &Resource<OutputStream>,
        contents: Bytes,
    ) -> Result<(), Error> {
        self.write_all(&BLOCKING_WRITE_AND_FLUSH, stream, Payload::Bytes(contents)).await
    }

    /// As [`IoCtxView::blocking_write_and_flush`] of `len` zeroes, in constant memory.
    ///
    /// # Errors
    /// As [`IoCtxView::blocking_write_and_flush`].
    pub async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: &Resource<OutputStream>,
        len: u64,
    ) -> Result<(), Error> {
        self.write_all(&BLOCKING_WRITE_ZEROES_AND_FLUSH, stream, Payload::Zeroes(len)).await
    }

    fn write_now(
        &mut self,
        op: &'static Op,
        stream: &Resource<OutputStream>,
        mut payload: Payload,
    ) -> Result<(), Error> {
        let entry = self.host.enter(op);
        let table = &mut *self.host.table;
        entry.run_always(|| {
            let stream = live_output(&entry, table, stream)?;
            stream.room()?;
            let len = payload.len();
            stream.spend(len).map_err(|permit| Error::Overdrawn { len, permit })?;
            while payload.len() > 0 {
                let piece = payload.take(usize::MAX);
                let n = piece.len();
                stream.push(piece)?;
                entry.moved(n);
            }
            Ok(())
        })
    }

    async fn write_all(
        &mut self,
        op: &'static Op,
        stream: &Resource<OutputStream>,
        mut payload: Payload,
    ) -> Result<(), Error> {
        let entry = self.host.enter(op);
        let table = &mut *self.host.table;
        entry
            .run_always_async(async {
                output(table, stream)?.remember(0);
                let mut since_yield = 0;
                while payload.len() > 0 {
                    let n = write_some(&entry, table, stream, &mut payload).await?;
                    entry.moved(n);
                    since_yield += n;
                    if since_yield >= YIELD_EVERY {
                        since_yield = 0;
                        yield_now().await;
                    }
                }
                flush_all(&entry, table, stream).await
            })
            .await
    }
}

/// Parks until the stream takes something and gives it one segment; 0 after a wake-up in vain.
async fn write_some(
    entry: &Entry,
    table: &mut ResourceTable,
    stream: &Resource<OutputStream>,
    payload: &mut Payload,
) -> Result<usize, Error> {
    let open = output(table, stream)?;
    let state = match wait(entry, |cx| open.poll_ready(cx)).await {
        Ok(state) => state,
        Err(refusal) => return Err(interrupted(open.stop(), refusal)),
    };
    let room = open.room()?;
    if room == 0 && state == ReadyState::Gone {
        open.stop();
        return Err(Error::Closed);
    }
    if room == 0 {
        return Ok(0);
    }
    let piece = payload.take(room);
    let n = piece.len();
    open.push(piece)?;
    Ok(n)
}

async fn flush_all(
    entry: &Entry,
    table: &mut ResourceTable,
    stream: &Resource<OutputStream>,
) -> Result<(), Error> {
    let open = output(table, stream)?;
    if let Err(refusal) = entry.call().admit() {
        return Err(interrupted(open.stop(), refusal));
    }
    open.start_flush()?;
    match wait(entry, |cx| open.poll_flush(cx)).await {
        Ok(flushed) => Ok(flushed?),
        Err(refusal) => Err(interrupted(open.stop(), refusal)),
    }
}
