//! Where profiles and groups come from.

use std::io;
use std::path::Path;

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::Mutex;

use crate::edit;
use crate::file::{Privacy, Root, Stamp};
use crate::problem::Problem;

/// What a read found: the text, or nothing there.
pub type Found = Result<Option<String>, Problem>;

/// Profiles and groups as texts. Methods wait for a disk; the cache calls them off the runtime's workers.
pub trait ProfileSource: Send + Sync {
    /// How the profile looks now; equal stamps stand for equal texts.
    fn stamp(&self, who: &Principal) -> Stamp;

    /// The profile's text.
    ///
    /// # Errors
    /// It is there and cannot be used.
    fn profile(&self, who: &Principal) -> Found;

    /// How the groups look now.
    fn groups_stamp(&self) -> Stamp;

    /// The groups' text.
    ///
    /// # Errors
    /// It is there and cannot be used.
    fn groups(&self) -> Found;
}

impl<S: ProfileSource> ProfileSource for std::sync::Arc<S> {
    fn stamp(&self, who: &Principal) -> Stamp {
        (**self).stamp(who)
    }

    fn profile(&self, who: &Principal) -> Found {
        (**self).profile(who)
    }

    fn groups_stamp(&self) -> Stamp {
        (**self).groups_stamp()
    }

    fn groups(&self) -> Found {
        (**self).groups()
    }
}

/// `etc/profiles/{principal}.toml` and `etc/groups.toml` below the host's root.
#[derive(Debug)]
pub struct ProfileFiles {
    root: Root,
    /// Whoever changes a file reads and writes it before the next one begins.
    changes: Mutex<()>,
}

impl ProfileFiles {
    /// Files below `root`, which must exist.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: Root::open(root)?, changes: Mutex::default() })
    }

    /// Writes `text` as the profile of `who` unless there is one; whether it did. The folders are made
    /// where they are missing, for the host's user alone.
    ///
    /// # Errors
    /// The folders or the file cannot be made.
    pub fn create(&self, who: &Principal, text: &str) -> io::Result<bool> {
        use rustix::fs::{Mode, OFlags, openat};
        use std::io::Write;

        let folder = self.root.make(&["etc", "profiles"])?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, format!("{who}.toml"), flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => std::fs::File::from(file).write_all(text.as_bytes()).map(|()| true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds `capsule` to those `who` may invoke, or takes it out, and leaves the rest of the file as it
    /// is; whether there is a profile to say so. After a crash the file is the old one or the new.
    ///
    /// # Errors
    /// The profile cannot be read or written, or is not valid.
    pub fn set_access(&self, who: &Principal, capsule: &CapsuleId, may: bool) -> io::Result<bool> {
        let _turn = self.changes.lock();
        let text = self.profile(who).map_err(invalid)?;
        let Some(text) = text else { return Ok(false) };
        if let Some(changed) = edit::with_access(&text, capsule, may).map_err(invalid)? {
            self.root.replace(&["etc", "profiles"], &format!("{who}.toml"), &changed)?;
        }
        Ok(true)
    }

    /// Principals with a profile, in no order, `most` at most.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn registered(&self, most: usize) -> io::Result<Vec<Principal>> {
        let Some(folder) = self.root.folder(&["etc", "profiles"])? else { return Ok(Vec::new()) };
        let names = crate::file::names(&folder)?;
        let principals = names.iter().filter_map(|name| Principal::parse(name.strip_suffix(".toml")?).ok());
        Ok(principals.take(most).collect())
    }

    fn read(&self, folders: &[&str], name: &str) -> Found {
        self.root.read(folders, name, Privacy::OwnerWrites).map_err(Problem::file)
    }
}

impl ProfileSource for ProfileFiles {
    fn stamp(&self, who: &Principal) -> Stamp {
        self.root.stamp(&format!("etc/profiles/{who}.toml"))
    }

    fn profile(&self, who: &Principal) -> Found {
        self.read(&["etc", "profiles"], &format!("{who}.toml"))
    }

    fn groups_stamp(&self) -> Stamp {
        self.root.stamp("etc/groups.toml")
    }

    fn groups(&self) -> Found {
        self.read(&["etc"], "groups.toml")
    }
}

fn invalid(problem: Problem) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_string())
}
