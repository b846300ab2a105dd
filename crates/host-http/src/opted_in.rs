//! Connections that are there only because an operator said so, and that end when this is taken back.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use astrid_airlock::{Airlock, Host};
use astrid_host_context::CapsuleId;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

/// What cuts one connection, whoever holds it: the pool, a request, or a body that is being read.
#[derive(Default)]
pub(crate) struct Cord {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Cord {
    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    fn check(&self, waker: &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        waker.register(cx.waker());
        if self.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl fmt::Debug for Cord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cord").field("cut", &self.cut).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Line {
    capsule: CapsuleId,
    host: Host,
    address: SocketAddr,
    cord: Weak<Cord>,
}

type Lines = Mutex<Vec<Line>>;

/// The open ones of a client.
#[derive(Debug, Default)]
pub(crate) struct OptedIn {
    open: Arc<Lines>,
    /// Waits for other rules; there is none before the first connection.
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl OptedIn {
    /// Takes note of a connection that was just made. It is cut at once if the rules changed meanwhile.
    pub(crate) fn add(
        &self,
        airlock: &Arc<Airlock>,
        capsule: &CapsuleId,
        host: &Host,
        address: SocketAddr,
    ) -> Arc<Cord> {
        self.follow(airlock);
        let cord = Arc::new(Cord::default());
        let line =
            Line { capsule: capsule.clone(), host: host.clone(), address, cord: Arc::downgrade(&cord) };
        let mut open = self.open.lock();
        open.retain(|line| line.cord.strong_count() > 0);
        open.push(line);
        drop(open);
        // The rules may have changed between the judgement and now, when nobody would have told this one.
        enforce(&self.open, airlock);
        cord
    }

    fn follow(&self, airlock: &Arc<Airlock>) {
        let mut follower = self.follower.lock();
        if follower.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let mut changed = airlock.rules_changed();
        let (open, airlock) = (Arc::downgrade(&self.open), Arc::downgrade(airlock));
        *follower = Some(tokio::spawn(async move {
            while changed.changed().await.is_ok() {
                let (Some(open), Some(airlock)) = (open.upgrade(), airlock.upgrade()) else { return };
                enforce(&open, &airlock);
            }
        }));
    }
}

impl Drop for OptedIn {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get_mut() {
            follower.abort();
        }
    }
}

fn enforce(open: &Lines, airlock: &Airlock) {
    let unwanted = |line: &Line| airlock.admits(&line.capsule, &line.host, line.address).is_err();
    let cut: Vec<_> = {
        let mut open = open.lock();
        open.extract_if(.., |line| unwanted(line)).filter_map(|line| line.cord.upgrade()).collect()
    };
    for cord in cut {
        cord.cut();
    }
}

/// A connection on its cord; one to a public address has none.
#[derive(Debug)]
pub(crate) struct Corded<S> {
    stream: S,
    cord: Option<Arc<Cord>>,
}

impl<S> Corded<S> {
    pub(crate) fn new(stream: S, cord: Option<Arc<Cord>>) -> Self {
        Self { stream, cord }
    }

    fn reads(&self, cx: &Context<'_>) -> io::Result<()> {
        self.cord.as_ref().map_or(Ok(()), |cord| cord.check(&cord.reader, cx))
    }

    fn writes(&self, cx: &Context<'_>) -> io::Result<()> {
        self.cord.as_ref().map_or(Ok(()), |cord| cord.check(&cord.writer, cx))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.writes(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
