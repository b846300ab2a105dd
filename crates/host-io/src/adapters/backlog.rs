//! Bytes accepted and not yet sent.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// Below this a piece is copied: many small pieces of big chunks would otherwise keep all the chunks alive.
const KEEP_WHOLE: usize = 4 * 1024;

/// A queue of bytes that keeps big pieces by reference count and joins small ones.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pieces: VecDeque<Bytes>,
    /// Small pieces behind all of `pieces`.
    tail: BytesMut,
    len: usize,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        if bytes.len() < KEEP_WHOLE {
            self.tail.extend_from_slice(&bytes);
            return;
        }
        self.settle_tail();
        self.pieces.push_back(bytes);
    }

    /// The bytes to send next; empty only when there are none.
    pub(super) fn front(&mut self) -> &[u8] {
        if self.pieces.is_empty() {
            self.settle_tail();
        }
        self.pieces.front().map_or(&[], |piece| piece)
    }

    /// Forgets the first `n` bytes of [`Backlog::front`].
    pub(super) fn advance(&mut self, n: usize) {
        let Some(piece) = self.pieces.front_mut() else { return };
        let n = n.min(piece.len());
        piece.advance(n);
        self.len -= n;
        if piece.is_empty() {
            self.pieces.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn settle_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_pieces_leave_in_the_order_they_came() {
        let mut backlog = Backlog::default();
        let pieces = [vec![1; 3], vec![2; KEEP_WHOLE], vec![3; 5], vec![4; 7], vec![5; KEEP_WHOLE + 1]];
        for piece in &pieces {
            backlog.push(piece.clone().into());
        }
        assert_eq!(backlog.len(), pieces.concat().len());
        let mut out = Vec::new();
        while !backlog.is_empty() {
            let n = backlog.front().len().min(1000);
            out.extend_from_slice(&backlog.front()[..n]);
            backlog.advance(n);
        }
        assert_eq!(out, pieces.concat());
    }

    #[test]
    fn a_small_piece_does_not_keep_its_chunk_alive() {
        let chunk = Bytes::from(vec![7; 1 << 20]);
        let mut backlog = Backlog::default();
        backlog.push(chunk.slice(..1));
        assert!(chunk.is_unique());
    }
}
