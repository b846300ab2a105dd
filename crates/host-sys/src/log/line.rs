//! One line of text from one message, whatever the message holds.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use super::LogLine;

/// Longest message kept; the rest is counted.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// What was kept of a message, with a mark that says how many bytes are missing.
pub(crate) fn marked(kept: &str, missing: usize) -> String {
    format!("{kept}…[+{missing} bytes]")
}

/// Control characters and line separators spelt out, so that a guest can forge no second line and
/// reach no terminal. A tab stays.
pub(crate) fn escape(text: &str) -> String {
    let harmless = |c: char| c == '\t' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            c if harmless(c) => escaped.push(c),
            // Writing to a string cannot fail.
            c => drop(write!(escaped, "\\u{{{:x}}}", u32::from(c))),
        }
    }
    escaped
}

/// `seconds.millis LEVEL [capsule] message`, with its line feed.
pub(crate) fn format(line: &LogLine) -> String {
    let at = line.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (at.as_secs(), at.subsec_millis());
    let (level, capsule, text) = (line.level.word(), &line.capsule, escape(&line.text));
    format!("{seconds}.{millis:03} {level} [{capsule}] {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogLevel;
    use astrid_host_context::CapsuleId;
    use std::time::Duration;

    // sys case 15
    #[test]
    fn a_message_is_one_line_with_its_control_characters_spelt_out() {
        assert_eq!(escape("a\nb\r\u{1b}[31m\tc\u{2028}\u{7f}"), "a\\nb\\r\\u{1b}[31m\tc\\u{2028}\\u{7f}");
    }

    // sys case 14
    #[test]
    fn a_line_has_time_level_and_capsule() {
        let line = LogLine {
            principal: None,
            capsule: CapsuleId::parse("router").unwrap(),
            level: LogLevel::Warn,
            text: "text".to_owned(),
            at: UNIX_EPOCH + Duration::from_millis(1_795_075_200_123),
        };
        assert_eq!(format(&line), "1795075200.123 WARN [router] text\n");
    }
}
