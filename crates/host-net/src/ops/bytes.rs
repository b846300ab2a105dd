//! `tcp-stream.read-bytes`, `write-bytes`, `peek` and `shutdown`.

use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::net::Shutdown;

use astrid_host_context::Op;
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::frames::idle;
use super::wait::marked;
use crate::limits::{MAX_FRAME, SEND_WAIT, frame_time};
use crate::op_table::{PEEK, READ_BYTES, SHUTDOWN, WRITE_BYTES};
use crate::stream::core::{Core, Settings};
use crate::{Error, NetCtxView, TcpStream};

impl NetCtxView<'_> {
    /// Waits for bytes and takes up to `max` of them, those first that framed reads left; none at the end.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] past the read timeout, [`Error::Reset`] once.
    pub async fn read_bytes(&mut self, stream: &Resource<TcpStream>, max: u32) -> Result<Vec<u8>, Error> {
        self.take_bytes(&READ_BYTES, stream, max, false).await
    }

    /// As [`NetCtxView::read_bytes`], and the bytes remain to be read.
    ///
    /// # Errors
    /// As [`NetCtxView::read_bytes`].
    pub async fn peek(&mut self, stream: &Resource<TcpStream>, max: u32) -> Result<Vec<u8>, Error> {
        self.take_bytes(&PEEK, stream, max, true).await
    }

    async fn take_bytes(
        &mut self,
        op: &'static Op,
        stream: &Resource<TcpStream>,
        max: u32,
        keep: bool,
    ) -> Result<Vec<u8>, Error> {
        let entry = self.host.enter(op);
        let connection = self.connection(stream);
        let max = usize::try_from(max).unwrap_or(MAX_FRAME).min(MAX_FRAME);
        entry
            .run(marked(&entry, async {
                let connection = connection?;
                if max == 0 {
                    return Ok(Vec::new());
                }
                let core = &connection.core;
                let bytes = poll_fn(|cx| {
                    core.poll_read(|read, socket| match keep {
                        true => read.poll_peek(socket, cx, max),
                        false => read.poll_bytes(socket, cx, max),
                    })
                });
                let bytes = within_read_timeout(core, bytes).await?;
                entry.moved(bytes.len());
                Ok(bytes)
            }))
            .await
    }

    /// Writes what the kernel takes, at least one byte, and gives how many it was.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] past the write timeout or 5 s and 1 ms a KiB, [`Error::Reset`],
    /// [`Error::Closed`] after a shutdown.
    pub async fn write_bytes(&mut self, stream: &Resource<TcpStream>, data: &[u8]) -> Result<u32, Error> {
        let entry = self.host.enter(&WRITE_BYTES);
        let connection = self.connection(stream);
        let data = data.get(..MAX_FRAME).unwrap_or(data);
        entry
            .run(marked(&entry, async {
                let connection = connection?;
                if data.is_empty() {
                    return Ok(0);
                }
                let core = &connection.core;
                let limit = core.settings.lock().write_timeout.unwrap_or(frame_time(data.len()));
                let writing = async {
                    idle(core).await?;
                    let pieces = [IoSlice::new(data)];
                    poll_fn(|cx| core.poll_write(|write, socket| write.poll_write(socket, cx, &pieces))).await
                };
                let written = timeout(limit, writing).await.map_err(|_| Error::WouldBlock)??;
                entry.moved(written);
                Ok(u32::try_from(written).unwrap_or(u32::MAX))
            }))
            .await
    }

    /// Ends a direction or both; what halves gave before is sent first. Repeating it is no error.
    ///
    /// # Errors
    /// Only the operating system's.
    pub async fn shutdown(&mut self, stream: &Resource<TcpStream>, how: Shutdown) -> Result<(), Error> {
        let entry = self.host.enter(&SHUTDOWN);
        let connection = self.connection(stream);
        entry
            .run(marked(&entry, async {
                let connection = connection?;
                let core = &connection.core;
                if how != Shutdown::Write {
                    core.shut_read()?;
                }
                if how != Shutdown::Read {
                    // A peer that takes nothing, or is gone, must not keep the direction open.
                    let _ = timeout(SEND_WAIT, idle(core)).await;
                    core.shut_write()?;
                }
                Ok(())
            }))
            .await
    }
}

async fn within_read_timeout<T>(
    core: &Core,
    reading: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Settings { read_timeout, .. } = *core.settings.lock();
    match read_timeout {
        Some(limit) => timeout(limit, reading).await.map_err(|_| Error::WouldBlock)?,
        None => reading.await,
    }
}
