//! Ids of processes: what guests hold, and what the host keeps.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::Error;

/// An id in the guest's spelling: 52 characters of `a-z2-7`. In memory until its process is forgotten, wiped
/// then, and in no log, record or file.
pub(crate) struct RawId(Zeroizing<String>);

impl RawId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawId")
    }
}

/// What an id is looked up by. Worth nothing to who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IdHash([u8; 32]);

impl IdHash {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// How records name the process: 16 hexadecimal digits.
    pub(crate) fn mark(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().chars().take(16).collect()
    }
}

/// Makes ids and hashes them, with keys of this start of the host.
pub(crate) struct Ids {
    key: Zeroizing<[u8; 32]>,
}

impl Ids {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { key: random()? })
    }

    pub(crate) fn make(&self) -> Result<(RawId, IdHash), Error> {
        let id = spell(&*random()?);
        let hash = self.hash(&id);
        Ok((RawId(Zeroizing::new(id)), hash))
    }

    /// The same work for whatever a guest hands in.
    pub(crate) fn hash(&self, id: &str) -> IdHash {
        IdHash(*blake3::keyed_hash(&self.key, id.as_bytes()).as_bytes())
    }
}

/// Bytes of the operating system.
pub(crate) fn random() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| Error::NoRandom)?;
    Ok(bytes)
}

/// Base32 in lower case, so that it is a segment of a topic.
pub(crate) fn spell(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// The bytes of exactly one spelling.
pub(crate) fn unspell(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    // process case 45
    #[test]
    fn ids_are_52_characters_that_end_in_a_or_q_and_never_the_same() {
        let ids = Ids::new().unwrap();
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let (id, hash) = ids.make().unwrap();
            assert_eq!(id.as_str().len(), 52);
            assert!(id.as_str().bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
            assert!(id.as_str().ends_with(['a', 'q']));
            assert!(hash == ids.hash(id.as_str()) && !id.as_str().contains(&hash.mark()));
            assert!(seen.insert(id.as_str().to_owned()));
        }
        assert_eq!(format!("{:?}", ids.make().unwrap().0), "RawId");
    }

    #[test]
    fn another_start_of_the_host_hashes_otherwise() {
        let (one, two) = (Ids::new().unwrap(), Ids::new().unwrap());
        assert_ne!(one.hash("x"), two.hash("x"));
        assert_eq!(one.hash("x").mark().len(), 16);
    }

    #[test]
    fn bytes_have_one_spelling() {
        let text = spell(&[1; 5]);
        assert_eq!(unspell(&text).unwrap(), [1; 5]);
        for bad in [text.to_ascii_uppercase().as_str(), "a=", "1", "ab"] {
            assert_eq!(unspell(bad), None, "{bad}");
        }
    }
}
