//! What a principal is granted, as patterns over names such as `self:quota:get`.

use std::fmt;

/// Longest pattern; names are short words between colons.
const MAX_PATTERN: usize = 128;
/// What names of the operator's own capabilities begin with.
const SYSTEM: &str = "system:";

/// Why a text is no capability pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "capability {0:?} is not valid; allowed: words of a-z 0-9 _ - . between colons, a last * for all the rest"
)]
pub struct InvalidPattern(String);

/// Words between colons; a last `*` stands for one or more words more.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CapabilityPattern {
    text: Box<str>,
    /// The words before the `*`, with their colon; the whole text without one.
    fixed: usize,
}

impl CapabilityPattern {
    /// Checks the grammar.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let fixed = match text.strip_suffix('*') {
            Some(before) if before.is_empty() || before.ends_with(':') => before.len(),
            _ => text.len(),
        };
        let words = text.get(..fixed).unwrap_or_default();
        let words = words.strip_suffix(':').filter(|_| fixed < text.len()).unwrap_or(words);
        let everything = text == "*";
        if text.len() > MAX_PATTERN || !(everything || words.split(':').all(is_word)) {
            return Err(InvalidPattern(text.chars().take(MAX_PATTERN).collect()));
        }
        Ok(Self { text: text.into(), fixed })
    }

    /// Whether the pattern covers this name.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        if self.fixed == self.text.len() {
            return *self.text == *name;
        }
        let fixed = self.text.get(..self.fixed).unwrap_or_default();
        name.strip_prefix(fixed).is_some_and(|rest| !rest.is_empty())
    }

    /// Whether it is `*`, which covers everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        &*self.text == "*"
    }
}

fn is_word(word: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    !word.is_empty() && word.bytes().all(allowed)
}

impl fmt::Display for CapabilityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CapabilityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CapabilityPattern({:?})", &*self.text)
    }
}

/// What groups and grants give, less what is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    pub(crate) given: Vec<CapabilityPattern>,
    pub(crate) revoked: Vec<CapabilityPattern>,
}

impl Capabilities {
    /// Whether `name` is given and not revoked.
    #[must_use]
    pub fn hold(&self, name: &str) -> bool {
        self.given.iter().any(|pattern| pattern.covers(name))
            && !self.revoked.iter().any(|pattern| pattern.covers(name))
    }

    /// Whether anything of the operator's own is given: everything, or a name that begins with `system:`. What is
    /// revoked whole does not count; of what is revoked in part, the rest does.
    #[must_use]
    pub fn are_administrative(&self) -> bool {
        let of_the_operator =
            |pattern: &CapabilityPattern| pattern.is_everything() || pattern.text.starts_with(SYSTEM);
        let whole = |given: &CapabilityPattern| {
            self.revoked.iter().any(|revoked| *revoked == *given || revoked.covers(&given.text))
        };
        self.given.iter().any(|given| of_the_operator(given) && !whole(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_star_covers_every_longer_name_and_nothing_shorter() {
        let covers = |pattern: &str, name: &str| CapabilityPattern::parse(pattern).unwrap().covers(name);
        assert!(covers("*", "a") && covers("*", "a:b:c"));
        assert!(covers("self:*", "self:a") && covers("self:*", "self:a:b"));
        assert!(!covers("self:*", "self") && !covers("self:*", "self:") && !covers("self:*", "selfish:a"));
        assert!(covers("net_bind", "net_bind") && !covers("net_bind", "net_bind:x"));
    }

    #[test]
    fn everything_and_what_is_the_systems_is_administrative_unless_it_is_revoked() {
        let of = |given: &[&str], revoked: &[&str]| {
            let parse =
                |texts: &[&str]| texts.iter().map(|text| CapabilityPattern::parse(text).unwrap()).collect();
            Capabilities { given: parse(given), revoked: parse(revoked) }.are_administrative()
        };
        assert!(
            of(&["*"], &[]) && of(&["self:a", "system:resources:unbounded"], &[]) && of(&["system:*"], &[])
        );
        assert!(!of(&[], &[]) && !of(&["self:*", "audit:read_all", "systematic"], &[]));
        assert!(
            !of(&["*"], &["*"]) && !of(&["system:a"], &["system:*"]) && !of(&["system:*"], &["system:*"])
        );
        assert!(of(&["*"], &["system:*"]) && of(&["system:*"], &["system:a"]) && of(&["system:a"], &["a"]));
    }

    #[test]
    fn a_star_anywhere_else_and_empty_words_are_refused() {
        for bad in ["", ":", "a:", ":a", "a::b", "a*", "*:a", "a:*:b", "A", "a b", "**", &"a".repeat(129)] {
            assert!(CapabilityPattern::parse(bad).is_err(), "{bad:?}");
        }
    }
}
