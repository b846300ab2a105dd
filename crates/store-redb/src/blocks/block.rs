//! One block: 4 KiB of data and a checksum that also says which block it is.

/// Data of a block: redb's page, so that no write of a page touches half a block.
pub(crate) const BLOCK: usize = 4096;
const DIGEST: usize = 16;
/// A block in the file.
pub(crate) const STORED: usize = BLOCK + DIGEST;

pub(crate) type Digest = [u8; DIGEST];

/// What a stored block is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// As it was written, or never written.
    Sound,
    /// One bit had flipped, and was flipped back.
    Corrected,
    Damaged,
}

/// Bound to the number, so that a block written to another's place is found.
pub(crate) fn digest(number: u64, data: &[u8]) -> Digest {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    let mut half = [0; DIGEST];
    for (to, from) in half.iter_mut().zip(blake3::keyed_hash(&key, data).as_bytes()) {
        *to = *from;
    }
    half
}

/// Compares data with its stored checksum, and undoes one flipped bit: the checksum is so long that
/// at most one of the 32,768 neighbours has it. That search takes some 50 ms and happens to a block
/// that is damaged, so hardly ever.
pub(crate) fn check(number: u64, data: &mut [u8], stored: &[u8]) -> State {
    let found = digest(number, data);
    let differing = differing_bits(&found, stored);
    if differing == 0 || (is_zero(stored) && is_zero(data)) {
        return State::Sound;
    }
    if differing == 1 {
        return State::Corrected; // the checksum itself
    }
    for at in 0..data.len() {
        for bit in 0..8 {
            flip(data, at, bit);
            if digest(number, data) == stored {
                return State::Corrected;
            }
            flip(data, at, bit);
        }
    }
    State::Damaged
}

pub(crate) fn differing_bits(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn flip(data: &mut [u8], at: usize, bit: u8) {
    if let Some(byte) = data.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_one_bit_is_undone_and_two_are_found() {
        let whole: Vec<u8> = (0..BLOCK).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let sum = digest(7, &whole);
        for at in [0, 1, 2000, BLOCK - 1] {
            let mut data = whole.clone();
            data[at] ^= 0x10;
            assert_eq!(check(7, &mut data, &sum), State::Corrected);
            assert_eq!(data, whole);
        }
        let mut data = whole.clone();
        data[9] ^= 3;
        assert_eq!(check(7, &mut data, &sum), State::Damaged);
        let mut data = whole.clone();
        let mut hurt = sum;
        hurt[3] ^= 1;
        assert_eq!(check(7, &mut data, &hurt), State::Corrected);
        assert_eq!(data, whole);
    }

    #[test]
    fn a_block_in_anothers_place_is_damaged_and_an_unwritten_one_is_sound() {
        let mut data = vec![1; BLOCK];
        let sum = digest(1, &data);
        assert_eq!(check(2, &mut data, &sum), State::Damaged);
        assert_eq!(check(2, &mut vec![0; BLOCK], &[0; 16]), State::Sound);
    }
}
