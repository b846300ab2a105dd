//! BLAKE3 digests as manifests spell them.

/// The 64 lowercase hex digits of `text` after an optional or required `blake3:`.
pub(crate) fn digest(text: &str, prefix_required: bool) -> Option<&str> {
    let digits = match text.strip_prefix("blake3:") {
        Some(digits) => digits,
        None if prefix_required => return None,
        None => text,
    };
    let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    (digits.len() == 64 && digits.bytes().all(is_hex)).then_some(digits)
}
