//! The contract's figures, each with its reason.

use astrid_host_context::Resource;

/// Largest whole-file read, write or append in bytes; the contract's figure, what a guest's memory takes at once.
pub const MAX_CONTENT: usize = 10 << 20;

/// Largest piece a handle reads or writes in bytes; the contract's figure.
pub const MAX_PIECE: usize = 1 << 20;

/// Most names in one listing; the contract's figure, 1 MiB of names at the longest.
pub const MAX_LISTED: usize = 4096;

/// Entries below a home or scratch directory; the contract's default, far above what one agent's
/// notes need and far below what makes a file system slow.
pub const ENTRIES: u64 = 100_000;

/// Below a home only the host has access to these, relative to it; the contract's list.
pub static RESERVED: [&str; 3] = [".local", ".config/env", ".config/secrets"];

/// Files open at a time; the contract's figure, so that sixty capsules fit a usual descriptor limit.
pub static HANDLES: Resource = Resource { name: "fs.handles", default: 16 };

/// Bytes written since the capsule was loaded; the contract's default of 10 GiB stops a loop that
/// only writes before it wears out a disk.
pub static BYTES_WRITTEN: Resource = Resource { name: "fs.bytes-written", default: 10 << 30 };

/// Bytes of the files below a home; unlimited unless a profile says otherwise, as the contract has it.
pub static HOME_BYTES: Resource = Resource { name: "fs.home-bytes", default: u64::MAX };

/// Bytes of the files below a scratch directory, on the same terms.
pub static TMP_BYTES: Resource = Resource { name: "fs.tmp-bytes", default: u64::MAX };

/// Size of one file that a handle or an append makes; the contract's default of 4 GiB.
pub static FILE_BYTES: Resource = Resource { name: "fs.file-bytes", default: 4 << 30 };
