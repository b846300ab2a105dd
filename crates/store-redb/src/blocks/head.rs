//! The heads of the file: which state of the database counts.
//!
//! Four slots. A head goes into both slots of its pair, pairs taking turns by its sequence number, so
//! the head before it stays whole until the new one is; and a bit that flips in one copy costs nothing.

use super::block::{BLOCK, Digest};

/// Room for one head.
pub(crate) const SLOT: usize = 64 << 10;
pub(crate) const SLOTS: u64 = 4;
/// Blocks that a head can vouch for, 10 MB: more than a group of mutations writes.
pub(crate) const MAX_LISTED: usize = 2_500;

const MAGIC: &[u8; 8] = b"astridkv";
const SUM: usize = 32;

/// One state of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    /// Length of the database in bytes, as redb counts.
    pub(crate) len: u64,
    /// Block 0, which redb overwrites in place; it lives here and nowhere else.
    pub(crate) first: Vec<u8>,
    /// Blocks that were synced together with this head: it counts only if they all arrived.
    pub(crate) listed: Vec<(u64, Digest)>,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BLOCK + 64 + self.listed.len() * 24 + SUM);
        bytes.extend(MAGIC);
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(self.len.to_le_bytes());
        bytes.extend(u64::try_from(self.listed.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend(&self.first);
        for (number, digest) in &self.listed {
            bytes.extend(number.to_le_bytes());
            bytes.extend(digest);
        }
        bytes.extend(blake3::hash(&bytes).as_bytes());
        bytes
    }

    /// None if it is no whole head.
    pub(crate) fn decode(slot: &[u8]) -> Option<Self> {
        let rest = slot.strip_prefix(MAGIC)?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok().filter(|n| *n <= MAX_LISTED)?;
        let (first, rest) = rest.split_at_checked(BLOCK)?;
        let (list, rest) = rest.split_at_checked(count * 24)?;
        let covered = slot.get(..slot.len().checked_sub(rest.len())?)?;
        if rest.get(..SUM)? != blake3::hash(covered).as_bytes() {
            return None;
        }
        let entry = |entry: &[u8]| {
            let (number, digest) = entry.split_first_chunk()?;
            Some((u64::from_le_bytes(*number), digest.try_into().ok()?))
        };
        Some(Self {
            sequence: u64::from_le_bytes(*sequence),
            len: u64::from_le_bytes(*len),
            first: first.to_vec(),
            listed: list.chunks_exact(24).map(entry).collect::<Option<_>>()?,
        })
    }

    /// Where its two copies go.
    pub(crate) fn offsets(&self) -> [u64; 2] {
        let pair = self.sequence % 2 * 2;
        [pair, pair + 1].map(offset)
    }
}

/// Where a slot begins.
pub(crate) fn offset(slot: u64) -> u64 {
    slot * SLOT as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_head_fits_its_slot_and_comes_back() {
        let listed = (0..MAX_LISTED as u64).map(|n| (n, [7; 16])).collect();
        let head = Head { sequence: 3, len: 9, first: vec![5; BLOCK], listed };
        let mut bytes = head.encode();
        assert!(bytes.len() <= SLOT);
        bytes.resize(SLOT, 0xff);
        assert_eq!(Head::decode(&bytes), Some(head));
        bytes[4000] ^= 1;
        assert_eq!(Head::decode(&bytes), None);
    }
}
