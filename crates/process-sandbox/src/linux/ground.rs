//! What a command may reach of the host's files: directories pinned before anything is started, and paths that
//! nobody may look at.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use astrid_host_process::{LaunchError, Roots};
use rustix::fs::{CWD, Mode, OFlags};

use super::Host;

/// Readable for everybody: programs, and what they link to.
const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/run/current-system",
];

/// Readable below `/etc`: what programs need to find libraries, names, time and trust.
const ETC: [&str; 24] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ld.so.preload",
    "alternatives",
    "ssl",
    "ca-certificates",
    "ca-certificates.conf",
    "pki",
    "crypto-policies",
    "nsswitch.conf",
    "resolv.conf",
    "hosts",
    "host.conf",
    "protocols",
    "services",
    "passwd",
    "group",
    "localtime",
    "timezone",
    "mime.types",
    "gitconfig",
    "terminfo",
    "fonts",
];

/// A directory that is what it was when it was looked at.
#[derive(Debug)]
pub(super) struct Pinned {
    /// Without links.
    pub(super) path: PathBuf,
    pub(super) fd: OwnedFd,
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Pinned {
    fn open(path: &Path) -> Result<Self, LaunchError> {
        let path = path.canonicalize().map_err(|_| LaunchError::NoDirectory)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(CWD, &path, flags, Mode::empty()).map_err(|_| LaunchError::NoDirectory)?;
        let found = rustix::fs::fstat(&fd).map_err(|_| LaunchError::NoDirectory)?;
        Ok(Self { path, fd, device: found.st_dev, inode: found.st_ino })
    }
}

/// Everything a command is granted, checked against what is protected.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) workspace: Pinned,
    pub(super) home: Option<(Pinned, bool)>,
    pub(super) writes: Vec<Pinned>,
    /// The operator's, as named and as they are without links.
    pub(super) reads: Vec<PathBuf>,
    pub(super) masks: Vec<PathBuf>,
}

impl Ground {
    pub(super) fn open(host: &Host, roots: &Roots) -> Result<Self, LaunchError> {
        let operator = |_| LaunchError::Failed("a directory that the operator granted is missing".to_owned());
        let writes = host.settings.writes.iter().map(|path| Pinned::open(path).map_err(operator));
        let writes = writes.collect::<Result<Vec<_>, _>>()?;
        let reads = host.settings.reads.iter().flat_map(|path| spellings(path)).collect();
        let masks = host.settings.masks.iter().flat_map(|path| spellings(path));
        let masks = masks.chain([host.scratch.base().to_owned()]).collect();
        let home = match &roots.home {
            Some((path, writable)) => Some((Pinned::open(path)?, *writable)),
            None => None,
        };
        let ground = Self { workspace: Pinned::open(&roots.workspace)?, home, writes, reads, masks };
        ground.check()?;
        Ok(ground)
    }

    fn check(&self) -> Result<(), LaunchError> {
        let granted = self.writes.iter().map(|pinned| &pinned.path).chain(&self.reads);
        let overlapping = granted.chain([&self.workspace.path]).any(|path| self.is_masked(path));
        // The homes of all principals may be masked as a whole: one that is granted lies within.
        let home =
            self.home.as_ref().is_some_and(|(home, _)| self.masks.iter().any(|m| m.starts_with(&home.path)));
        if overlapping || home { Err(LaunchError::Masked) } else { Ok(()) }
    }

    /// Whether a path is protected, or something below it.
    pub(super) fn is_masked(&self, path: &Path) -> bool {
        self.masks.iter().any(|mask| path.starts_with(mask) || mask.starts_with(path))
    }

    /// Directories that a guest can write to.
    pub(super) fn writable(&self) -> impl Iterator<Item = &Pinned> {
        let home = self.home.iter().filter(|(_, writable)| *writable).map(|(home, _)| home);
        self.writes.iter().chain([&self.workspace]).chain(home)
    }

    /// All that are pinned.
    pub(super) fn pinned(&self) -> impl Iterator<Item = &Pinned> {
        self.writes.iter().chain([&self.workspace]).chain(self.home.iter().map(|(home, _)| home))
    }

    /// Paths that are readable whoever asks, with the directories of `search`; only those that exist.
    pub(super) fn readable(&self, search: &[PathBuf]) -> Vec<PathBuf> {
        let etc = ETC.iter().map(|name| Path::new("/etc").join(name));
        let mut all: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).chain(etc).collect();
        for path in search.iter().chain(&self.reads) {
            if !all.iter().any(|known| path.starts_with(known)) {
                all.push(path.clone());
            }
        }
        all.retain(|path| path.exists());
        all
    }

    /// Protected paths that lie in what is readable.
    pub(super) fn exposed(&self, readable: &[PathBuf]) -> Vec<PathBuf> {
        let real: Vec<_> = readable.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let there = self.masks.iter().filter(|mask| mask.symlink_metadata().is_ok());
        there.filter(|mask| real.iter().any(|path| mask.starts_with(path))).cloned().collect()
    }
}

/// A path as it is named, and as it is.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut both = vec![path.to_owned()];
    both.extend(path.canonicalize().ok().filter(|real| real != path));
    both
}
