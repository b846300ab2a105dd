//! The response resource, and its body as an io source.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use astrid_host_io::{HostInput, IoError, Phrase, Readiness, ReadyState, StreamFailure};
use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use crate::Error;
use crate::body::{Body, Peeked};
use crate::error::Phase;

/// A guest's response: header at hand, body to be read. Dropping it closes the connection, unless a
/// stream of the body lives on.
pub struct HttpStream {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Arc<Body>,
    pub(crate) between_bytes: Option<Duration>,
}

impl fmt::Debug for HttpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpStream").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Ready while a chunk can be read without waiting. It keeps nothing alive.
pub(crate) struct Readable(pub(crate) Weak<Body>);

impl Readiness for Readable {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        match self.0.upgrade() {
            Some(body) => body.poll_ready(cx).map(|()| ReadyState::Ready),
            None => Poll::Ready(ReadyState::Gone),
        }
    }
}

/// The body as an input stream: the same cursor, and the response lives as long as it does.
pub(crate) struct BodyInput {
    body: Arc<Body>,
    between_bytes: Option<Duration>,
    /// Runs while somebody waits.
    limit: Option<Pin<Box<Sleep>>>,
    overdue: bool,
}

impl BodyInput {
    pub(crate) fn new(body: Arc<Body>, between_bytes: Option<Duration>) -> Self {
        Self { body, between_bytes, limit: None, overdue: false }
    }
}

impl Readiness for BodyInput {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        if self.body.poll_ready(cx).is_ready() {
            self.limit = None;
            return Poll::Ready(ReadyState::Ready);
        }
        let Some(between) = self.between_bytes else { return Poll::Pending };
        let limit =
            self.limit.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + between)));
        self.overdue = limit.as_mut().poll(cx).is_ready();
        if self.overdue { Poll::Ready(ReadyState::Ready) } else { Poll::Pending }
    }
}

impl HostInput for BodyInput {
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        // Nobody to wake: whoever waits asks for readiness.
        let _ = self.body.poll_ready(&mut Context::from_waker(std::task::Waker::noop()));
        match self.body.peek(max) {
            Ok(Peeked::Bytes(bytes)) => {
                self.limit = None;
                Ok(bytes)
            }
            Ok(Peeked::End) => Err(StreamFailure::Closed),
            Ok(Peeked::NotYet) if self.overdue => Err(failure(Error::Timeout(Phase::BetweenBytes))),
            Ok(Peeked::NotYet) => Ok(Bytes::new()),
            Err(Error::Closed) => Err(StreamFailure::Closed),
            Err(error) => Err(failure(error)),
        }
    }

    fn consume(&mut self, n: usize) {
        self.body.consume(n);
    }
}

fn failure(error: Error) -> StreamFailure {
    let phrase = match &error {
        Error::Timeout(_) => Phrase::TimedOut,
        Error::Tls(_) => Phrase::Tls,
        Error::Connection(_) => Phrase::ConnectionReset,
        Error::Protocol(_) | Error::Integrity | Error::Bomb(_) => Phrase::Decoding,
        Error::BodyTooLarge(_) => Phrase::Exhausted,
        _ => Phrase::Other,
    };
    StreamFailure::Failed(IoError::with_phrase(error, phrase))
}
