//! Directories of principals: made for those an operator registered, and for nobody else.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::file::{Root, names};
use crate::profile::Profile;
use astrid_host_context::{CapsuleId, Principal};

/// `home/{principal}` and `home/{principal}/.local/tmp/{capsule}` below the host's root. Methods wait
/// for a disk.
#[derive(Debug)]
pub struct Homes {
    root: Root,
    path: PathBuf,
}

impl Homes {
    /// Homes below `root`, which must exist.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: Root::open(root)?, path: root.to_owned() })
    }

    /// The home of `who`, made if it is registered; `None` for everybody else and always for
    /// [`Principal::anonymous`], and then nothing is made.
    ///
    /// # Errors
    /// It cannot be made, or something else has its name.
    pub fn home(&self, who: &Principal, profile: &Profile) -> io::Result<Option<PathBuf>> {
        self.folder(who, profile, &["home", who.as_str()])
    }

    /// The scratch directory of `who` for one capsule, by the rule of [`Homes::home`].
    ///
    /// # Errors
    /// It cannot be made, or something else has its name.
    pub fn tmp(
        &self,
        who: &Principal,
        capsule: &CapsuleId,
        profile: &Profile,
    ) -> io::Result<Option<PathBuf>> {
        self.folder(who, profile, &["home", who.as_str(), ".local", "tmp", capsule.as_str()])
    }

    /// Empties the scratch directories of all principals; what cannot be removed is warned of. For the
    /// start of a host, when no capsule uses them.
    ///
    /// # Errors
    /// The homes cannot be listed.
    pub fn empty_tmp(&self) -> io::Result<()> {
        let Some(homes) = self.root.folder(&["home"])? else { return Ok(()) };
        for principal in names(&homes)? {
            // Something that is no directory, or a link, holds no scratch files of ours.
            let Ok(Some(tmp)) = self.root.folder(&["home", &principal, ".local", "tmp"]) else { continue };
            let held = held(&tmp)?;
            for name in names(&tmp)? {
                let path = held.join(&name);
                let removed = match std::fs::symlink_metadata(&path) {
                    Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path),
                    Ok(_) => std::fs::remove_file(&path),
                    Err(error) => Err(error),
                };
                if let Err(error) = removed {
                    tracing::warn!(target: "astrid.principals", principal, name, %error, "scratch files could not be removed");
                }
            }
        }
        Ok(())
    }

    /// Names of what lies where homes do, in no order: homes, and whatever else somebody put there.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        match self.root.folder(&["home"])? {
            Some(homes) => names(&homes),
            None => Ok(Vec::new()),
        }
    }

    fn folder(&self, who: &Principal, profile: &Profile, names: &[&str]) -> io::Result<Option<PathBuf>> {
        if !profile.registered || who.is_anonymous() {
            return Ok(None);
        }
        self.root.make(names)?;
        Ok(Some(names.iter().fold(self.path.clone(), |path, name| path.join(name))))
    }
}

/// A path by the descriptor: the directory that was opened without following a link.
#[cfg(target_os = "linux")]
fn held(directory: &OwnedFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;

    Ok(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()))
}

/// Where the directory is that was opened without following a link.
#[cfg(target_vendor = "apple")]
fn held(directory: &OwnedFd) -> io::Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;

    let path = rustix::fs::getpath(directory)?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(path.into_bytes())))
}
