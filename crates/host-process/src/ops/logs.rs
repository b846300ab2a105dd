//! Output by id.

use super::lookup::find;
use crate::cursor::Line;
use crate::limits::MAX_CHUNK;
use crate::op_table::{READ_LOGS, READ_SINCE};
use crate::{Error, LogChunk, LogStream, Logs, ProcessCtxView};

impl ProcessCtxView<'_> {
    /// Takes what the child wrote, from every reader.
    ///
    /// # Errors
    /// No such process.
    pub fn read_logs(&mut self, id: &str) -> Result<Logs, Error> {
        let entry = self.host.enter(&READ_LOGS);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let _touched = kept.child.use_it();
            let logs = kept.child.logs();
            entry.moved(logs.stdout.len() + logs.stderr.len());
            Ok(logs)
        })
    }

    /// Reads from a cursor, or from the oldest byte there is, and takes nothing.
    ///
    /// # Errors
    /// No such process, also for a cursor of anything else.
    pub fn read_since(
        &mut self,
        id: &str,
        stream: LogStream,
        cursor: Option<&str>,
        max_bytes: u32,
    ) -> Result<LogChunk, Error> {
        let entry = self.host.enter(&READ_SINCE);
        let ctx = &*self.ctx;
        entry.run_now(|| {
            let kept = find(ctx, &entry, id)?;
            let _touched = kept.child.use_it();
            let cursors = &ctx.processes.cursors;
            let line = Line { process: &kept.hash, generation: kept.number, stream };
            let from = match cursor {
                Some(token) => Some(cursors.read(line, token).ok_or(Error::NoSuchProcess)?),
                None => None,
            };
            let max = usize::try_from(max_bytes).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
            let piece = kept.child.read(stream, from, max).ok_or(Error::NoSuchProcess)?;
            entry.moved(piece.data.len());
            Ok(LogChunk {
                next: cursors.token(line, piece.next),
                bytes_dropped: piece.next.dropped,
                drained_eof: piece.last,
                data: piece.data,
            })
        })
    }
}
