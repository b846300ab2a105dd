//! A response's body as it comes over the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::Body;
use hyper::HeaderMap;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use crate::{Error, fault};

/// Frames passed over in one go that hold no data.
const EMPTY_RUN: usize = 32;

/// The one reader of the connection; handles share it, so that trailers and counts are seen behind
/// whatever decodes.
#[derive(Debug, Clone)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    incoming: Incoming,
    bytes: u64,
    trailers: Option<HeaderMap>,
    ended: bool,
    fault: Option<Error>,
}

impl Wire {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self(Arc::new(Mutex::new(State { incoming, bytes: 0, trailers: None, ended: false, fault: None })))
    }

    /// Body bytes so far, before decoding.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.lock().bytes
    }

    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        self.0.lock().trailers.take()
    }

    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.0.lock().fault.take()
    }

    /// The next data; `None` at the end, with the trailers read.
    pub(crate) fn poll_data(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let mut state = self.0.lock();
        for _ in 0..EMPTY_RUN {
            if state.ended {
                return Poll::Ready(Ok(None));
            }
            match ready!(Pin::new(&mut state.incoming).poll_frame(cx)) {
                None => state.ended = true,
                Some(Err(error)) => return Poll::Ready(Err(fault::of_hyper(&error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        state.bytes += data.len() as u64;
                        return Poll::Ready(Ok(Some(data)));
                    }
                    Err(frame) => state.trailers = frame.into_trailers().ok().or(state.trailers.take()),
                },
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The wire as decoders read it.
#[derive(Debug)]
pub(crate) struct WireReader {
    wire: Wire,
    chunk: Bytes,
}

impl WireReader {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, chunk: Bytes::new() }
    }
}

impl AsyncBufRead for WireReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty() {
            match ready!(this.wire.poll_data(cx)) {
                Ok(Some(data)) => this.chunk = data,
                Ok(None) => {}
                Err(error) => {
                    // Kept whole beside the reader's error, which only says that there is one.
                    this.wire.0.lock().fault = Some(error);
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        let chunk = &mut self.get_mut().chunk;
        chunk.advance(n.min(chunk.len()));
    }
}

impl AsyncRead for WireReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let n = available.len().min(buf.remaining());
        buf.put_slice(available.get(..n).unwrap_or_default());
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}
