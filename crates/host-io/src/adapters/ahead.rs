//! What an input has read ahead: one chunk, then perhaps an end.

use bytes::{Buf, Bytes};

use crate::StreamFailure;

#[derive(Debug, Default)]
pub(super) struct Ahead {
    chunk: Bytes,
    ended: Option<StreamFailure>,
}

impl Ahead {
    /// Whether there is a byte or an end, so that nothing more needs to be asked for.
    pub(super) fn is_decided(&self) -> bool {
        !self.chunk.is_empty() || self.ended.is_some()
    }

    pub(super) fn arrive(&mut self, chunk: Bytes) {
        self.chunk = chunk;
    }

    pub(super) fn end(&mut self, how: StreamFailure) {
        self.ended = Some(how);
    }

    /// Bytes before the end; the end's cause is given out once.
    pub(super) fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        if self.chunk.is_empty() && self.ended.is_some() {
            return Err(self.ended.replace(StreamFailure::Closed).unwrap_or(StreamFailure::Closed));
        }
        Ok(self.chunk.slice(..max.min(self.chunk.len())))
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.chunk.advance(n.min(self.chunk.len()));
    }

    pub(super) fn buffered(&self) -> usize {
        self.chunk.len()
    }
}
