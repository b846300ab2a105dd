//! Row keys and row values of the one tree.
//!
//! | row key | value |
//! |---|---|
//! | `k` namespace `00` key | [`Header`], with the value itself up to [`INLINE`] bytes |
//! | `c` namespace `00` key `00` generation chunk | up to [`CHUNK`] bytes of a longer value |
//! | `u` namespace | [`Usage`] |
//! | `t` namespace | tombstone: the namespace is being dropped and reads as empty |
//! | `f` | format version |
//!
//! Generation (u64) and chunk number (u32) in keys are big-endian, so that they sort; everything in
//! values is little-endian.

use astrid_host_kv::Usage;

/// Longest value kept in its header row. Sixteen of them are one leaf, which sled writes whole now
/// and then, so this also bounds what a one-byte change can cost.
pub(crate) const INLINE: usize = 4 << 10;

/// Longest chunk. A leaf of sixteen, with keys, stays far below the size at which sled moves a page
/// to a file of its own, which it does not sync.
pub(crate) const CHUNK: usize = 16 << 10;

/// What the row `f` and the format file say.
pub(crate) const FORMAT: &str = "astrid-kv 1";

/// The row that holds [`FORMAT`].
pub(crate) const FORMAT_ROW: &[u8] = b"f";

const HEADER_FORMAT: u8 = 1;
const HEADER_LEN: usize = 1 + 4 + 16 + 8;

/// The first part of a `k` row's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: u32,
    pub(crate) digest: [u8; 16],
    pub(crate) generation: u64,
}

impl Header {
    pub(crate) fn of(value: &[u8], generation: u64) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        Self { length, digest: digest(value), generation }
    }

    /// The row value: header, then the value's bytes if they are few.
    pub(crate) fn encode(&self, value: &[u8]) -> Vec<u8> {
        let inline = if value.len() <= INLINE { value } else { &[] };
        let mut row = Vec::with_capacity(HEADER_LEN + inline.len());
        row.push(HEADER_FORMAT);
        row.extend(self.length.to_le_bytes());
        row.extend(self.digest);
        row.extend(self.generation.to_le_bytes());
        row.extend(inline);
        row
    }

    /// Header and inline bytes; none if it is no header of this format.
    pub(crate) fn decode(row: &[u8]) -> Option<(Self, &[u8])> {
        let (&format, row) = row.split_first()?;
        let (length, row) = row.split_first_chunk()?;
        let (digest, row) = row.split_first_chunk()?;
        let (generation, inline) = row.split_first_chunk()?;
        let header = Self {
            length: u32::from_le_bytes(*length),
            digest: *digest,
            generation: u64::from_le_bytes(*generation),
        };
        let expected = if header.is_inline() { header.len() } else { 0 };
        (format == HEADER_FORMAT && inline.len() == expected).then_some((header, inline))
    }

    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.len() <= INLINE
    }

    pub(crate) fn chunks(&self) -> u32 {
        let count = if self.is_inline() { 0 } else { self.len().div_ceil(CHUNK) };
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// The first half of BLAKE3: against torn and flipped bytes, not against forgers, who have no way in.
pub(crate) fn digest(value: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(blake3::hash(value).as_bytes()) {
        *to = *from;
    }
    half
}

/// `{kind} namespace 00`: what all rows of this kind and namespace begin with.
pub(crate) fn rows_of(kind: u8, namespace: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(namespace.len() + 2 + 270);
    row.push(kind);
    row.extend(namespace);
    row.push(0);
    row
}

pub(crate) fn key_row(namespace: &[u8], key: &[u8]) -> Vec<u8> {
    let mut row = rows_of(b'k', namespace);
    row.extend(key);
    row
}

/// `c namespace 00 key 00`: what all chunks of a key begin with.
pub(crate) fn chunks_of(namespace: &[u8], key: &[u8]) -> Vec<u8> {
    let mut row = rows_of(b'c', namespace);
    row.extend(key);
    row.push(0);
    row
}

pub(crate) fn chunk_row(chunks_of: &[u8], generation: u64, number: u32) -> Vec<u8> {
    let mut row = Vec::with_capacity(chunks_of.len() + 12);
    row.extend(chunks_of);
    row.extend(generation.to_be_bytes());
    row.extend(number.to_be_bytes());
    row
}

/// Namespace, key, generation and number of a chunk row.
pub(crate) fn parse_chunk_row(row: &[u8]) -> Option<(&[u8], &[u8], u64, u32)> {
    let (rest, number) = row.strip_prefix(b"c")?.split_last_chunk()?;
    let (rest, generation) = rest.split_last_chunk()?;
    let (namespace, key) = split_at_zero(rest.strip_suffix(&[0])?)?;
    Some((namespace, key, u64::from_be_bytes(*generation), u32::from_be_bytes(*number)))
}

/// Namespace and key of a header row.
pub(crate) fn parse_key_row(row: &[u8]) -> Option<(&[u8], &[u8])> {
    split_at_zero(row.strip_prefix(b"k")?)
}

fn split_at_zero(row: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = row.iter().position(|byte| *byte == 0)?;
    Some((row.get(..at)?, row.get(at + 1..)?))
}

pub(crate) fn usage_row(namespace: &[u8]) -> Vec<u8> {
    [b"u", namespace].concat()
}

pub(crate) fn tombstone_row(namespace: &[u8]) -> Vec<u8> {
    [b"t", namespace].concat()
}

pub(crate) fn encode_usage(usage: Usage) -> Vec<u8> {
    [usage.bytes.to_le_bytes(), usage.keys.to_le_bytes()].concat()
}

pub(crate) fn decode_usage(row: &[u8]) -> Option<Usage> {
    let (bytes, rest) = row.split_first_chunk()?;
    let (keys, rest) = rest.split_first_chunk()?;
    rest.is_empty().then(|| Usage { bytes: u64::from_le_bytes(*bytes), keys: u64::from_le_bytes(*keys) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_row_says_what_was_put_in() {
        for length in [0, 1, INLINE, INLINE + 1, CHUNK, CHUNK + 1, 1 << 20] {
            let value = vec![7; length];
            let header = Header::of(&value, 9);
            let row = header.encode(&value);
            let (back, inline) = Header::decode(&row).unwrap();
            assert_eq!(back, header);
            assert_eq!(inline.len(), if length <= INLINE { length } else { 0 });
        }
        assert_eq!(Header::of(&vec![0; 1 << 20], 1).chunks(), 64);
    }

    #[test]
    fn a_header_of_another_format_or_length_is_none() {
        let mut row = Header::of(b"abc", 1).encode(b"abc");
        assert!(Header::decode(&row[..row.len() - 1]).is_none());
        row[0] = 2;
        assert!(Header::decode(&row).is_none());
        assert!(Header::decode(&[]).is_none());
    }

    #[test]
    fn row_keys_come_apart_as_they_were_joined() {
        let row = chunk_row(&chunks_of(b"al:capsule:a", b"x/y"), u64::MAX, 3);
        assert_eq!(parse_chunk_row(&row), Some((&b"al:capsule:a"[..], &b"x/y"[..], u64::MAX, 3)));
        let zeroes = chunk_row(&chunks_of(b"n", b"k"), 0, 0);
        assert_eq!(parse_chunk_row(&zeroes), Some((&b"n"[..], &b"k"[..], 0, 0)));
        assert_eq!(parse_key_row(&key_row(b"n", b"k")), Some((&b"n"[..], &b"k"[..])));
    }

    #[test]
    fn no_namespace_is_the_beginning_of_another() {
        assert!(!key_row(b"alice2:capsule:a", b"k").starts_with(&rows_of(b'k', b"alice:capsule:a")));
        assert!(!key_row(b"a:capsule:ab", b"k").starts_with(&rows_of(b'k', b"a:capsule:a")));
    }
}
