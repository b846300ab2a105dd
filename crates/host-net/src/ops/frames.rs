//! `tcp-stream.read` and `write`: frames of a big-endian length and that many bytes.

use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;

use astrid_host_context::Refusal;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime::component::Resource;

use super::wait::{marked, raced};
use crate::limits::{FRAME_WAIT, MAX_FRAME, frame_time};
use crate::op_table::{READ, WRITE};
use crate::stream::connection::Connection;
use crate::stream::core::Core;
use crate::stream::read_side::FrameStep;
use crate::{Error, NetCtxView, TcpStream};

/// What a framed read found.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameRead {
    /// One whole frame.
    Data(Vec<u8>),
    /// The peer has ended the stream, or the capsule is unloading.
    Closed,
    /// No whole frame yet; what arrived of one is kept.
    Pending,
}

impl NetCtxView<'_> {
    /// The connection behind a handle.
    pub(super) fn connection(&self, stream: &Resource<TcpStream>) -> Result<Arc<Connection>, Error> {
        let connection = self.host.table.get(stream)?.0.clone();
        connection.core.alive()?;
        Ok(connection)
    }

    /// Reads one frame, waiting [`FRAME_WAIT`] or the read timeout for it. A wait that ends early
    /// loses no byte. The store's observer hears the outcome.
    ///
    /// # Errors
    /// [`Error::FrameTooLarge`] and [`Error::Timeout`] (a frame began and stayed incomplete for
    /// 5 s and 1 ms a KiB) shut the reading direction; [`Error::Reset`] when the stream ended within a
    /// frame. Each is followed by [`FrameRead::Closed`].
    pub async fn read(&mut self, stream: &Resource<TcpStream>) -> Result<FrameRead, Error> {
        let entry = self.host.enter(&READ);
        let observer = self.ctx.observer.as_deref();
        if let Some(observer) = observer {
            // No identity outlives its frame, however this call ends.
            observer.frame_read(None);
        }
        let connection = self.connection(stream);
        entry
            .run_always_async(async {
                let connection = connection?;
                let found = match raced(&entry, next_frame(&connection.core)).await {
                    Ok(found) => found?,
                    Err(Refusal::Cancelled) => FrameRead::Closed,
                    Err(refusal) => return Err(refusal.into()),
                };
                if let FrameRead::Data(frame) = &found {
                    entry.moved(frame.len());
                    if let Some((observer, peer)) = observer.zip(connection.identity.as_deref()) {
                        observer.frame_read(Some(peer));
                    }
                }
                Ok(found)
            })
            .await
    }

    /// Writes one frame and waits until the kernel has all of it. A frame that was cut half-way, by
    /// the deadline or by an end of the call, shuts the writing direction.
    ///
    /// # Errors
    /// [`Error::FrameTooLarge`], and nothing was sent; [`Error::Timeout`] past the write timeout or
    /// 5 s and 1 ms a KiB; [`Error::Reset`] when the peer is gone; [`Error::Closed`] after a shutdown.
    pub async fn write(&mut self, stream: &Resource<TcpStream>, data: &[u8]) -> Result<(), Error> {
        let entry = self.host.enter(&WRITE);
        let connection = self.connection(stream);
        entry
            .run(marked(&entry, async {
                let connection = connection?;
                let prefix = prefix(data)?;
                let core = &connection.core;
                let limit = core.settings.lock().write_timeout.unwrap_or(frame_time(data.len()));
                let sending = async {
                    idle(core).await?;
                    send(core, &prefix, data).await
                };
                timeout(limit, sending).await.map_err(|_| Error::Timeout)??;
                entry.moved(data.len());
                Ok(())
            }))
            .await
    }
}

fn prefix(data: &[u8]) -> Result<[u8; 4], Error> {
    match u32::try_from(data.len()) {
        Ok(length) if data.len() <= MAX_FRAME => Ok(length.to_be_bytes()),
        _ => Err(Error::FrameTooLarge),
    }
}

async fn next_frame(core: &Core) -> Result<FrameRead, Error> {
    let until = Instant::now() + core.settings.lock().read_timeout.unwrap_or(FRAME_WAIT);
    loop {
        let frame = core.read.lock().frame_deadline();
        let deadline = frame.map_or(until, |frame| frame.min(until));
        let step = poll_fn(|cx| core.poll_read(|read, socket| read.poll_frame(socket, cx)));
        match timeout_at(deadline, step).await {
            Ok(Ok(FrameStep::Frame(frame))) => return Ok(FrameRead::Data(frame)),
            Ok(Ok(FrameStep::End)) => return Ok(FrameRead::Closed),
            Ok(Ok(FrameStep::Began)) => {}
            Ok(Err(error @ Error::FrameTooLarge)) => {
                core.shut_read()?;
                return Err(error);
            }
            Ok(Err(error)) => return Err(error),
            Err(_) if frame.is_some_and(|frame| frame <= Instant::now()) => {
                core.shut_read()?;
                return Err(Error::Timeout);
            }
            Err(_) => return Ok(FrameRead::Pending),
        }
    }
}

/// Waits until nothing is before a direct write.
pub(super) async fn idle(core: &Core) -> Result<(), Error> {
    poll_fn(|cx| core.poll_write(|write, socket| write.poll_idle(socket, cx))).await
}

/// Sends prefix and payload as one gathered write, as far as the kernel lets it.
async fn send(core: &Core, prefix: &[u8], payload: &[u8]) -> Result<(), Error> {
    let total = prefix.len() + payload.len();
    let mut cut = Cut { core, sent: 0, total };
    while cut.sent < total {
        let head = prefix.get(cut.sent..).unwrap_or_default();
        let rest = payload.get(cut.sent.saturating_sub(prefix.len())..).unwrap_or_default();
        let pieces = [IoSlice::new(head), IoSlice::new(rest)];
        let pieces = if head.is_empty() { pieces.get(1..).unwrap_or_default() } else { &pieces };
        let write = poll_fn(|cx| core.poll_write(|write, socket| write.poll_write(socket, cx, pieces)));
        cut.sent += write.await?;
    }
    Ok(())
}

/// Notices that a frame was begun and not ended, also when the call is dropped.
struct Cut<'a> {
    core: &'a Core,
    sent: usize,
    total: usize,
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        if (1..self.total).contains(&self.sent)
            && let Err(error) = self.core.shut_write()
        {
            tracing::debug!(%error, "a cut frame's direction was not shut down");
        }
    }
}
