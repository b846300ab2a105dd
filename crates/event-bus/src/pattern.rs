//! What is asked for: a guest's subscription pattern and a manifest's key.

use std::fmt;
use std::sync::Arc;

use crate::matching;
use crate::topic::{Charset, InvalidTopic, MAX_HOST_SEGMENTS, MAX_SEGMENTS, Topic, check};

/// A guest's subscription pattern: a topic, or a topic whose last segment is `*` and stands for one
/// or more segments. A clone is one reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Checks the grammar. `*` alone, or anywhere but as the whole last segment, is refused.
    ///
    /// # Errors
    /// [`InvalidTopic`].
    pub fn parse(text: &str, charset: Charset) -> Result<Self, InvalidTopic> {
        check("pattern", text, charset, MAX_SEGMENTS, |index, last| last && index > 0)?;
        Ok(Self(text.into()))
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the pattern names one topic.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.ends_with('*')
    }

    /// Whether a message on `topic` is asked for.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        matching::subtree(&self.0, topic.as_str())
    }

    /// True if everything the pattern asks for is `root` or lies below it.
    #[must_use]
    pub fn is_within(&self, root: &str) -> bool {
        self.0.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl From<&Topic> for Pattern {
    fn from(topic: &Topic) -> Self {
        Self(topic.shared().clone())
    }
}

/// A manifest key, or the pattern of a consumer inside the kernel: `*` may be any whole segment.
/// A clone is one reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccessPattern(Arc<str>);

impl AccessPattern {
    /// Checks a manifest key: the guests' limits, `*` as any whole segment.
    ///
    /// # Errors
    /// [`InvalidTopic`]; a manifest that holds such a key must not load.
    pub fn parse(text: &str, charset: Charset) -> Result<Self, InvalidTopic> {
        check("pattern", text, charset, MAX_SEGMENTS, |_, _| true)?;
        Ok(Self(text.into()))
    }

    /// Checks a pattern of the host's own, with the host's depth.
    ///
    /// # Errors
    /// [`InvalidTopic`].
    pub fn host(text: &str) -> Result<Self, InvalidTopic> {
        check("pattern", text, Charset::Token, MAX_HOST_SEGMENTS, |_, _| true)?;
        Ok(Self(text.into()))
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The *subtree* rule: a last `*` stands for one or more segments, any other for exactly one.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        matching::subtree(&self.0, topic.as_str())
    }

    /// The *equal-count* rule of interceptor bindings: every `*` stands for exactly one segment.
    #[must_use]
    pub fn matches_equal_count(&self, topic: &Topic) -> bool {
        matching::equal_count(&self.0, topic.as_str())
    }

    /// Whether this key gives access to a topic or pattern: it matches under the subtree rule, with
    /// the `*` of `requested` taken as ordinary text. Text that is neither is never covered.
    #[must_use]
    pub fn covers(&self, requested: &str) -> bool {
        matching::subtree(&self.0, requested)
    }
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    )*};
}
text!(Pattern AccessPattern);
