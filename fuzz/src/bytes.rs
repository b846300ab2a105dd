//! A fuzzer's bytes as a row of choices.

/// What is left of them; when nothing is, every choice is the first.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    /// A number below `sides`, which is at most 256.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % sides
    }
}
