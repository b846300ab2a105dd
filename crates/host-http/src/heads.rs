//! Watching how the heads of responses are written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Set once a head had a line that ended in a bare line feed. RFC 9112 lets a recipient take it for an
/// end of line, but two recipients that differ about it see different messages: such a connection
/// serves nobody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    pub(crate) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where in the conversation the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a head.
    Head(Line),
    /// Behind it, until the next request.
    Body,
}

/// A line of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    /// Bytes of the head so far, as far as the status.
    at: usize,
    last: u8,
    /// It holds nothing yet.
    empty: bool,
    /// Another head follows this one.
    interim: bool,
}

/// Where the first digit of the status is: behind `HTTP/1.1 `.
const STATUS: usize = 9;

impl Line {
    /// The status line is there before an empty line can end the head.
    const FIRST: Self = Self { at: 0, last: 0, empty: false, interim: false };
}

/// An HTTP/1.1 connection that is watched.
#[derive(Debug)]
pub(crate) struct Heads<S> {
    stream: S,
    at: At,
    doubt: Doubt,
}

impl<S> Heads<S> {
    pub(crate) fn new(stream: S, doubt: Doubt) -> Self {
        Self { stream, at: At::Body, doubt }
    }

    fn watch(&mut self, bytes: &[u8]) {
        let At::Head(mut line) = self.at else { return };
        for byte in bytes {
            match *byte {
                b'\n' => {
                    if line.last != b'\r' {
                        self.doubt.0.store(true, Ordering::Relaxed);
                    }
                    if line.empty && !line.interim {
                        self.at = At::Body;
                        return;
                    }
                    if line.empty {
                        line = Line::FIRST;
                        continue;
                    }
                    line.empty = true;
                }
                b'\r' => {}
                b'1' if line.at == STATUS => line = Line { interim: true, empty: false, ..line },
                _ => line.empty = false,
            }
            line = Line { last: *byte, at: line.at.saturating_add(1), ..line };
        }
        self.at = At::Head(line);
    }

    /// What is read after this belongs to a head.
    fn asked(&mut self) {
        if self.at == At::Body {
            self.at = At::Head(Line::FIRST);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        if self.at != At::Body {
            self.watch(into.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.asked();
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.asked();
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubtful(responses: &[&str]) -> bool {
        let mut heads = Heads::new((), Doubt::default());
        for response in responses {
            heads.asked();
            // In the smallest pieces a network can give.
            response.bytes().for_each(|byte| heads.watch(&[byte]));
        }
        heads.doubt.is_there()
    }

    // http case 50
    #[test]
    fn a_bare_line_feed_counts_in_a_head_and_nowhere_else() {
        assert!(!doubtful(&["HTTP/1.1 200 X\r\na: b\r\n\r\nbody\nwith\nlines\n\n"]));
        assert!(!doubtful(&["HTTP/1.1 200 X\r\n\r\n\n", "HTTP/1.1 200 X\r\n\r\n"]));
        assert!(doubtful(&["HTTP/1.1 200 X\na: b\r\n\r\n"]));
        assert!(doubtful(&["HTTP/1.1 200 X\r\na: b\n\r\n"]));
        assert!(doubtful(&["HTTP/1.1 200 X\r\na: b\r\n\nbody"]));
        assert!(doubtful(&["HTTP/1.1 200 X\r\n\r\nbody", "HTTP/1.1 200 X\n\n"]));
        // What comes before the final response is no end of the heads.
        let early = "HTTP/1.1 103 X\r\nlink: a\r\n\r\nHTTP/1.1 100 X\r\n\r\n";
        assert!(!doubtful(&[&format!("{early}HTTP/1.1 200 X\r\na: 1\r\n\r\nbody\n\n")]));
        assert!(doubtful(&[&format!("{early}HTTP/1.1 200 X\na: b\r\n\r\n")]));
    }
}
