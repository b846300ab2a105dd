//! A request's body on its way to the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::error::Phase;
use crate::limits::BLOCK;
use crate::upload_body::UploadBody;

/// The request was given up; the connection must not make a whole request of what was sent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the request was given up")]
pub(crate) struct GivenUp;

/// What is sent.
#[derive(Debug)]
pub(crate) enum Payload {
    Whole { rest: Bytes, sent: Arc<Sent> },
    Upload(UploadBody),
}

impl Payload {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let sent = Arc::new(Sent::default());
        if bytes.is_empty() {
            sent.finish();
        }
        Self::Whole { rest: bytes, sent }
    }

    pub(crate) fn sent(&self) -> Arc<Sent> {
        match self {
            Self::Whole { sent, .. } => sent.clone(),
            Self::Upload(body) => body.sent(),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        match self.get_mut() {
            Self::Whole { rest, sent } => {
                // By blocks, so that what is taken is close to what was sent.
                let block = rest.split_to(rest.len().min(BLOCK));
                sent.moved(block.len(), !rest.is_empty());
                if rest.is_empty() {
                    sent.finish();
                }
                Poll::Ready((!block.is_empty()).then(|| Ok(Frame::data(block))))
            }
            Self::Upload(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { rest, .. } => rest.is_empty(),
            Self::Upload(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { rest, .. } => SizeHint::with_exact(rest.len() as u64),
            Self::Upload(body) => body.size_hint(),
        }
    }
}

/// How far the connection has taken a body.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    bytes: AtomicU64,
    waiting: AtomicBool,
    done: AtomicBool,
    changed: Notify,
}

impl Sent {
    /// The connection took `bytes`; more are waiting or not.
    pub(crate) fn moved(&self, bytes: usize, waiting: bool) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// More is waiting.
    pub(crate) fn offered(&self) {
        self.waiting.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Completes when the response is overdue: bytes wait and none was taken for `between`, or all
    /// were taken and `first_byte` has passed since.
    pub(crate) async fn overdue(&self, between: Option<Duration>, first_byte: Option<Duration>) -> Phase {
        while !self.done.load(Ordering::Relaxed) {
            let before = self.bytes();
            let waiting = self.waiting.load(Ordering::Relaxed);
            let changed = self.changed.notified();
            match between.filter(|_| waiting) {
                None => changed.await,
                Some(limit) => {
                    let still = tokio::time::timeout(limit, changed).await.is_err();
                    if still && self.bytes() == before && self.waiting.load(Ordering::Relaxed) {
                        return Phase::BetweenBytes;
                    }
                }
            }
        }
        match first_byte {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
        Phase::FirstByte
    }
}
