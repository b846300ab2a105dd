//! Row keys and row values of the one table.
//!
//! | row key | value |
//! |---|---|
//! | `k` namespace `00` key | [`Header`], with the value itself up to [`INLINE`] bytes |
//! | `c` namespace `00` key `00` chunk | up to [`CHUNK`] bytes of a longer value |
//! | `u` namespace | [`Usage`] |
//! | `t` namespace | tombstone: the namespace is being dropped and reads as empty |
//! | `f` | format version |
//!
//! Chunk numbers (u32) in keys are big-endian, so that they sort; everything in values is little-endian.
//! Chunks need no generation: a reader's snapshot holds header and chunks of one moment.

use astrid_host_kv::Usage;

/// Longest value kept in its header row: with its key it fits a page of 4 KiB, and a listing, which
/// reads these rows, stays short.
pub(crate) const INLINE: usize = 3 << 10;

/// Longest chunk: with its key and redb's page header it just fits a page of 32 KiB, whose size is
/// always a power of two.
pub(crate) const CHUNK: usize = (32 << 10) - 512;

/// What the row `f` and the format file say.
pub(crate) const FORMAT: &str = "astrid-kv 2";

/// The row that holds [`FORMAT`].
pub(crate) const FORMAT_ROW: &[u8] = b"f";

const HEADER_FORMAT: u8 = 2;
const HEADER_LEN: usize = 1 + 4 + 16;

/// The first part of a `k` row's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) length: u32,
    pub(crate) digest: [u8; 16],
}

impl Header {
    pub(crate) fn of(row: &[u8], value: &[u8]) -> Self {
        Self { length: u32::try_from(value.len()).unwrap_or(u32::MAX), digest: digest(row, value) }
    }

    /// The row value: header, then the value's bytes if they are few.
    pub(crate) fn encode(&self, value: &[u8]) -> Vec<u8> {
        let inline = if value.len() <= INLINE { value } else { &[] };
        let mut row = Vec::with_capacity(HEADER_LEN + inline.len());
        row.push(HEADER_FORMAT);
        row.extend(self.length.to_le_bytes());
        row.extend(self.digest);
        row.extend(inline);
        row
    }

    /// Header and inline bytes; none if it is no header of this format.
    pub(crate) fn decode(row: &[u8]) -> Option<(Self, &[u8])> {
        let (&format, row) = row.split_first()?;
        let (length, row) = row.split_first_chunk()?;
        let (digest, inline) = row.split_first_chunk()?;
        let header = Self { length: u32::from_le_bytes(*length), digest: *digest };
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

/// The first half of BLAKE3 over a value and where it belongs: against torn and flipped bytes, not
/// against forgers, who have no way in.
pub(crate) fn digest(row: &[u8], value: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    let whole = blake3::Hasher::new().update(value).update(row).finalize();
    for (to, from) in half.iter_mut().zip(whole.as_bytes()) {
        *to = *from;
    }
    half
}

/// `{kind} namespace 00`: what all rows of this kind and namespace begin with.
pub(crate) fn rows_of(kind: u8, namespace: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(namespace.len() + 2 + 262);
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

pub(crate) fn chunk_row(chunks_of: &[u8], number: u32) -> Vec<u8> {
    let mut row = Vec::with_capacity(chunks_of.len() + 4);
    row.extend(chunks_of);
    row.extend(number.to_be_bytes());
    row
}

/// Namespace, key and number of a chunk row.
pub(crate) fn parse_chunk_row(row: &[u8]) -> Option<(&[u8], &[u8], u32)> {
    let (rest, number) = row.strip_prefix(b"c")?.split_last_chunk()?;
    let (namespace, key) = split_at_zero(rest.strip_suffix(&[0])?)?;
    Some((namespace, key, u32::from_be_bytes(*number)))
}

/// The rows that begin with `prefix`, which is not empty and whose first byte is a letter.
pub(crate) fn starting_with(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    (prefix.to_vec(), end)
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
            let header = Header::of(b"row", &value);
            let row = header.encode(&value);
            let (back, inline) = Header::decode(&row).unwrap();
            assert_eq!(back, header);
            assert_eq!(inline.len(), if length <= INLINE { length } else { 0 });
        }
        assert_eq!(Header::of(b"row", &vec![0; 1 << 20]).chunks(), 33);
        assert_ne!(Header::of(b"row", b"v"), Header::of(b"other", b"v"));
    }

    #[test]
    fn a_header_of_another_format_or_length_is_none() {
        let mut row = Header::of(b"row", b"abc").encode(b"abc");
        assert!(Header::decode(&row[..row.len() - 1]).is_none());
        row[0] = 1;
        assert!(Header::decode(&row).is_none());
        assert!(Header::decode(&[]).is_none());
    }

    #[test]
    fn row_keys_come_apart_as_they_were_joined() {
        let row = chunk_row(&chunks_of(b"al:capsule:a", b"x/y"), 3);
        assert_eq!(parse_chunk_row(&row), Some((&b"al:capsule:a"[..], &b"x/y"[..], 3)));
        assert_eq!(parse_chunk_row(&chunk_row(&chunks_of(b"n", b"k"), 0)), Some((&b"n"[..], &b"k"[..], 0)));
        assert_eq!(parse_key_row(&key_row(b"n", b"k")), Some((&b"n"[..], &b"k"[..])));
    }

    #[test]
    fn the_longest_chunk_row_fits_its_page() {
        let namespace = [b'n'; 64 + 9 + 64];
        let row = chunk_row(&chunks_of(&namespace, &[b'k'; 256]), 0);
        // A page holds a type, a count and one end each for key and value.
        assert!(4 + 8 + row.len() + CHUNK <= 32 << 10, "{}", row.len());
    }

    #[test]
    fn a_range_ends_before_the_next_prefix() {
        assert_eq!(starting_with(b"kab"), (b"kab".to_vec(), b"kac".to_vec()));
        assert_eq!(starting_with(b"ka\xff\xff").1, b"kb".to_vec());
        let highest = "\u{10ffff}".as_bytes();
        let (from, to) = starting_with(&key_row(b"n", highest));
        assert!(from <= key_row(b"n", highest) && key_row(b"n", highest) < to);
    }

    #[test]
    fn no_namespace_is_the_beginning_of_another() {
        assert!(!key_row(b"alice2:capsule:a", b"k").starts_with(&rows_of(b'k', b"alice:capsule:a")));
        assert!(!key_row(b"a:capsule:ab", b"k").starts_with(&rows_of(b'k', b"a:capsule:a")));
    }
}
