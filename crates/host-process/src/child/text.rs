//! Bytes of a pipe as text.

/// How many bytes at the end are a character that may still be completed: at most three.
pub(crate) fn incomplete_tail(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let Some(tail) = bytes.get(bytes.len() - back..) else { return 0 };
        match tail.first() {
            // Belongs to a character that begins further in front.
            Some(0x80..=0xbf) => {}
            Some(_) => {
                return match std::str::from_utf8(tail) {
                    Err(error) if error.error_len().is_none() => back,
                    _ => 0,
                };
            }
            None => return 0,
        }
    }
    0
}

/// Text with U+FFFD for what is none. Copies only where something is.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // process case 33
    #[test]
    fn only_a_character_that_more_bytes_could_complete_is_held_back() {
        for (bytes, held) in [
            (&b""[..], 0),
            (b"abc", 0),
            ("é".as_bytes(), 0),
            (b"a\xc3", 1),
            (b"a\xe2\x82", 2),
            (b"\xf0\x9f\x98", 3),
            (b"\xff", 0),
            (b"\x80\x80\x80", 0),
            (b"\xc0", 0),
            (b"\xe2\x28", 0),
        ] {
            assert_eq!(incomplete_tail(bytes), held, "{bytes:?}");
        }
    }

    // process case 33
    #[test]
    fn a_lone_bad_byte_is_one_replacement_character() {
        assert_eq!(lossy(b"a\xffb".to_vec()), "a\u{fffd}b");
    }
}
