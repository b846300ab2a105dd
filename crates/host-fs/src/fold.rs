//! Names as file systems compare them that fold case.

use unicode_normalization::UnicodeNormalization as _;

/// A path without what a file system that folds case does not compare: case, and characters that show
/// nothing. Reserved names are their own folded form.
pub(crate) fn folded(relative: &str) -> String {
    let shown = relative.nfd().filter(|c| !is_ignorable(*c));
    // Upper case first, because some letters are their own lower case and yet another's upper case folds there.
    shown.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// The characters that Unicode says show nothing where they are not supported.
fn is_ignorable(c: char) -> bool {
    matches!(c as u32,
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfff8
        | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0xe_0fff)
}
