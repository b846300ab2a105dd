//! The one table from the system's error numbers to cases.

use rustix::io::Errno;

use crate::fault::{Fault, Text};

/// What was being done; a few numbers mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Resolving or using a path.
    Path,
    /// Renaming onto a name.
    Rename,
    /// Linking to a name.
    Link,
    /// Using an open file.
    Handle,
}

/// The case for an error number.
#[must_use]
pub fn fault(errno: Errno, doing: Doing) -> Fault {
    match errno {
        Errno::NOENT | Errno::STALE => Fault::NotFound,
        Errno::ACCESS
        | Errno::PERM
        | Errno::ROFS
        | Errno::BUSY
        | Errno::TXTBSY
        | Errno::NXIO
        | Errno::NODEV => Fault::Access,
        Errno::XDEV => match doing {
            Doing::Rename | Doing::Link => Fault::CrossVfs,
            Doing::Path | Doing::Handle => Fault::Escape,
        },
        Errno::INVAL => match doing {
            Doing::Handle => Fault::Unknown(Text::Io),
            Doing::Path | Doing::Rename | Doing::Link => Fault::InvalidPath,
        },
        Errno::NAMETOOLONG | Errno::ILSEQ => Fault::InvalidPath,
        Errno::ISDIR => Fault::IsDirectory,
        Errno::NOTDIR => Fault::NotDirectory,
        Errno::NOTEMPTY => Fault::NotEmpty,
        Errno::EXIST => match doing {
            Doing::Rename => Fault::NotEmpty,
            Doing::Path | Doing::Link | Doing::Handle => Fault::AlreadyExists,
        },
        Errno::FBIG | Errno::OVERFLOW => Fault::TooLarge,
        Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE | Errno::MLINK => Fault::Quota,
        Errno::AGAIN => Fault::WouldBlock,
        Errno::BADF => match doing {
            Doing::Handle => Fault::Closed,
            Doing::Path | Doing::Rename | Doing::Link => Fault::Unknown(Text::Io),
        },
        Errno::LOOP => Fault::Unknown(Text::TooManyLinks),
        Errno::NOSYS | Errno::OPNOTSUPP => Fault::Unknown(Text::NotSupported),
        Errno::NOMEM => Fault::Unknown(Text::OutOfMemory),
        _ => Fault::Unknown(Text::Io),
    }
}

/// For `map_err` where a path is resolved or used.
pub(crate) fn path(errno: Errno) -> Fault {
    fault(errno, Doing::Path)
}

/// For `map_err` on an open file.
pub(crate) fn handle(errno: Errno) -> Fault {
    fault(errno, Doing::Handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        use Doing::{Handle, Link, Path, Rename};
        let rows = [
            (Errno::NOENT, Path, Fault::NotFound),
            (Errno::STALE, Path, Fault::NotFound),
            (Errno::ACCESS, Path, Fault::Access),
            (Errno::PERM, Path, Fault::Access),
            (Errno::ROFS, Path, Fault::Access),
            (Errno::BUSY, Path, Fault::Access),
            (Errno::TXTBSY, Path, Fault::Access),
            (Errno::NXIO, Path, Fault::Access),
            (Errno::XDEV, Path, Fault::Escape),
            (Errno::XDEV, Rename, Fault::CrossVfs),
            (Errno::XDEV, Link, Fault::CrossVfs),
            (Errno::NAMETOOLONG, Path, Fault::InvalidPath),
            (Errno::ILSEQ, Path, Fault::InvalidPath),
            (Errno::INVAL, Rename, Fault::InvalidPath),
            (Errno::ISDIR, Rename, Fault::IsDirectory),
            (Errno::NOTDIR, Rename, Fault::NotDirectory),
            (Errno::NOTEMPTY, Rename, Fault::NotEmpty),
            (Errno::EXIST, Rename, Fault::NotEmpty),
            (Errno::EXIST, Path, Fault::AlreadyExists),
            (Errno::FBIG, Handle, Fault::TooLarge),
            (Errno::OVERFLOW, Handle, Fault::TooLarge),
            (Errno::NOSPC, Handle, Fault::Quota),
            (Errno::DQUOT, Handle, Fault::Quota),
            (Errno::MFILE, Path, Fault::Quota),
            (Errno::NFILE, Path, Fault::Quota),
            (Errno::MLINK, Link, Fault::Quota),
            (Errno::AGAIN, Path, Fault::WouldBlock),
            (Errno::BADF, Handle, Fault::Closed),
            (Errno::LOOP, Path, Fault::Unknown(Text::TooManyLinks)),
            (Errno::NOSYS, Path, Fault::Unknown(Text::NotSupported)),
            (Errno::OPNOTSUPP, Path, Fault::Unknown(Text::NotSupported)),
            (Errno::IO, Handle, Fault::Unknown(Text::Io)),
            (Errno::NOMEM, Path, Fault::Unknown(Text::OutOfMemory)),
            (Errno::PROTO, Path, Fault::Unknown(Text::Io)),
        ];
        for (errno, doing, expected) in rows {
            assert_eq!(fault(errno, doing), expected, "{errno:?} {doing:?}");
        }
    }
}
