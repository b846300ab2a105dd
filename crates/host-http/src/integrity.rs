//! The digest a caller expects.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::digest::{Algorithm, Context, SHA256, SHA384, SHA512};

use crate::Error;

/// Padding is optional, as browsers have it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One expected digest, and what was hashed so far.
#[derive(Clone)]
pub(crate) struct Integrity {
    expected: Vec<u8>,
    seen: Context,
}

impl Integrity {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::Invalid("the integrity is not valid; give one of sha256-, sha384-, sha512- and base64");
        let (name, digest) = text.split_once('-').ok_or_else(invalid)?;
        let algorithm: &'static Algorithm = match name {
            "sha256" => &SHA256,
            "sha384" => &SHA384,
            "sha512" => &SHA512,
            _ => return Err(invalid()),
        };
        let expected = BASE64.decode(digest).map_err(|_| invalid())?;
        if expected.len() != algorithm.output_len() {
            return Err(invalid());
        }
        Ok(Self { expected, seen: Context::new(algorithm) })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.seen.update(bytes);
    }

    /// Whether what was hashed is what was expected.
    pub(crate) fn matches(self) -> bool {
        self.seen.finish().as_ref() == self.expected
    }
}

impl std::fmt::Debug for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Integrity").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    // http case 25
    #[test]
    fn one_token_of_the_right_length_is_needed() {
        for bad in [
            "md5-1B2M2Y8AsgTpgAmY7PhCfg==",
            "sha256",
            "sha256-@@",
            "sha256-AAAA",
            &format!("{ABC} {ABC}"),
            "",
            "-",
        ] {
            assert!(Integrity::parse(bad).is_err(), "{bad:?}");
        }
        for good in [ABC, ABC.trim_end_matches('=')] {
            let mut right = Integrity::parse(good).unwrap();
            right.update(b"a");
            let wrong = right.clone();
            right.update(b"bc");
            assert!(right.matches() && !wrong.matches());
        }
    }
}
