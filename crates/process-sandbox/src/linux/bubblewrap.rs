//! The arguments of bubblewrap, in the order in which it mounts.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use astrid_host_process::Network;

use super::ground::Ground;
use super::inject::Placed;
use super::means::Shim;
use crate::shim::stage;

/// The home of a command in the sandbox.
pub(super) const HOME: &str = "/home/agent";
/// Its directory for temporary files.
pub(super) const SCRATCH: &str = "/tmp";
/// The shim in the sandbox; its file's name is what makes it one.
const SHIM: &str = "/run/astrid/astrid-process-shim";

/// What one sandbox is made of.
pub(super) struct View<'a> {
    pub(super) ground: &'a Ground,
    pub(super) readable: &'a [PathBuf],
    pub(super) injected: &'a [Placed],
    pub(super) network: Network,
    /// The most that fits into a discarded directory, in bytes.
    pub(super) room: u64,
    pub(super) shim: &'a Shim,
}

/// Arguments, and the descriptors that they name.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) list: Vec<OsString>,
    pub(super) fds: Vec<OwnedFd>,
}

impl Arguments {
    /// Its number, as an argument.
    fn keep(&mut self, fd: OwnedFd) -> String {
        let number = fd.as_raw_fd().to_string();
        self.fds.push(fd);
        number
    }

    fn push<const N: usize>(&mut self, words: [&dyn AsRef<std::ffi::OsStr>; N]) {
        self.list.extend(words.iter().map(|word| word.as_ref().to_owned()));
    }
}

impl View<'_> {
    /// `binds_fds` says whether bubblewrap binds descriptors and checks them itself.
    pub(super) fn arguments(&self, binds_fds: bool) -> io::Result<Arguments> {
        let mut args = Arguments::default();
        args.push([&"--unshare-all"]);
        if self.network == Network::Host {
            args.push([&"--share-net"]);
        }
        args.push([&"--die-with-parent", &"--as-pid-1", &"--new-session"]);
        args.push([&"--cap-drop", &"ALL", &"--clearenv"]);
        // What is mounted over them would hide these.
        let hidden = |path: &&PathBuf| [SCRATCH, HOME].iter().any(|over| path.starts_with(over));
        let (late, early): (Vec<_>, Vec<_>) = self.readable.iter().partition(hidden);
        early.into_iter().try_for_each(|path| read(&mut args, path))?;
        args.push([&"--proc", &"/proc", &"--dev", &"/dev"]);
        for directory in [SCRATCH, HOME] {
            args.push([&"--size", &self.room.to_string(), &"--tmpfs", &directory]);
        }
        late.into_iter().try_for_each(|path| read(&mut args, path))?;
        for mask in self.ground.exposed(self.readable) {
            cover(&mut args, &mask);
        }
        self.grants(&mut args, binds_fds)?;
        for placed in self.injected {
            if let Some(content) = &placed.content {
                let number = args.keep(content.try_clone()?);
                args.push([&"--perms", &"0444", &"--ro-bind-data", &number, &placed.path]);
            }
        }
        self.shim(&mut args)?;
        args.push([&"--remount-ro", &"/", &"--chdir", &"/", &"--", &SHIM, &stage::SUPERVISE]);
        Ok(args)
    }

    /// By descriptor, so that nobody exchanges a directory; the shim looks again whether it is the one.
    fn grants(&self, args: &mut Arguments, binds_fds: bool) -> io::Result<()> {
        let home = self.ground.home.iter().map(|(home, writable)| (home, *writable));
        let writes = self.ground.writes.iter().map(|directory| (directory, true));
        for (directory, writable) in [(&self.ground.workspace, true)].into_iter().chain(home).chain(writes) {
            let number = args.keep(directory.fd.try_clone()?);
            let (how, source) = match (binds_fds, writable) {
                (true, true) => ("--bind-fd", number),
                (true, false) => ("--ro-bind-fd", number),
                (false, true) => ("--bind", format!("/proc/self/fd/{number}")),
                (false, false) => ("--ro-bind", format!("/proc/self/fd/{number}")),
            };
            args.push([&how, &source, &directory.path]);
        }
        Ok(())
    }

    fn shim(&self, args: &mut Arguments) -> io::Result<()> {
        let file = self.shim.file();
        if file.metadata()?.nlink() == 0 {
            // Nothing can be bound that has no name any more. Opened anew, since it is read from where it stands.
            let content = fs::File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
            let number = args.keep(content.into());
            args.push([&"--perms", &"0555", &"--ro-bind-data", &number, &SHIM]);
        } else {
            let number = args.keep(file.try_clone()?.into());
            args.push([&"--ro-bind", &format!("/proc/self/fd/{number}"), &SHIM]);
        }
        Ok(())
    }
}

/// Something of the host's system: a link stays one.
fn read(args: &mut Arguments, path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_symlink() && path.parent() == Some(Path::new("/")) {
        args.push([&"--symlink", &fs::read_link(path)?, &path]);
    } else {
        args.push([&"--ro-bind-try", &path, &path]);
    }
    Ok(())
}

/// Something protected that would be seen otherwise.
fn cover(args: &mut Arguments, mask: &Path) {
    if mask.is_dir() {
        args.push([&"--tmpfs", &mask, &"--remount-ro", &mask]);
    } else {
        args.push([&"--ro-bind", &"/dev/null", &mask]);
    }
}
