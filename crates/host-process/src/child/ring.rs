//! What a child wrote on one stream and nobody has taken yet. Offsets count from the child's first byte and
//! only grow.

use std::collections::VecDeque;

use super::text::{incomplete_tail, lossy};
use crate::OverflowPolicy;

/// A bounded piece of a stream.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Offset of the first byte that is here.
    front: u64,
    bytes: VecDeque<u8>,
    capacity: usize,
    overflow: OverflowPolicy,
    /// Up to where some cursor has read for good: it presented this as its place.
    acknowledged: u64,
    /// Bytes that were lost because nobody took them in time.
    evicted: u64,
    eof: bool,
    closed: bool,
}

/// What became of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is here, or was not wanted; and whether it is the first after there was nothing.
    Yes {
        /// Whether the ring was empty before.
        first: bool,
    },
    /// There is no room, and bytes must not be lost.
    Full,
}

/// Where a cursor stands: its offset, and what it has lost on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) dropped: u64,
}

/// What a cursor reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) data: Vec<u8>,
    pub(crate) next: Place,
    /// Whether there is nothing behind it and never will be.
    pub(crate) last: bool,
}

impl Ring {
    pub(crate) fn new(capacity: usize, overflow: OverflowPolicy) -> Self {
        Self {
            front: 0,
            bytes: VecDeque::new(),
            capacity,
            overflow,
            acknowledged: 0,
            evicted: 0,
            eof: false,
            closed: false,
        }
    }

    /// What to read at a time, so that it fits whole also beside a character that is held back.
    pub(crate) fn read_size(&self) -> usize {
        const READ: usize = 32 * 1024;
        READ.min(self.capacity.saturating_sub(3)).max(1)
    }

    fn end(&self) -> u64 {
        self.front + self.bytes.len() as u64
    }

    pub(crate) fn push(&mut self, mut chunk: &[u8]) -> Stored {
        if self.closed {
            return Stored::Yes { first: false };
        }
        let first = self.bytes.is_empty();
        let room = self.capacity.saturating_sub(self.bytes.len());
        let over = chunk.len().saturating_sub(room);
        match self.overflow {
            OverflowPolicy::DropOldest => {
                let old = over.min(self.bytes.len());
                self.forget(old);
                // Of a chunk larger than the ring only the end stays.
                let skipped = over - old;
                chunk = chunk.get(skipped..).unwrap_or_default();
                self.front += skipped as u64;
                self.evicted += over as u64;
            }
            OverflowPolicy::Backpressure => {
                let read = self.acknowledged.saturating_sub(self.front);
                if (over as u64) > read {
                    return Stored::Full;
                }
                self.forget(over);
            }
        }
        self.bytes.extend(chunk);
        Stored::Yes { first }
    }

    fn forget(&mut self, bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
        self.front += bytes as u64;
    }

    /// Takes everything but the beginning of a character whose rest may still come.
    pub(crate) fn drain(&mut self) -> String {
        let take = self.drainable();
        let rest = self.bytes.split_off(take);
        let taken = std::mem::replace(&mut self.bytes, rest);
        self.front += take as u64;
        lossy(taken.into())
    }

    /// How many bytes [`Ring::drain`] would take.
    pub(crate) fn drainable(&self) -> usize {
        let len = self.bytes.len();
        if self.eof {
            return len;
        }
        let tail: Vec<u8> = self.bytes.range(len.saturating_sub(3)..).copied().collect();
        len - incomplete_tail(&tail)
    }

    /// Reads from a place, or from the oldest byte. `None` for a place that is not of this stream.
    pub(crate) fn read(&mut self, from: Option<Place>, max: usize) -> Option<Piece> {
        let mut place = from.unwrap_or(Place { offset: self.front, dropped: 0 });
        if place.offset > self.end() {
            return None;
        }
        if let Some(gone) = self.front.checked_sub(place.offset).filter(|gone| *gone > 0) {
            place = Place { offset: self.front, dropped: place.dropped.saturating_add(gone) };
        }
        if from.is_some() {
            self.acknowledged = self.acknowledged.max(place.offset);
        }
        let start = usize::try_from(place.offset - self.front).ok()?;
        let stop = start.saturating_add(max).min(self.bytes.len());
        let data: Vec<u8> = self.bytes.range(start..stop).copied().collect();
        let next = Place { offset: place.offset + data.len() as u64, dropped: place.dropped };
        Some(Piece { last: self.eof && next.offset == self.end(), data, next })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn finish(&mut self) {
        self.eof = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.eof
    }

    /// Nobody will read any more: what is here goes, and what comes is not kept.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.bytes = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(capacity: usize, overflow: OverflowPolicy) -> Ring {
        Ring::new(capacity, overflow)
    }

    fn at(offset: u64, dropped: u64) -> Option<Place> {
        Some(Place { offset, dropped })
    }

    // process case 32
    #[test]
    fn a_ring_keeps_the_last_bytes_that_fit() {
        let mut ring = ring(4, OverflowPolicy::DropOldest);
        assert_eq!(ring.push(b"abcd"), Stored::Yes { first: true });
        assert_eq!((ring.len(), ring.evicted()), (4, 0));
        assert_eq!(ring.push(b"e"), Stored::Yes { first: false });
        assert_eq!((ring.drain().as_str(), ring.evicted()), ("bcde", 1));
        ring.push(b"0123456789");
        assert_eq!((ring.drain().as_str(), ring.evicted()), ("6789", 7));
    }

    // process case 50
    #[test]
    fn a_cursor_from_before_reports_what_it_lost_ever_after_and_a_fresh_one_nothing() {
        let mut ring = ring(4096, OverflowPolicy::DropOldest);
        let start = ring.read(None, 0).unwrap().next;
        for chunk in vec![7; 10_000].chunks(1000) {
            ring.push(chunk);
        }
        let piece = ring.read(Some(start), usize::MAX).unwrap();
        assert_eq!((piece.data.len(), piece.next), (4096, Place { offset: 10_000, dropped: 5904 }));
        let after = ring.read(Some(piece.next), usize::MAX).unwrap();
        assert_eq!((after.data.len(), after.next.dropped), (0, 5904));
        assert_eq!(ring.read(None, 1).unwrap().next, Place { offset: 5905, dropped: 0 });
    }

    // process case 54
    #[test]
    fn under_backpressure_only_what_a_cursor_has_acknowledged_makes_room() {
        let mut ring = ring(8, OverflowPolicy::Backpressure);
        ring.push(b"abcdef");
        assert_eq!(ring.push(b"ghi"), Stored::Full);
        let piece = ring.read(None, usize::MAX).unwrap();
        assert_eq!(ring.push(b"ghi"), Stored::Full, "read, and not yet acknowledged");
        ring.read(Some(piece.next), 0).unwrap();
        assert_eq!(ring.push(b"ghi"), Stored::Yes { first: false });
        assert_eq!((ring.read(Some(piece.next), 9).unwrap().data, ring.evicted()), (b"ghi".to_vec(), 0));
        assert_eq!(ring.read(at(0, 0), 0).unwrap().next.dropped, 1, "a slower cursor lost a byte");
        ring.drain();
        assert_eq!(ring.push(b"12345678"), Stored::Yes { first: true });
    }

    // process case 49
    #[test]
    fn cursors_are_independent_and_the_end_is_told_at_the_end() {
        let mut ring = ring(64, OverflowPolicy::DropOldest);
        ring.push(b"abcXYZ");
        let first = ring.read(None, 3).unwrap();
        assert_eq!((&first.data[..], first.last), (&b"abc"[..], false));
        assert!(!ring.read(Some(first.next), 9).unwrap().last);
        ring.finish();
        let second = ring.read(Some(first.next), 9).unwrap();
        assert_eq!((&second.data[..], second.last), (&b"XYZ"[..], true));
        assert_eq!(ring.read(None, 9).unwrap().data, b"abcXYZ");
        assert_eq!(ring.read(at(7, 0), 9), None);
    }

    // process case 33
    #[test]
    fn half_a_character_stays_until_its_rest_or_the_end_comes() {
        let mut ring = ring(64, OverflowPolicy::DropOldest);
        ring.push(b"a\xc3");
        assert_eq!((ring.drain().as_str(), ring.drainable()), ("a", 0));
        ring.push(b"\xa9");
        assert_eq!(ring.drain(), "é");
        ring.push(b"\xe2\x82");
        assert_eq!(ring.drain(), "");
        ring.finish();
        assert_eq!(ring.drain(), "\u{fffd}");
    }

    #[test]
    fn what_is_read_at_a_time_fits_beside_half_a_character() {
        let mut ring = ring(4096, OverflowPolicy::Backpressure);
        ring.push(b"\xf0\x9f\x98");
        assert_eq!(ring.drain(), "");
        assert_eq!(ring.push(&vec![b'x'; ring.read_size()]), Stored::Yes { first: false });
    }
}
