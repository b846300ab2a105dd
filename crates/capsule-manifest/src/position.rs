//! From byte offsets to the lines and columns people count.

/// Offsets of line starts, and a running character count at regular offsets, so that one very long line does not make
/// every position in it cost a scan of the line.
pub(crate) struct LineIndex<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    chars_at: Vec<usize>,
}

const STRIDE: usize = 256;

impl<'t> LineIndex<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut line_starts = vec![0];
        let mut chars_at = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut chars = 0;
        for (offset, byte) in text.bytes().enumerate() {
            if offset % STRIDE == 0 {
                chars_at.push(chars);
            }
            chars += usize::from(starts_char(byte));
            if byte == b'\n' {
                line_starts.push(offset + 1);
            }
        }
        Self {
            text,
            line_starts,
            chars_at,
        }
    }

    /// Line and column, both from 1. An offset past the end is the end.
    pub(crate) fn locate(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.line_starts.get(index))
            .copied()
            .unwrap_or(0);
        (
            line,
            self.chars_before(offset) - self.chars_before(start) + 1,
        )
    }

    fn chars_before(&self, offset: usize) -> usize {
        let block = (offset / STRIDE).min(self.chars_at.len().saturating_sub(1));
        let counted = self.chars_at.get(block).copied().unwrap_or(0);
        let rest = self
            .text
            .as_bytes()
            .get(block * STRIDE..offset)
            .unwrap_or_default();
        counted + rest.iter().filter(|byte| starts_char(**byte)).count()
    }
}

fn starts_char(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let index = LineIndex::new("ab\nä = 1\n");
        assert_eq!(index.locate(0), (1, 1));
        assert_eq!(index.locate(3), (2, 1));
        assert_eq!(index.locate(5), (2, 2));
        assert_eq!(index.locate(999), (3, 1));
        assert_eq!(LineIndex::new("").locate(0), (1, 1));
    }

    #[test]
    fn positions_far_inside_a_long_line_are_exact() {
        let text = "é".repeat(1000) + "x";
        assert_eq!(LineIndex::new(&text).locate(2000), (1, 1001));
        assert_eq!(LineIndex::new(&text).locate(1022), (1, 512));
    }
}
