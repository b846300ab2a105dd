//! The one thing that is known of redb's pages: where in a leaf the keys end.

const LEAF: u8 = 1;

/// Where the values of a leaf begin, told from its first block: behind it, damage concerns values
/// alone. A page that is no leaf, or says nonsense, has no such place.
///
/// A leaf begins with its type, a byte, the number of pairs (u16) and, for keys of any length, where
/// each key ends (u32 each). For keys of one length the same place holds where the last value ends,
/// which is later, so nothing is taken for a value that is none.
pub(super) fn keys_end(first: &[u8]) -> usize {
    let end = || {
        let (&[kind, _, low, high], ends) = first.split_first_chunk()?;
        let pairs = usize::from(u16::from_le_bytes([low, high]));
        let last = pairs.checked_sub(1).filter(|_| kind == LEAF)?;
        let (end, _) = ends.get(last * 4..)?.split_first_chunk()?;
        usize::try_from(u32::from_le_bytes(*end)).ok()
    };
    end().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_end_of_a_leaf_counts_and_other_pages_have_none() {
        let mut page = vec![0; 4096];
        page[0..4].copy_from_slice(&[LEAF, 0, 2, 0]);
        page[4..8].copy_from_slice(&30_u32.to_le_bytes());
        page[8..12].copy_from_slice(&41_u32.to_le_bytes());
        assert_eq!(keys_end(&page), 41);
        page[0] = 2;
        assert_eq!(keys_end(&page), usize::MAX);
        page[0..4].copy_from_slice(&[LEAF, 0, 0xff, 0xff]);
        assert_eq!(keys_end(&page), usize::MAX);
        assert_eq!(keys_end(&[]), usize::MAX);
    }
}
