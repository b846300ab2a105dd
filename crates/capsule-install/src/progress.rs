//! How far an installation is.

use std::fmt;
use std::io;

/// A step that is done and lasts past a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Done {
    /// The journal says what is about to happen.
    Journal,
    /// Components and interfaces are in their stores.
    Blobs,
    /// The old directory has another name.
    Backup,
    /// The new directory is there, without its record.
    Tree,
    /// The journal holds what is to be done at the end.
    Ready,
    /// The record is there: from here on the new capsule is installed.
    Meta,
    /// The principal's interfaces are those of the new capsule.
    Wit,
    /// The old directory and what only it needed are gone.
    Swept,
    /// The journal is gone.
    Finished,
}

impl Done {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Journal,
        Self::Blobs,
        Self::Backup,
        Self::Tree,
        Self::Ready,
        Self::Meta,
        Self::Wit,
        Self::Swept,
        Self::Finished,
    ];
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Hears of each step. An error stops the installation as one of the disk would; tests stop it everywhere that way.
pub trait Progress: Send + Sync {
    /// `step` is done.
    ///
    /// # Errors
    /// The installation is to stop here. Up to [`Done::Ready`] it is taken back, from [`Done::Meta`] on it is left to a
    /// recovery, which completes it.
    fn done(&self, step: Done) -> io::Result<()>;
}

/// Hears nothing.
impl Progress for () {
    fn done(&self, _: Done) -> io::Result<()> {
        Ok(())
    }
}
