//! Where a message goes: one to eight dot-separated segments, without wildcards.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest topic or pattern in bytes, so that a maximal topic with a maximal payload has a known size.
pub const MAX_TOPIC_BYTES: usize = 256;
/// Most segments a guest may write; the `*` of a pattern counts.
pub const MAX_SEGMENTS: usize = 8;
/// Most segments of a topic the host itself publishes on. Deeper ones match nothing, which bounds
/// the walk through the routing tries.
pub const MAX_HOST_SEGMENTS: usize = 20;

/// Which characters a segment may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// `[a-z0-9_-]`.
    Strict,
    /// `[A-Za-z0-9_:-]`, for tool names such as `getUser`.
    #[default]
    Token,
}

impl Charset {
    fn allows(self, byte: u8) -> bool {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => true,
            b'A'..=b'Z' | b':' => self == Self::Token,
            _ => false,
        }
    }

    fn spelled(self) -> &'static str {
        match self {
            Self::Strict => "a-z 0-9 _ -",
            Self::Token => "A-Z a-z 0-9 _ - :",
        }
    }
}

/// Why a text is no topic or pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {problem}")]
pub struct InvalidTopic {
    kind: &'static str,
    text: String,
    problem: String,
}

/// A checked topic. A clone is one reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks a guest's topic: at most [`MAX_TOPIC_BYTES`] and [`MAX_SEGMENTS`].
    ///
    /// # Errors
    /// [`InvalidTopic`], also for any wildcard.
    pub fn parse(text: &str, charset: Charset) -> Result<Self, InvalidTopic> {
        check("topic", text, charset, MAX_SEGMENTS, |_, _| false)?;
        Ok(Self(text.into()))
    }

    /// Checks a topic of the host's own: at most [`MAX_TOPIC_BYTES`] and [`MAX_HOST_SEGMENTS`].
    ///
    /// # Errors
    /// [`InvalidTopic`], also for any wildcard.
    pub fn host(text: &str) -> Result<Self, InvalidTopic> {
        check("topic", text, Charset::Token, MAX_HOST_SEGMENTS, |_, _| false)?;
        Ok(Self(text.into()))
    }

    /// The topic as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the topic is `root` or lies below it.
    #[must_use]
    pub fn is_within(&self, root: &str) -> bool {
        self.0.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?})", &*self.0)
    }
}

/// The grammar shared by topics and patterns. `star(index, last)` says where a `*` may stand.
pub(crate) fn check(
    kind: &'static str,
    text: &str,
    charset: Charset,
    segments: usize,
    star: impl Fn(usize, bool) -> bool,
) -> Result<(), InvalidTopic> {
    let fail = |problem: String| {
        // Cut so that a hostile name cannot fill a log line.
        Err(InvalidTopic { kind, text: text.chars().take(MAX_TOPIC_BYTES).collect(), problem })
    };
    if text.len() > MAX_TOPIC_BYTES {
        return fail(format!("it has {} bytes; allowed: {MAX_TOPIC_BYTES}", text.len()));
    }
    let count = text.split('.').count();
    if count > segments {
        return fail(format!("it has {count} segments; allowed: {segments}"));
    }
    for (index, segment) in text.split('.').enumerate() {
        if segment.is_empty() {
            return fail("a segment is empty; allowed: one or more characters between dots".to_owned());
        }
        let wild = segment == "*" && star(index, index + 1 == count);
        if !wild && !segment.bytes().all(|b| charset.allows(b)) {
            return fail(format!("segment {segment:?} holds others than {}", charset.spelled()));
        }
    }
    Ok(())
}
