//! The secrets that an instance has been told, so that they do not get into logs.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::SecretValue;

/// Shortest secret that is redacted, in bytes; shorter ones occur in ordinary words.
const MIN_REDACTED: usize = 8;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Remembers, for the life of one instance, every secret of at least [`MIN_REDACTED`] bytes that the
/// instance was told, whoever's it is: guest memory outlives the call. A clone shares the memory.
#[derive(Clone, Default)]
pub(crate) struct Revealed(Arc<Inner>);

#[derive(Default)]
struct Inner {
    secrets: Mutex<Vec<SecretValue>>,
    /// The number of secrets, so that instances without any take no lock.
    count: AtomicUsize,
}

impl Revealed {
    /// Remembers a secret.
    pub(crate) fn remember(&self, secret: &str) {
        if secret.len() < MIN_REDACTED {
            return;
        }
        let mut secrets = self.0.secrets.lock();
        if !secrets.iter().any(|seen| seen.as_str() == secret) {
            secrets.push(SecretValue::new(secret.to_owned()));
            self.0.count.store(secrets.len(), Ordering::Release);
        }
    }

    /// Redacts and cuts: the start of `text` up to about `most` bytes, and how many bytes follow it. A
    /// secret that lies across the cut is redacted whole.
    pub(crate) fn redact_start<'a>(&self, text: &'a str, most: usize) -> (Cow<'a, str>, usize) {
        let cut = text.floor_char_boundary(most);
        let start = text.get(..cut).unwrap_or(text);
        let found = self.find(text, cut);
        if found.is_empty() {
            return (Cow::Borrowed(start), text.len() - start.len());
        }
        let (mut out, mut at) = (String::with_capacity(start.len()), 0);
        for (begin, end) in found {
            out.push_str(text.get(at..begin).unwrap_or_default());
            out.push_str(REDACTED);
            at = end;
        }
        out.push_str(text.get(at..cut).unwrap_or_default());
        (Cow::Owned(out), text.len() - at.max(cut))
    }

    /// The byte ranges of secrets that begin before `cut`, merged where they overlap, in order.
    fn find(&self, text: &str, cut: usize) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        if self.0.count.load(Ordering::Acquire) == 0 {
            return found;
        }
        for secret in &*self.0.secrets.lock() {
            let secret = secret.as_str();
            let window =
                text.get(..text.ceil_char_boundary(cut.saturating_add(secret.len()))).unwrap_or(text);
            let mut from = 0;
            while let Some(offset) = window.get(from..).and_then(|rest| rest.find(secret)) {
                let begin = from + offset;
                if begin < cut {
                    found.push((begin, begin + secret.len()));
                }
                // One character on, so that a secret that overlaps itself is found twice.
                from = window.ceil_char_boundary(begin + 1);
            }
        }
        found.sort_unstable();
        found.dedup_by(|next, kept| {
            let overlap = next.0 < kept.1;
            if overlap {
                kept.1 = kept.1.max(next.1);
            }
            overlap
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(secrets: &[&str]) -> Revealed {
        let revealed = Revealed::default();
        secrets.iter().for_each(|secret| revealed.remember(secret));
        revealed
    }

    fn all<'a>(revealed: &Revealed, text: &'a str) -> Cow<'a, str> {
        revealed.redact_start(text, text.len()).0
    }

    #[test]
    fn secrets_of_eight_bytes_are_redacted_and_shorter_ones_are_not() {
        let revealed = told(&["12345678", "short"]);
        assert_eq!(all(&revealed, "a 12345678 short 12345678"), "a [redacted] short [redacted]");
        assert!(matches!(all(&revealed, "nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn overlapping_secrets_leave_no_part_of_either() {
        assert_eq!(all(&told(&["abcdefgh", "efghijkl"]), "xabcdefghijkly"), "x[redacted]y");
        assert_eq!(all(&told(&["aaaaaaaa"]), "aaaaaaaaaaaa!"), "[redacted]!");
        assert_eq!(all(&told(&["secret-a", "secret-b"]), "secret-asecret-b"), "[redacted][redacted]");
    }

    #[test]
    fn a_secret_across_the_cut_is_redacted_whole_and_the_count_starts_behind_it() {
        let revealed = told(&["supersecret1"]);
        let (text, rest) = revealed.redact_start("abc supersecret1 tail", 8);
        assert_eq!((&*text, rest), ("abc [redacted]", 5));
        let (text, rest) = revealed.redact_start("äöü", 3);
        assert_eq!((&*text, rest), ("ä", 4));
    }
}
