//! The functions as the envelope knows them, by the contract's audit class: probes are events, reads
//! are recorded, and nothing is changed without its record.

use astrid_host_context::{Action, Audit, Op};

/// Looking at or reading something.
pub const READ: Action = Action::new("fs", "read");
/// Changing something.
pub const WRITE: Action = Action::new("fs", "write");

macro_rules! ops {
    ($($name:ident $function:literal $audit:ident;)*) => {$(
        #[doc = concat!("`", $function, "`")]
        pub static $name: Op = Op::new("fs", $function, Audit::$audit);
    )*};
}

ops! {
    OPEN_READ "fs-open" Record;
    OPEN_WRITE "fs-open" Required;
    EXISTS "fs-exists" Event;
    MKDIR "fs-mkdir" Required;
    MKDIR_ALL "fs-mkdir-all" Required;
    READDIR "fs-readdir" Event;
    STAT "fs-stat" Event;
    STAT_SYMLINK "fs-stat-symlink" Event;
    UNLINK "fs-unlink" Required;
    READ_FILE "read-file" Record;
    WRITE_FILE "write-file" Required;
    APPEND "fs-append" Required;
    COPY "fs-copy" Required;
    RENAME "fs-rename" Required;
    REMOVE_DIR_ALL "fs-remove-dir-all" Required;
    CANONICALIZE "fs-canonicalize" Event;
    READ_LINK "fs-read-link" Event;
    HARD_LINK "fs-hard-link" Required;
    READ_AT "file-handle.read-at" Silent;
    WRITE_AT "file-handle.write-at" Silent;
    SYNC_DATA "file-handle.sync-data" Record;
    SYNC_ALL "file-handle.sync-all" Record;
    STAT_HANDLE "file-handle.stat" Silent;
    SET_LEN "file-handle.set-len" Record;
    DROP "file-handle.drop" Record;
}
