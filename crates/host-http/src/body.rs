//! A response's body as a guest reads it: decoded, counted, bounded, once.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use astrid_host_context::{Cancellation, Outcome, Permit, Principal, Standing};
use bytes::Bytes;
use hyper::HeaderMap;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use astrid_host_context::Failure;

use crate::Error;
use crate::decode::Decoded;
use crate::error::Phase;
use crate::integrity::Integrity;
use crate::journal::Exchange;
use crate::limits::BLOCK;
use crate::open::{Cut, OpenExchanges, Seat};
use crate::pool::Lease;
use crate::rate::CapsuleSlot;
use crate::wire::Wire;

/// Where the bytes come from.
pub(crate) enum Source {
    Raw(Wire),
    Decoded(Wire, Box<Decoded>),
}

impl Source {
    fn wire(&self) -> &Wire {
        match self {
            Self::Raw(wire) | Self::Decoded(wire, _) => wire,
        }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        match self {
            Self::Raw(wire) => wire.poll_data(cx),
            Self::Decoded(_, decoded) => decoded.poll_data(cx),
        }
    }
}

/// Bounds of one body.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Delivered bytes at most.
    pub(crate) delivered: Option<u64>,
    /// Decoded bytes at most; none where nothing is decoded.
    pub(crate) decoded: Option<u64>,
    /// When everything must be over.
    pub(crate) until: Option<Instant>,
}

/// What a body is made of.
pub(crate) struct Parts {
    pub(crate) source: Source,
    pub(crate) lease: Lease,
    /// The connection may serve another request afterwards.
    pub(crate) reusable: bool,
    pub(crate) bounds: Bounds,
    pub(crate) integrity: Option<Integrity>,
    pub(crate) exchange: Exchange,
    /// What ends with the principal whose call opened it, whoever reads later.
    pub(crate) owner: Cancellation,
    pub(crate) share: Option<Share>,
    /// Dropped when the response ends, such as what is left of an upload.
    pub(crate) tail: Option<Tail>,
}

/// Something whose end is its `Drop`.
pub(crate) type Tail = Box<dyn std::any::Any + Send>;

/// A stream's place among those that may be open.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) _permit: Permit,
    pub(crate) _slot: CapsuleSlot,
    /// Whose it is.
    pub(crate) who: Option<Principal>,
    pub(crate) exchanges: Arc<OpenExchanges>,
}

impl Share {
    /// Makes `exchange` end with its principal's right to have it.
    pub(crate) fn seat(&self, exchange: &Arc<impl Cut + 'static>) -> Option<Seat> {
        self.who.clone().map(|who| self.exchanges.enter(who, exchange))
    }
}

/// The cursor that chunks, streams and pollables share.
pub(crate) struct Body(Mutex<Core>);

struct Core {
    live: Option<Live>,
    ahead: Ahead,
    trailers: Option<HeaderMap>,
    wire_bytes: u64,
    closed: bool,
    share: Option<Share>,
    seat: Option<Seat>,
    /// Who waits for the next bytes.
    waiting: Option<Waker>,
}

struct Live {
    source: Source,
    lease: Lease,
    reusable: bool,
    bounds: Bounds,
    integrity: Option<Integrity>,
    exchange: Exchange,
    delivered: u64,
    deadline: Option<Pin<Box<Sleep>>>,
    owner: Cancellation,
    /// Wakes whoever waits when the owner's token fires.
    fired: Pin<Box<dyn Future<Output = ()> + Send>>,
    _tail: Option<Tail>,
}

/// What is known and was not yet handed out.
enum Ahead {
    Nothing,
    Bytes(Bytes),
    /// The end, which the reader may not have seen yet.
    End {
        seen: bool,
    },
    /// Told once.
    Fault(Error),
    /// A fault was told.
    Dead,
}

impl Body {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { source, lease, reusable, bounds, integrity, exchange, owner, share, tail } = parts;
        let deadline = bounds.until.map(|at| Box::pin(tokio::time::sleep_until(at)));
        let token = owner.clone();
        let fired = Box::pin(async move { token.fired().await });
        let live = Live {
            source,
            lease,
            reusable,
            bounds,
            integrity,
            exchange,
            delivered: 0,
            deadline,
            owner,
            fired,
            _tail: tail,
        };
        let core = Core {
            live: Some(live),
            ahead: Ahead::Nothing,
            trailers: None,
            wire_bytes: 0,
            closed: false,
            share,
            seat: None,
            waiting: None,
        };
        let body = Arc::new(Self(Mutex::new(core)));
        let mut core = body.0.lock();
        core.seat = core.share.as_ref().and_then(|share| share.seat(&body));
        drop(core);
        body
    }

    /// Ready once there is a byte, the end or a fault to tell. Consumes nothing.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut core = self.0.lock();
        if core.closed {
            return Poll::Ready(());
        }
        core.poll_fill(cx)
    }

    /// At most `max` bytes that are there, without consuming them; `None` while there are none.
    pub(crate) fn peek(&self, max: usize) -> Result<Peeked, Error> {
        let mut core = self.0.lock();
        if core.closed {
            return Err(Error::Closed);
        }
        match &mut core.ahead {
            Ahead::Nothing => Ok(Peeked::NotYet),
            Ahead::Bytes(bytes) => Ok(Peeked::Bytes(bytes.slice(..max.min(bytes.len())))),
            Ahead::End { seen } => {
                *seen = true;
                Ok(Peeked::End)
            }
            Ahead::Fault(_) | Ahead::Dead => match std::mem::replace(&mut core.ahead, Ahead::Dead) {
                Ahead::Fault(error) => Err(error),
                _ => Err(Error::Closed),
            },
        }
    }

    pub(crate) fn consume(&self, n: usize) {
        let mut core = self.0.lock();
        if let Ahead::Bytes(bytes) = &mut core.ahead {
            let _ = bytes.split_to(n.min(bytes.len()));
            if bytes.is_empty() {
                core.ahead = Ahead::Nothing;
            }
        }
    }

    /// Waits for the next chunk and takes it; `None` at the end.
    pub(crate) async fn next(&self) -> Result<Option<Bytes>, Error> {
        loop {
            std::future::poll_fn(|cx| self.poll_ready(cx)).await;
            match self.peek(BLOCK)? {
                Peeked::Bytes(bytes) => {
                    self.consume(bytes.len());
                    return Ok(Some(bytes));
                }
                Peeked::End => return Ok(None),
                Peeked::NotYet => {}
            }
        }
    }

    /// Gives up the rest and frees the place.
    pub(crate) fn close(&self) {
        let mut core = self.0.lock();
        core.closed = true;
        core.share = None;
        core.seat = None;
        if let Some(live) = core.live.take() {
            let bytes = live.source.wire().bytes();
            live.exchange.end(Outcome::Cancelled("closed"), bytes, false);
        }
        if !matches!(core.ahead, Ahead::End { seen: true }) {
            core.ahead = Ahead::Dead;
        }
    }

    /// The trailers, once the end was seen.
    pub(crate) fn trailers(&self) -> Result<Option<HeaderMap>, Error> {
        let core = self.0.lock();
        match core.ahead {
            Ahead::End { seen: true } => Ok(core.trailers.clone()),
            Ahead::Dead | Ahead::Fault(_) => Err(Error::Closed),
            _ => Err(Error::Protocol("body not finished")),
        }
    }

    /// Bytes before decoding.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.0.lock().wire_bytes
    }
}

impl Cut for Body {
    /// The connection closes here and now; what was read ahead is not given out any more either.
    fn cut(&self) {
        let mut core = self.0.lock();
        let over = core.closed || matches!(core.ahead, Ahead::End { .. } | Ahead::Fault(_) | Ahead::Dead);
        if !over {
            core.fail(Error::Closed);
        }
        core.seat = None;
        let waiting = core.waiting.take();
        drop(core);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

/// What [`Body::peek`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Peeked {
    NotYet,
    Bytes(Bytes),
    End,
}

impl Core {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.ahead, Ahead::Nothing) {
            return Poll::Ready(());
        }
        let Some(live) = &mut self.live else { return Poll::Ready(()) };
        if live.owner.standing() != Standing::Live || live.fired.as_mut().poll(cx).is_ready() {
            self.fail(Error::Closed);
            return Poll::Ready(());
        }
        if live.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            self.fail(Error::Timeout(Phase::Total));
            return Poll::Ready(());
        }
        let Poll::Ready(found) = live.source.poll_data(cx) else {
            match &mut self.waiting {
                Some(waker) => waker.clone_from(cx.waker()),
                None => self.waiting = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        };
        match found.and_then(|data| live.count(data)) {
            Ok(Some(bytes)) => self.ahead = Ahead::Bytes(bytes),
            Ok(None) => self.end(),
            Err(error) => self.fail(error),
        }
        Poll::Ready(())
    }

    fn end(&mut self) {
        let Some(live) = self.live.take() else { return };
        let Live { source, lease, reusable, integrity, exchange, .. } = live;
        self.trailers = source.wire().take_trailers();
        self.wire_bytes = source.wire().bytes();
        if reusable {
            lease.release();
        }
        if integrity.is_some_and(|integrity| !integrity.matches()) {
            exchange.end(Outcome::Failed("integrity-mismatch"), self.wire_bytes, true);
            self.ahead = Ahead::Fault(Error::Integrity);
        } else {
            exchange.end(Outcome::Allowed, self.wire_bytes, true);
            self.ahead = Ahead::End { seen: false };
        }
    }

    fn fail(&mut self, error: Error) {
        if let Some(live) = self.live.take() {
            let bytes = live.source.wire().bytes();
            live.exchange.end(error.outcome(), bytes, false);
        }
        self.ahead = Ahead::Fault(error);
    }
}

impl Live {
    /// Counts a block against the bounds. A bomb is told before a large body.
    fn count(&mut self, data: Option<Bytes>) -> Result<Option<Bytes>, Error> {
        let Some(bytes) = data else { return Ok(None) };
        self.delivered += bytes.len() as u64;
        if let Some(limit) = self.bounds.decoded.filter(|limit| self.delivered > *limit) {
            return Err(Error::Bomb(limit));
        }
        if let Some(limit) = self.bounds.delivered.filter(|limit| self.delivered > *limit) {
            return Err(Error::BodyTooLarge(limit));
        }
        if let Some(integrity) = &mut self.integrity {
            integrity.update(&bytes);
        }
        Ok(Some(bytes))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
