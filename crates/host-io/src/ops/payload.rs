//! What a write sends: the guest's bytes, or zeroes that exist only once.

use bytes::Bytes;

use crate::limits::MAX_PERMIT;

static ZEROES: [u8; MAX_PERMIT] = [0; MAX_PERMIT];

/// Bytes still to be sent.
pub(super) enum Payload {
    Bytes(Bytes),
    Zeroes(u64),
}

impl Payload {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeroes(len) => *len,
        }
    }

    /// The next piece of at most `max` bytes and [`MAX_PERMIT`].
    pub(super) fn take(&mut self, max: usize) -> Bytes {
        let max = max.min(MAX_PERMIT);
        match self {
            Self::Bytes(bytes) => bytes.split_to(max.min(bytes.len())),
            Self::Zeroes(len) => {
                let n = usize::try_from(*len).unwrap_or(max).min(max);
                *len -= n as u64;
                Bytes::from_static(ZEROES.get(..n).unwrap_or_default())
            }
        }
    }
}
