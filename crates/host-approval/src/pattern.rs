//! What remembered consent covers.

use std::fmt;

use crate::Action;

/// Most characters of a pattern: the longest action with each of its characters escaped, and more than a
/// person writes.
pub const MAX_PATTERN: usize = 1_024;

/// Characters that mean something in a pattern, or may one day.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// Why a text is not a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// No character, or more than [`MAX_PATTERN`].
    #[error("the pattern has {0} characters; allowed: 1 to {MAX_PATTERN}")]
    Length(usize),
    /// A character of control or direction, which no resource that can match holds.
    #[error("the pattern holds a character of control or direction; allowed: text without any")]
    Control,
    /// One of `? [ ] { }`, which mean nothing here and something elsewhere.
    #[error(
        "the pattern holds {0:?} as it stands; allowed: \\{0} for the character itself, and * for any run of them"
    )]
    Special(char),
    /// A `\` that is not before one of those, `*` or `\`.
    #[error("the pattern holds a \\ that escapes nothing; allowed: before * ? [ ] {{ }} and \\")]
    Escape,
}

/// A text in which `*` is any run of characters, also none, and `\` takes the meaning from the character
/// after it. One that ends with ` *` also covers what is before that: consent to `git push *` is
/// consent to `git push`. Case counts, and nothing is normalised.
///
/// Whatever a pattern says, it covers no text that could carry a second command: see [`Pattern::covers`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: String,
    /// What is between the stars; one part for a pattern without any.
    parts: Vec<String>,
}

impl Pattern {
    /// The family of an action, as a person consents to it; `None` for an empty one.
    #[must_use]
    pub fn of(action: &Action) -> Option<Self> {
        if action.is_empty() {
            return None;
        }
        let mut text = String::new();
        for c in action.as_str().chars() {
            if SPECIAL.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str(" *");
        Some(Self { text, parts: vec![format!("{} ", action.as_str()), String::new()] })
    }

    /// One that somebody wrote.
    ///
    /// # Errors
    /// The first rule of [`InvalidPattern`] that it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let length = text.chars().count();
        if !(1..=MAX_PATTERN).contains(&length) {
            return Err(InvalidPattern::Length(length));
        }
        if text.contains(astrid_host_context::text::is_hidden) {
            return Err(InvalidPattern::Control);
        }
        let (mut parts, mut part, mut chars) = (Vec::new(), String::new(), text.chars());
        while let Some(c) = chars.next() {
            match c {
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => match chars.next() {
                    Some(escaped) if SPECIAL.contains(&escaped) => part.push(escaped),
                    _ => return Err(InvalidPattern::Escape),
                },
                special if SPECIAL.contains(&special) => return Err(InvalidPattern::Special(special)),
                plain => part.push(plain),
            }
        }
        parts.push(part);
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a resource is covered. Never one that could be more than one command or leave its directory: with
    /// `; & | < >`, a backtick, `$(`, a character of control or direction, or a path through `..`.
    /// Takes time in proportion to the resource and the pattern.
    #[must_use]
    pub fn covers(&self, resource: &str) -> bool {
        is_one_command(resource) && (self.matches(resource) || self.matches_before_last_space(resource))
    }

    fn matches(&self, resource: &str) -> bool {
        let (Some((first, rest)), text) = (self.parts.split_first(), resource) else { return false };
        let Some((last, between)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for part in between {
            // The leftmost place leaves the most for the others, so no other needs to be tried.
            match text.split_once(part.as_str()) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }

    /// `git push *` read as `git push`.
    fn matches_before_last_space(&self, resource: &str) -> bool {
        let Some((last, parts)) = self.parts.split_last() else { return false };
        let Some((head, before)) = parts.split_last() else { return false };
        match head.strip_suffix(' ') {
            Some(head) if last.is_empty() => {
                let parts = before.iter().cloned().chain([head.to_owned()]).collect();
                Self { text: String::new(), parts }.matches(resource)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_one_command(text: &str) -> bool {
    let joins = |c: char| matches!(c, ';' | '&' | '|' | '`' | '<' | '>');
    !text.contains(joins)
        && !text.contains("$(")
        && !text.contains(astrid_host_context::text::is_hidden)
        && !climbs(text)
}

/// Whether `..` may be a component of a path somewhere in the text, also in quotes, after `=` or behind the
/// letter of an option. `a..b` and `1..2` are none.
fn climbs(text: &str) -> bool {
    let in_names = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.contains("../") || text.contains("..\\") || text.split(|c| !in_names(c)).any(|name| name == "..")
}
