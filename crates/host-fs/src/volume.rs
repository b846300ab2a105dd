//! The backend: what the engine asks of a place, and what it gets back.
//!
//! A volume is one tree below one root. Its methods block and run on the pool; the `try_` methods run
//! on a runtime worker and may do nothing that waits for a device. Resolution belongs to the volume,
//! because only it knows its tree; between resolution and effect it asks [`At::consent`].

use std::os::fd::BorrowedFd;
use std::time::Duration;

use astrid_host_context::{Cancellation, Standing};
use tokio::time::Instant;

use crate::VfsPath;
use crate::fault::{Fault, Text};

/// What kind of object a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// None of the others.
    Unknown,
    /// A file with content.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A moment relative to 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds to add, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// What is known about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Bytes; of a link, the length of what reading it gives, 0 if that fails.
    pub size: u64,
    /// The kind of object.
    pub kind: FileKind,
    /// The full Unix mode.
    pub mode: u32,
    /// When the content last changed.
    pub modified: Option<Timestamp>,
    /// When it was created, where the file system records that.
    pub created: Option<Timestamp>,
    /// When it was last read.
    pub accessed: Option<Timestamp>,
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Reading one that exists.
    Read,
    /// Writing; created, or emptied.
    Write,
    /// Writing at the end; created if need be.
    Append,
    /// Reading and writing one that exists.
    ReadWrite,
}

/// The identity of a file system object, for recognising it; never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The inode on it.
    pub inode: u64,
}

/// The engine's questions back, asked between resolution and effect.
pub trait Consent: Send + Sync {
    /// The path was resolved to these components, joined by `/`, below the volume's root.
    ///
    /// # Errors
    /// [`Fault::Denied`] if the grants do not reach there.
    fn resolved(&self, relative: &str) -> Result<(), Fault>;

    /// The next step changes something.
    ///
    /// # Errors
    /// The change must not happen, for example because it could not be recorded.
    fn proceed(&self) -> Result<(), Fault>;
}

/// When a long operation must end early.
#[derive(Debug, Clone)]
pub struct Stop {
    cancellation: Cancellation,
    deadline: Option<Instant>,
}

impl Stop {
    /// Ends with the token, or at the deadline.
    #[must_use]
    pub fn new(cancellation: Cancellation, deadline: Option<Instant>) -> Self {
        Self { cancellation, deadline }
    }

    /// Long operations ask once per MiB or 256 entries.
    ///
    /// # Errors
    /// `unknown("cancelled")`.
    pub fn check(&self) -> Result<(), Fault> {
        let late =
            self.deadline.is_some_and(|at| at.saturating_duration_since(Instant::now()) == Duration::ZERO);
        if late || self.cancellation.standing() != Standing::Live {
            return Err(Fault::Unknown(Text::Cancelled));
        }
        Ok(())
    }
}

/// Where an operation applies, and what it must ask.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The path, in this volume's scheme.
    pub path: &'a VfsPath,
    /// Asked once the path is resolved, and before the effect.
    pub consent: &'a dyn Consent,
    /// Asked in the middle of long work.
    pub stop: &'a Stop,
}

impl std::fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Where replaced content comes from.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// Bytes at hand.
    Bytes(&'a [u8]),
    /// A whole file, copied with its permission bits.
    File(&'a dyn File),
}

/// What was really written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub bytes: u64,
    /// Their BLAKE3; none if source and destination were one file and nothing was written.
    pub digest: Option<blake3::Hash>,
}

/// An open file. Methods block unless they are called `try_`.
pub trait File: Send + Sync + std::fmt::Debug {
    /// Fills the buffer from `offset`; short only at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault>;

    /// Reads what needs no waiting, if all of the buffer or all up to the end of the file does.
    fn try_read_at(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        let _ = (buffer, offset);
        None
    }

    /// Writes all of `data`; fewer bytes only if the device failed after some.
    ///
    /// # Errors
    /// The system's, if nothing was written.
    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Fault>;

    /// Writes all of `data` at the end, in one piece, keeping the file at most `limit` bytes long.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above the limit; [`Fault::Quota`] on a full device, with the old length
    /// back; the system's.
    fn append(&self, data: &[u8], limit: u64) -> Result<(), Fault>;

    /// Waits until the content, or content and all that is known about it, is on the device.
    ///
    /// # Errors
    /// The system's; reported once by it, so the engine remembers.
    fn sync(&self, everything: bool) -> Result<(), Fault>;

    /// What is known about it now.
    ///
    /// # Errors
    /// The system's.
    fn stat(&self) -> Result<FileStat, Fault>;

    /// [`File::stat`] if that needs no waiting.
    fn try_stat(&self) -> Option<FileStat> {
        None
    }

    /// Cuts it, or adds zeroes.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, size: u64) -> Result<(), Fault>;

    /// Which object it is.
    ///
    /// # Errors
    /// The system's.
    fn id(&self) -> Result<FileId, Fault>;

    /// Its descriptor, for copies that need not move bytes.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// One tree below one root. Every method takes well-formed paths of this volume's scheme, follows
/// links unless it says otherwise, and never reaches an object outside the root.
///
/// A backend proves itself with `astrid_host_testkit::contract::fs`.
pub trait Volume: Send + Sync + std::fmt::Debug {
    /// [`Volume::stat`] without waiting, if the answer is in memory and the path written is the
    /// canonical one; else none.
    fn try_stat(&self, path: &VfsPath, follow: bool) -> Option<Result<FileStat, Fault>> {
        let _ = (path, follow);
        None
    }

    /// The whole content of a regular file of at most `max` bytes, on the same terms.
    fn try_read(&self, path: &VfsPath, max: usize) -> Option<Result<Vec<u8>, Fault>> {
        let _ = (path, max);
        None
    }

    /// Whether its owner keeps the path from every guest, whatever is granted. Asked, without waiting, of
    /// the collapsed path as written and of where it really leads.
    fn withholds(&self, relative: &str) -> bool {
        let _ = relative;
        false
    }

    /// What is known about the object; `follow` says whether a link at the end is followed.
    ///
    /// # Errors
    /// [`Fault::NotFound`] and those of resolution.
    fn stat(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault>;

    /// The resolved components of an existing object, joined by `/`.
    ///
    /// # Errors
    /// [`Fault::NotFound`] and those of resolution.
    fn canonicalize(&self, at: At<'_>) -> Result<String, Fault>;

    /// Where a link points, relative to the root.
    ///
    /// # Errors
    /// [`Fault::InvalidPath`] for anything but a link; [`Fault::Escape`]; those of resolution.
    fn read_link(&self, at: At<'_>) -> Result<String, Fault>;

    /// The names in a directory that a guest can write, sorted by bytes, at most `limit`.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::NotDirectory`] and those of resolution.
    fn list(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault>;

    /// Opens a regular file.
    ///
    /// # Errors
    /// [`Fault::IsDirectory`], [`Fault::Access`] for special files, [`Fault::Quota`], those of resolution.
    fn open(&self, at: At<'_>, mode: OpenMode) -> Result<Box<dyn File>, Fault>;

    /// Creates one directory.
    ///
    /// # Errors
    /// [`Fault::AlreadyExists`], [`Fault::Quota`] and those of resolution.
    fn make_dir(&self, at: At<'_>) -> Result<(), Fault>;

    /// Creates a directory and the parents it lacks.
    ///
    /// # Errors
    /// [`Fault::AlreadyExists`] if something else has the name, and those of resolution.
    fn make_dirs(&self, at: At<'_>) -> Result<(), Fault>;

    /// Removes a name that is no directory; a link itself.
    ///
    /// # Errors
    /// [`Fault::IsDirectory`] and those of resolution.
    fn unlink(&self, at: At<'_>) -> Result<(), Fault>;

    /// Removes a directory with all it holds, and counts the entries.
    ///
    /// # Errors
    /// [`Fault::NotDirectory`] also for a link; [`Fault::Access`] for the root; those of resolution.
    fn remove_all(&self, at: At<'_>) -> Result<u64, Fault>;

    /// Creates a file or replaces its content as one step.
    ///
    /// # Errors
    /// [`Fault::IsDirectory`], [`Fault::Quota`] and those of resolution; the old content stays.
    fn replace(&self, at: At<'_>, content: Content<'_>) -> Result<Written, Fault>;

    /// Adds bytes at the end, creating the file if need be; at most `limit` bytes long afterwards.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], [`Fault::Quota`] and those of resolution; the old length stays.
    fn append(&self, at: At<'_>, data: &[u8], limit: u64) -> Result<(), Fault>;

    /// Renames within the volume; follows no link at either end.
    ///
    /// # Errors
    /// Those of POSIX, as cases, and those of resolution.
    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault>;

    /// Gives a regular file a second name.
    ///
    /// # Errors
    /// [`Fault::AlreadyExists`], [`Fault::IsDirectory`], [`Fault::Access`] and those of resolution.
    fn link(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault>;
}
