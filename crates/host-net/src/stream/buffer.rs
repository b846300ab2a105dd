//! Bytes that arrived and were not consumed: every way of reading a stream takes from here.

use std::io;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The first read; it doubles while reads fill it, so that many idle streams stay small.
const FIRST_READ: usize = 8 * 1024;
/// The largest single read: larger ones leave the processor's nearer caches before they are written on, and a
/// splice of 1 GiB takes a tenth longer.
const LARGE_READ: usize = 64 * 1024;
/// A buffer that grew beyond this for one large frame is given back when it is empty.
const KEEP: usize = 128 * 1024;

/// A queue of bytes in two parts: `head` was handed out by reference count, `tail` is still growing.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    head: Bytes,
    tail: BytesMut,
    read: usize,
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self { head: Bytes::new(), tail: BytesMut::new(), read: FIRST_READ }
    }
}

impl ReadBuffer {
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// Lets `read` append at most `max` bytes.
    pub(crate) fn fill(
        &mut self,
        max: usize,
        read: impl FnOnce(&mut Limit<&mut BytesMut>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let room = self.read.min(max).max(1);
        if self.tail.capacity() - self.tail.len() < room {
            // Takes the old allocation again if its bytes were consumed everywhere.
            self.tail.reserve(room);
        }
        let n = read(&mut (&mut self.tail).limit(room))?;
        if n == self.read {
            self.read = (self.read * 2).min(LARGE_READ);
        }
        Ok(n)
    }

    /// The announced length of the frame that begins here, once its four bytes are there.
    pub(crate) fn prefix(&self) -> Option<u32> {
        let mut bytes = self.head.iter().chain(self.tail.iter());
        let mut next = || bytes.next().copied();
        Some(u32::from_be_bytes([next()?, next()?, next()?, next()?]))
    }

    /// A chunk of at most `max` bytes from the front, not consumed.
    pub(crate) fn chunk(&mut self, max: usize) -> Bytes {
        if self.head.is_empty() {
            self.head = self.tail.split().freeze();
        }
        self.head.slice(..max.min(self.head.len()))
    }

    /// A copy of at most `max` bytes from the front.
    pub(crate) fn copy(&self, max: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(max.min(self.len()));
        out.extend(self.head.iter().take(max));
        let rest = max.saturating_sub(out.len()).min(self.tail.len());
        out.extend_from_slice(self.tail.get(..rest).unwrap_or_default());
        out
    }

    /// Takes at most `max` bytes from the front.
    pub(crate) fn take(&mut self, max: usize) -> Vec<u8> {
        let n = max.min(self.len());
        let mut out = Vec::with_capacity(n);
        let head = n.min(self.head.len());
        out.extend_from_slice(&self.head.split_to(head));
        out.extend_from_slice(&self.tail.split_to(n - head));
        self.shrink();
        out
    }

    /// Forgets the first `n` bytes.
    pub(crate) fn skip(&mut self, n: usize) {
        let n = n.min(self.len());
        let head = n.min(self.head.len());
        self.head.advance(head);
        self.tail.advance(n - head);
        self.shrink();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn shrink(&mut self) {
        if self.is_empty() {
            self.head = Bytes::new();
            if self.tail.capacity() > KEEP {
                self.tail = BytesMut::new();
                self.read = FIRST_READ;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(bytes: &[u8]) -> ReadBuffer {
        let mut buffer = ReadBuffer::default();
        append(&mut buffer, bytes);
        buffer
    }

    fn append(buffer: &mut ReadBuffer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            buffer
                .fill(usize::MAX, |room| {
                    let n = bytes.len().min(room.remaining_mut());
                    room.put_slice(&bytes[..n]);
                    bytes = &bytes[n..];
                    Ok(n)
                })
                .unwrap();
        }
    }

    #[test]
    fn a_prefix_is_read_across_the_two_parts() {
        let mut buffer = filled(&[0, 0]);
        assert_eq!(buffer.prefix(), None);
        buffer.chunk(1);
        append(&mut buffer, &[1, 2, 9]);
        assert_eq!(buffer.prefix(), Some(258));
    }

    #[test]
    fn bytes_leave_in_order_whatever_takes_them() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let mut buffer = filled(&bytes[..200_000]);
        let mut out = buffer.take(1000);
        let chunk = buffer.chunk(5000);
        buffer.skip(chunk.len());
        out.extend_from_slice(&chunk);
        append(&mut buffer, &bytes[200_000..]);
        assert_eq!(buffer.copy(100_000), bytes[6000..106_000]);
        while !buffer.is_empty() {
            out.extend(buffer.take(70_000));
        }
        assert_eq!(out, bytes);
    }

    #[test]
    fn a_buffer_grown_for_a_large_frame_is_given_back() {
        let mut buffer = filled(&vec![1; 4 << 20]);
        buffer.take(usize::MAX);
        assert_eq!(buffer.tail.capacity(), 0);
    }
}
