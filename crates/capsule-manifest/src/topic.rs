//! Topic patterns as manifests write them.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink, Spot, key_of};
use crate::text::{quote, segment};

/// Longest pattern in bytes, the length limit of a topic.
pub const MAX_PATTERN_BYTES: usize = 256;
/// Most segments of a pattern: a guest can publish no topic with more, so a longer pattern never matches.
pub const MAX_PATTERN_SEGMENTS: usize = 8;

const ALLOWED: &str = "up to 8 segments joined by \".\", each of letters, digits, \"_\", \":\", \"-\", or exactly \"*\"";

/// A checked topic pattern: 1 to 8 segments, at most 256 bytes, each segment `[A-Za-z0-9_:-]+` or `*`.
///
/// A pattern means one of two things, depending on where it is used: access lists match by subtree, bindings match
/// strictly, segment by segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPattern(String);

/// Why a text is no [`TopicPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic {} {problem}", quote(.pattern))]
pub struct BadTopicPattern {
    pattern: String,
    problem: String,
}

impl TopicPattern {
    /// Checks `pattern`.
    ///
    /// # Errors
    /// [`BadTopicPattern`] names the first segment that is wrong, counting from 1.
    pub fn parse(pattern: &str) -> Result<Self, BadTopicPattern> {
        let problem = if pattern.is_empty() {
            "is empty".to_owned()
        } else if pattern.len() > MAX_PATTERN_BYTES {
            format!("has {} bytes, more than {MAX_PATTERN_BYTES}", pattern.len())
        } else if let Some(problem) = segment_problem(pattern) {
            problem
        } else {
            return Ok(Self(pattern.to_owned()));
        };
        Err(BadTopicPattern {
            pattern: pattern.to_owned(),
            problem,
        })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn segment_problem(pattern: &str) -> Option<String> {
    let segments: Vec<&str> = pattern.split('.').collect();
    if segments.len() > MAX_PATTERN_SEGMENTS {
        return Some(format!(
            "has {} segments, more than {MAX_PATTERN_SEGMENTS}",
            segments.len()
        ));
    }
    segments.iter().zip(1..).find_map(|(part, position)| {
        if part.is_empty() {
            Some(format!("has an empty segment at position {position}"))
        } else if *part != "*" && !part.bytes().all(segment) {
            Some(format!(
                "has the invalid segment {} at position {position}",
                quote(part)
            ))
        } else {
            None
        }
    })
}

/// Checks a pattern that stands in a manifest as the key of `cursor`.
pub(crate) fn read_key(
    name: &str,
    cursor: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> Result<TopicPattern, Faulted> {
    report(name, key_of(cursor), sink)
}

/// Checks a pattern that stands in a manifest as the value at `cursor`.
pub(crate) fn read_value(
    cursor: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> Result<TopicPattern, Faulted> {
    report(cursor.text().unwrap_or_default(), cursor.into(), sink)
}

fn report(text: &str, spot: Spot, sink: &mut Sink<'_>) -> Result<TopicPattern, Faulted> {
    TopicPattern::parse(text)
        .map_err(|error| sink.fault(spot, Code::BadTopic, error.to_string(), ALLOWED))
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for TopicPattern {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicPattern {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for TopicPattern {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_at_the_limits_parse_and_one_past_them_do_not() {
        for good in [
            "a",
            "*",
            "a.*",
            "tool.v1.execute.*.*.result",
            "a.b.c.d.e.f.g.h",
            "A_b:c-1",
        ] {
            assert_eq!(TopicPattern::parse(good).unwrap(), good);
        }
        for bad in [
            "",
            ".",
            ".a",
            "a.",
            "a..b",
            "a.b*",
            "a b",
            "ä",
            "a.b.c.d.e.f.g.h.i",
            &"a".repeat(257),
        ] {
            assert!(TopicPattern::parse(bad).is_err(), "{bad}");
        }
        assert!(TopicPattern::parse(&"a".repeat(256)).is_ok());
    }
}
