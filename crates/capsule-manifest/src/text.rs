//! Quoting what a manifest says in messages, and the character classes of its names.

/// Longest piece of a manifest that a message repeats, in characters. Keeps a message readable, and keeps a hostile
/// manifest from multiplying its own size.
const MAX_QUOTED: usize = 120;

/// Escapes control characters and cuts long text.
pub(crate) fn clip(text: &str) -> String {
    let mut clipped: String = text
        .chars()
        .take(MAX_QUOTED)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        clipped.push('…');
    }
    clipped
}

/// [`clip`] in quotes.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", clip(text))
}

/// Whether `name` has 1 to `max` bytes, the first of class `first`, all others of class `rest`.
pub(crate) fn is_name(name: &str, max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    let bytes = name.as_bytes();
    bytes.len() <= max
        && bytes
            .split_first()
            .is_some_and(|(head, tail)| first(*head) && tail.iter().all(|b| rest(*b)))
}

/// `[a-z0-9]`.
pub(crate) fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `[a-z0-9-]`.
pub(crate) fn lower_hyphen(byte: u8) -> bool {
    lower(byte) || byte == b'-'
}

/// `[a-z0-9_-]`.
pub(crate) fn lower_ident(byte: u8) -> bool {
    lower_hyphen(byte) || byte == b'_'
}

/// `[A-Za-z0-9_:-]`, the characters of a topic segment.
pub(crate) fn segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-')
}
