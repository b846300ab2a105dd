//! How much of the log one guest may use.

use std::time::Duration;

/// Bounds of a [`super::LogRouter`]; the defaults are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Lines a second that one capsule may log for one principal.
    pub lines_per_second: u32,
    /// Bytes of messages a second, likewise.
    pub bytes_per_second: u32,
    /// How much of the two rates may be used at once.
    pub burst: Duration,
    /// Lines of one principal that wait to be written; an eighth of them is kept for errors.
    pub queue_lines: usize,
    /// Bytes of messages that wait, likewise.
    pub queue_bytes: usize,
    /// Day files older than this many days are removed.
    pub retention_days: u16,
    /// Open log files of the whole host; the longest unused is closed for another.
    pub open_files: usize,
    /// How long a file that failed is left alone; its lines go to the host's log meanwhile.
    pub retry_after: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            lines_per_second: 1000,
            bytes_per_second: 1024 * 1024,
            burst: Duration::from_secs(5),
            queue_lines: 4096,
            queue_bytes: 4 * 1024 * 1024,
            retention_days: 7,
            open_files: 256,
            retry_after: Duration::from_secs(10),
        }
    }
}
