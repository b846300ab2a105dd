//! A path as a domain passes it: a scheme and plain names.

/// Longest path, in bytes; the file system interface has the same limit.
const MAX_PATH: usize = 4096;

/// A directory tree that guests know by its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mount {
    Workspace,
    Home,
    Tmp,
}

/// A checked path: `rest` has no empty, `.` or `..` segment, and is empty for the mount itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) mount: Mount,
    pub(crate) rest: &'a str,
}

impl<'a> Place<'a> {
    pub(crate) fn parse(path: &'a str) -> Result<Self, &'static str> {
        if path.len() > MAX_PATH {
            return Err("invalid path: more than 4096 bytes");
        }
        let (scheme, rest) = path.split_once("://").ok_or(UNKNOWN)?;
        let mount = match scheme {
            "workspace" => Mount::Workspace,
            "home" => Mount::Home,
            "tmp" => Mount::Tmp,
            _ => return Err(UNKNOWN),
        };
        match rest {
            "" => Ok(Self { mount, rest }),
            _ => rest.split('/').try_for_each(segment).map(|()| Self { mount, rest }),
        }
    }
}

const UNKNOWN: &str = "unknown path scheme; allowed: workspace://, home://, tmp://";

fn segment(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("invalid path: an empty segment"),
        "." => Err("invalid path: the segment \".\""),
        ".." => Err("invalid path: the segment \"..\""),
        name if name.contains('\0') => Err("invalid path: a NUL"),
        _ => Ok(()),
    }
}
