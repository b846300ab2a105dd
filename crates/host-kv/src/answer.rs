//! The future a backend returns: already answered, or still to come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::StoreError;

/// A backend's answer. A backend that knows it at once says so without an allocation, which is what
/// keeps in-memory stores at the cost of their lock; any other boxes its future.
#[must_use = "futures do nothing unless awaited"]
pub enum Answer<'a, T> {
    /// Known now. Empty once taken.
    Ready(Option<Result<T, StoreError>>),
    /// To be awaited.
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    /// An answer that is known now.
    pub fn ready(result: Result<T, StoreError>) -> Self {
        Self::Ready(Some(result))
    }

    /// An answer to be awaited.
    pub fn later(work: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Self {
        Self::Later(Box::pin(work))
    }
}

impl<T: Unpin> Future for Answer<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            // Polling a finished future again is the caller's bug; pending for ever is harmless to others.
            Self::Ready(result) => result.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(work) => work.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = matches!(self, Self::Ready(_));
        f.debug_struct("Answer").field("known", &known).finish()
    }
}
