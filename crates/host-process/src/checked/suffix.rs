//! The end of a topic of lifecycle events.

use crate::Error;
use crate::limits::MAX_TOPIC;

/// The longest of the topics' beginnings, which decides how long a suffix may be.
const LONGEST: &str = "astrid.process.v1.stdin-drained.";

/// One to four segments of `[a-z0-9_-]+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suffix(String);

impl Suffix {
    pub(crate) fn parse(text: String) -> Result<Self, Error> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let segment = |part: &str| !part.is_empty() && part.bytes().all(word);
        let fits = LONGEST.len() + text.len() <= MAX_TOPIC;
        if fits && text.split('.').count() <= 4 && text.split('.').all(segment) {
            return Ok(Self(text));
        }
        Err(Error::Invalid(
            "a suffix is 1 to 4 segments of lower-case letters, digits, _ and -, and the topic at most 256 bytes",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // process case 65
    #[test]
    fn a_suffix_is_one_to_four_lower_case_segments() {
        for good in ["a", "a.b.c.d", "a_b-1", &"x".repeat(224)] {
            assert!(Suffix::parse(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "A", "a..b", ".a", "a.", "a.b.c.d.e", "a*", "é", &"x".repeat(225), &"x".repeat(300)]
        {
            assert!(Suffix::parse(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
