//! Decompressing no more than is allowed.

use std::fmt;
use std::io::{self, Read};

/// What tar adds to files: 512 bytes for each entry and its padding, and headers for long names.
const HEADERS: u64 = 32 << 20;

/// A reader that fails once more came out of it than an archive may hold, whatever entries claim to be.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
}

#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unpacks to more than is allowed")
    }
}

impl std::error::Error for Full {}

impl<R> Bounded<R> {
    /// For files of `max` bytes together.
    pub(super) fn new(inner: R, max: u64) -> Self {
        Self { inner, left: max.saturating_add(HEADERS) }
    }

    /// Whether this is how a read beyond the limit fails.
    pub(super) fn is_full(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Full>())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(piece)?;
        let taken = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(taken).ok_or_else(|| io::Error::other(Full))?;
        Ok(read)
    }
}
