//! The beginning and the end of a stream of any length.

use std::collections::VecDeque;

use astrid_host_context::Cancellation;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::child::lossy;
use crate::limits::CAPTURE_HALF;

const READ: usize = 32 * 1024;

/// At most two halves, and how much was left out between them.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    omitted: u64,
}

impl Capture {
    /// Reads to the end, or until `backstop` fires and nothing is there.
    pub(crate) async fn read(mut reader: impl AsyncRead + Unpin, backstop: Cancellation) -> Self {
        let mut capture = Self::default();
        let mut buffer = vec![0; READ];
        loop {
            let read = tokio::select! {
                biased;
                read = reader.read(&mut buffer) => read.unwrap_or(0),
                () = backstop.fired() => 0,
            };
            match buffer.get(..read) {
                Some(chunk) if !chunk.is_empty() => capture.push(chunk, CAPTURE_HALF),
                _ => return capture,
            }
        }
    }

    fn push(&mut self, chunk: &[u8], half: usize) {
        let (first, rest) = chunk.split_at(chunk.len().min(half.saturating_sub(self.head.len())));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(half);
        self.tail.drain(..over);
        self.omitted += over as u64;
    }

    pub(crate) fn into_text(self) -> String {
        let Self { mut head, tail, omitted } = self;
        if omitted == 0 {
            head.extend(&tail);
            return lossy(head);
        }
        let tail: Vec<u8> = tail.into();
        let mut text = lossy(head);
        // A line of its own, wherever the cut is.
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("[... {omitted} bytes omitted ...]\n"));
        text.push_str(&lossy(tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(chunks: &[&str]) -> String {
        let mut capture = Capture::default();
        chunks.iter().for_each(|chunk| capture.push(chunk.as_bytes(), 4));
        capture.into_text()
    }

    #[test]
    fn what_fits_into_both_halves_is_kept_whole() {
        assert_eq!(text(&["ab", "cdefg", "h"]), "abcdefgh");
        assert_eq!(text(&[]), "");
    }

    // process case 16
    #[test]
    fn of_more_the_middle_is_left_out_with_a_line_that_says_how_much() {
        assert_eq!(text(&["abc\nefghijk", "lmn"]), "abc\n[... 6 bytes omitted ...]\nklmn");
        assert_eq!(text(&["abcdefghi"]), "abcd\n[... 1 bytes omitted ...]\nfghi");
    }
}
