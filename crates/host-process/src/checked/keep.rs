//! What a request says about a child that is kept.

use std::time::Duration;

use astrid_host_context::{Entry, Resource};

use crate::limits::{
    IDLE, IDLE_MS, LIFETIME_MS, MAX_LABEL, MIN_LIFETIME, MIN_RING, RETENTION, RETENTION_MS, RING, RING_BYTES,
    ceiling,
};
use crate::{Error, Keep, OverflowPolicy};

/// A name to list a child by: at most 128 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label(String);

impl Label {
    /// What is left of `label`, or of `cmd` where nothing is.
    fn clean(label: Option<&str>, cmd: &str) -> Self {
        let clean = |text: &str| {
            let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
            text.truncate(text.floor_char_boundary(MAX_LABEL));
            text
        };
        let label = label.map(clean).filter(|label| !label.is_empty());
        Self(label.unwrap_or_else(|| clean(cmd)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The fields of [`Keep`] with defaults filled in and ceilings applied.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) label: Label,
    pub(crate) stdin_stays_open: bool,
    pub(crate) overflow: OverflowPolicy,
    pub(crate) ring: usize,
    pub(crate) lifetime: Duration,
    pub(crate) idle: Duration,
    pub(crate) retention: Duration,
}

impl Keeping {
    /// Of a child that nobody keeps, for which the fields of a request are not even looked at.
    pub(crate) fn ephemeral(cmd: &str) -> Self {
        Self {
            label: Label::clean(None, cmd),
            stdin_stays_open: false,
            overflow: OverflowPolicy::DropOldest,
            ring: RING,
            lifetime: Duration::MAX,
            idle: Duration::MAX,
            retention: Duration::ZERO,
        }
    }

    /// Fails for an idle time of 0 alone; everything else is clamped.
    pub(crate) fn parse(entry: &Entry, given: &Keep, cmd: &str) -> Result<Self, Error> {
        if given.idle_timeout_ms == Some(0) {
            return Err(Error::Invalid("an idle time is at least 1 ms"));
        }
        let time = |value: Option<u64>, default: Duration, most: &'static Resource| {
            let value = value.map_or(default, Duration::from_millis);
            value.min(Duration::from_millis(ceiling(entry, most)))
        };
        let most = usize::try_from(ceiling(entry, &RING_BYTES)).unwrap_or(usize::MAX).max(MIN_RING);
        let ring = given.log_ring_bytes.map_or(RING, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let longest = Duration::from_millis(LIFETIME_MS.default);
        Ok(Self {
            label: Label::clean(given.label.as_deref(), cmd),
            stdin_stays_open: given.keep_stdin_open == Some(true),
            overflow: given.overflow.unwrap_or_default(),
            ring: ring.clamp(MIN_RING, most),
            lifetime: time(given.max_lifetime_ms, longest, &LIFETIME_MS).max(MIN_LIFETIME),
            idle: time(given.idle_timeout_ms, IDLE, &IDLE_MS),
            retention: time(given.exit_retention_ms, RETENTION, &RETENTION_MS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // process case 56
    #[test]
    fn a_label_is_cut_at_a_character_loses_control_characters_and_falls_back_to_the_command() {
        let long = Label::clean(Some(&"é".repeat(200)), "sh");
        assert_eq!(long.as_str(), "é".repeat(64));
        let odd = Label::clean(Some(&format!("a{}", "é".repeat(200))), "sh");
        assert_eq!(odd.as_str().len(), 127);
        assert_eq!(Label::clean(Some("a\nb"), "sh").as_str(), "ab");
        for nothing in [None, Some(""), Some("\n\t")] {
            assert_eq!(Label::clean(nothing, "sh").as_str(), "sh");
        }
    }
}
