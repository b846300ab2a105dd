//! Where the file of one secret is, and the system calls on it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, fsync, openat, renameat, unlinkat};
use zeroize::Zeroizing;

use super::{SecretScope, SecretValue};
use crate::log::folder;

/// Longest file that is taken for a secret: a certificate chain with its key fits many times.
const MAX_SECRET: u64 = 1024 * 1024;
/// Longest component made of a key. File systems take 255 bytes, and a mark is added to some.
const MAX_COMPONENT: usize = 200;

/// The path of one secret below a store's root.
#[derive(Debug)]
pub(super) struct Place {
    folders: Vec<String>,
    name: String,
}

impl Place {
    pub(super) fn new(scope: &SecretScope, key: &str) -> Self {
        // No principal has this name: `@` is not in their alphabet.
        let owner = scope.principal.as_ref().map_or("@host", |principal| principal.as_str());
        let mut folders = vec![owner.to_owned(), scope.capsule.to_string()];
        let mut name = String::new();
        for byte in key.bytes() {
            if name.len() > MAX_COMPONENT {
                // `+` is never a key's own, so a folder is never another secret's file.
                folders.push(std::mem::take(&mut name) + "+");
            }
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
                name.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(name, "%{byte:02x}");
            }
        }
        Self { folders, name }
    }

    /// For operators.
    pub(super) fn below(&self, root: &Path) -> PathBuf {
        self.folders.iter().fold(root.to_owned(), |path, folder| path.join(folder)).join(&self.name)
    }

    pub(super) fn read(&self, root: &Path) -> io::Result<Option<SecretValue>> {
        let Some(file) = self.find(root)? else { return Ok(None) };
        let found = file.metadata()?;
        if !found.is_file() || found.len() > MAX_SECRET {
            return Err(io::Error::other("not a plain file of at most 1 MiB"));
        }
        // Large enough from the start: a buffer that grows leaves copies behind.
        let room = usize::try_from(found.len()).unwrap_or_default() + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(found.len()).read_to_end(&mut bytes)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| io::Error::other("not UTF-8 text"))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    pub(super) fn exists(&self, root: &Path) -> io::Result<bool> {
        Ok(self.find(root)?.is_some())
    }

    pub(super) fn replace(&self, root: &Path, value: &str) -> io::Result<()> {
        let folder = self.make_folder(root)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        // A key's own name never begins with a dot.
        let fresh = format!(".{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&folder, &fresh, flags, Mode::RUSR | Mode::WUSR)?);
        let replaced = file
            .write_all(value.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(&folder, &fresh, &folder, &self.name)?));
        if let Err(error) = replaced {
            // The first error says more than a second one would.
            let _ = unlinkat(&folder, &fresh, AtFlags::empty());
            return Err(error);
        }
        Ok(fsync(&folder)?)
    }

    pub(super) fn remove(&self, root: &Path) -> io::Result<()> {
        let Some(folder) = absent_as_none(self.folder(root))? else { return Ok(()) };
        match absent_as_none(unlinkat(&folder, &self.name, AtFlags::empty()).map_err(io::Error::from))? {
            Some(()) => Ok(fsync(&folder)?),
            None => Ok(()),
        }
    }

    /// Removes the folder of the scope with all secrets in it.
    pub(super) fn clear(&self, root: &Path) -> io::Result<()> {
        let [owner, capsule, ..] = self.folders.as_slice() else { return Ok(()) };
        let parent = folder::root(root).and_then(|root| folder::enter(root, owner));
        let Some(parent) = absent_as_none(parent)? else { return Ok(()) };
        // Which goes through no link, and the folder above was not reached through one.
        absent_as_none(std::fs::remove_dir_all(root.join(owner).join(capsule)))?;
        Ok(fsync(&parent)?)
    }

    fn find(&self, root: &Path) -> io::Result<Option<File>> {
        let Some(folder) = absent_as_none(self.folder(root))? else { return Ok(None) };
        // A pipe in the secret's place must not make the thread wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&folder, &self.name, flags, Mode::empty()).map_err(io::Error::from);
        Ok(absent_as_none(file)?.map(File::from))
    }

    fn folder(&self, root: &Path) -> io::Result<OwnedFd> {
        self.folders.iter().try_fold(folder::root(root)?, |at, name| folder::enter(at, name))
    }

    fn make_folder(&self, root: &Path) -> io::Result<OwnedFd> {
        folder::make_root(root)?;
        self.folders.iter().try_fold(folder::root(root)?, |at, name| {
            let made = folder::make(&at, name)?;
            // A new folder is only there after a crash if its parent is on the disk.
            fsync(&at)?;
            Ok(made)
        })
    }
}

fn absent_as_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::CapsuleId;

    #[test]
    fn different_keys_have_different_ordinary_names() {
        let scope = SecretScope { principal: None, capsule: CapsuleId::parse("c").unwrap() };
        let long = "x".repeat(256);
        let keys = ["", "a", "A", ".", "..", "a/b", "a%2fb", "é", &long, &long[..201], &long[..200]];
        let paths: std::collections::HashSet<_> =
            keys.iter().map(|key| Place::new(&scope, key).below(Path::new("/r"))).collect();
        assert_eq!(paths.len(), keys.len());
        for path in &paths {
            assert!(path.components().all(|part| part.as_os_str().len() < 255), "{path:?}");
        }
        assert_eq!(Place::new(&scope, "a/b").below(Path::new("/r")), Path::new("/r/@host/c/a%2fb"));
    }
}
