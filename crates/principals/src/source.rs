//! Where profiles and groups come from.

use std::io;
use std::path::Path;

use astrid_host_context::Principal;

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

/// `etc/profiles/{principal}.toml` and `etc/groups.toml` below the host's root.
#[derive(Debug)]
pub struct ProfileFiles(Root);

impl ProfileFiles {
    /// Files below `root`, which must exist.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        Root::open(root).map(Self)
    }

    /// Writes `text` as the profile of `who` unless there is one; whether it did. The folders are made
    /// where they are missing, for the host's user alone.
    ///
    /// # Errors
    /// The folders or the file cannot be made.
    pub fn create(&self, who: &Principal, text: &str) -> io::Result<bool> {
        use rustix::fs::{Mode, OFlags, openat};
        use std::io::Write;

        let folder = self.0.make(&["etc", "profiles"])?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, format!("{who}.toml"), flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => std::fs::File::from(file).write_all(text.as_bytes()).map(|()| true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Principals with a profile, in no order, `most` at most.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn registered(&self, most: usize) -> io::Result<Vec<Principal>> {
        let Some(folder) = self.0.folder(&["etc", "profiles"])? else { return Ok(Vec::new()) };
        let names = crate::file::names(&folder)?;
        let principals = names.iter().filter_map(|name| Principal::parse(name.strip_suffix(".toml")?).ok());
        Ok(principals.take(most).collect())
    }

    fn read(&self, folders: &[&str], name: &str) -> Found {
        self.0.read(folders, name, Privacy::OwnerWrites).map_err(Problem::file)
    }
}

impl ProfileSource for ProfileFiles {
    fn stamp(&self, who: &Principal) -> Stamp {
        self.0.stamp(&format!("etc/profiles/{who}.toml"))
    }

    fn profile(&self, who: &Principal) -> Found {
        self.read(&["etc", "profiles"], &format!("{who}.toml"))
    }

    fn groups_stamp(&self) -> Stamp {
        self.0.stamp("etc/groups.toml")
    }

    fn groups(&self) -> Found {
        self.read(&["etc"], "groups.toml")
    }
}
