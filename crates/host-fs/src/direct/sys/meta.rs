//! What is known about an object, in one form for every system.

use rustix::fs::FileType;

use crate::volume::{FileId, FileKind, FileStat, Timestamp};

/// What a system said about an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) links: u32,
    pub(super) owner: (u32, u32),
    pub(super) modified: Option<Timestamp>,
    pub(super) created: Option<Timestamp>,
    pub(super) accessed: Option<Timestamp>,
}

impl Meta {
    pub(crate) fn kind(&self) -> FileKind {
        match FileType::from_raw_mode(self.mode as rustix::fs::RawMode) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::CharacterDevice => FileKind::CharacterDevice,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::Unknown => FileKind::Unknown,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn links(&self) -> u32 {
        self.links
    }

    pub(crate) fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// User and group.
    pub(crate) fn owner(&self) -> (u32, u32) {
        self.owner
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// As guests see it; `size` of a link is the caller's to correct.
    pub(crate) fn public(&self) -> FileStat {
        FileStat {
            size: self.size,
            kind: self.kind(),
            mode: self.mode,
            modified: self.modified,
            created: self.created,
            accessed: self.accessed,
        }
    }
}
