//! What this machine has to hold a process with, found out by trying.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use astrid_host_process::{Grade, Unconfined};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

use crate::builder::{BuildError, Isolation, Settings};
use crate::shim::{NAME, entered, stage};

/// How long a trial may take; it takes milliseconds.
const TRIAL: Duration = Duration::from_secs(10);

/// The first version of Landlock that also holds `truncate`.
const LEAST_LANDLOCK: u32 = 3;
/// The first that knows of the network.
const NETWORK_LANDLOCK: u32 = 4;

/// What there is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// A mount namespace of its own, and all others.
    Bubblewrap {
        program: PathBuf,
        /// Whether it binds descriptors and checks them itself.
        binds_fds: bool,
    },
    /// The host's files, most of them out of reach.
    Landlock {
        abi: u32,
        /// Whether there are user and pid namespaces.
        namespace: bool,
        /// Whether there are mount namespaces in them.
        mounts: bool,
    },
    /// Nothing, as the operator wants it.
    Off,
}

impl Means {
    pub(super) fn grade(&self) -> Grade {
        match *self {
            Self::Bubblewrap { .. } => {
                Grade { name: "bwrap", persistent: true, fixed_paths: true, injections: true }
            }
            Self::Landlock { namespace, .. } => {
                Grade { name: "landlock", persistent: namespace, fixed_paths: false, injections: true }
            }
            Self::Off => Grade { name: "off", persistent: false, fixed_paths: false, injections: false },
        }
    }

    /// Whether everything dies with the first process.
    pub(super) fn namespace(&self) -> bool {
        matches!(self, Self::Bubblewrap { .. } | Self::Landlock { namespace: true, .. })
    }

    /// Whether a process can be kept from all networks.
    pub(super) fn cuts_network(&self) -> bool {
        match self {
            Self::Bubblewrap { .. } => true,
            Self::Landlock { abi, .. } => *abi >= NETWORK_LANDLOCK,
            Self::Off => false,
        }
    }
}

/// The program that is the shim.
#[derive(Debug)]
pub(super) struct Shim {
    /// Kept open, so that it is the same after an upgrade has put another file in its place.
    file: File,
}

impl Shim {
    pub(super) fn find(named: Option<&Path>) -> Result<Self, BuildError> {
        let path = match named {
            Some(path) => path,
            None if entered() => Path::new("/proc/self/exe"),
            None => return Err(BuildError::NoShim),
        };
        let shim = Self { file: File::open(path).map_err(|error| BuildError::NotAShim(error.to_string()))? };
        let code = wait(shim.command(&[stage::PROBE])).map_err(|e| BuildError::NotAShim(e.to_string()))?;
        if code != Some(stage::PROBED) {
            return Err(BuildError::NotAShim("it does not answer as one".to_owned()));
        }
        Ok(shim)
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The shim in one of its stages, without an environment.
    pub(super) fn command(&self, stages: &[&str]) -> Command {
        use std::os::fd::AsRawFd;
        // The descriptor is closed at the exec, after the link has been followed.
        let mut command = Command::new(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        command.arg0(NAME).args(stages).env_clear();
        command
    }
}

/// The best there is of what the operator allows.
pub(super) fn find(settings: &Settings, shim: &Shim) -> Result<Result<Means, Unconfined>, BuildError> {
    let wanted = settings.isolation;
    if wanted == Isolation::Off {
        return Ok(Ok(Means::Off));
    }
    let mut why = Vec::new();
    if wanted != Isolation::Landlock {
        match bubblewrap(&settings.bubblewrap) {
            Ok(means) => return Ok(Ok(means)),
            Err(reason) => why.push(reason),
        }
    }
    if wanted != Isolation::Bubblewrap {
        match landlock(shim) {
            Ok(means) => return Ok(Ok(means)),
            Err(reason) => why.push(reason),
        }
    }
    Ok(Err(Unconfined(why.join("; "))))
}

fn bubblewrap(places: &[PathBuf]) -> Result<Means, String> {
    let program = places.iter().find(|place| place.is_file()).ok_or("bubblewrap is not installed")?;
    let mut trial = Command::new(program);
    trial.args(["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", "/bin/true"]).env_clear();
    match wait(trial) {
        Ok(Some(0)) => {}
        _ => return Err("bubblewrap does not run here".to_owned()),
    }
    let mut help = Command::new(program);
    help.arg("--help").env_clear().stdin(Stdio::null());
    let help = help.output().map_err(|_| "bubblewrap does not run here")?;
    let text = [help.stdout, help.stderr].concat();
    let binds_fds = String::from_utf8_lossy(&text).contains("--ro-bind-fd");
    Ok(Means::Bubblewrap { program: program.clone(), binds_fds })
}

fn landlock(shim: &Shim) -> Result<Means, String> {
    let abi = crate::raw::landlock_abi();
    if abi < LEAST_LANDLOCK {
        return Err(format!("landlock is at version {abi}, of which {LEAST_LANDLOCK} is needed"));
    }
    let works = |probe| matches!(wait(shim.command(&[stage::UNSHARE, probe])), Ok(Some(stage::PROBED)));
    let namespace = works(stage::PROBE);
    Ok(Means::Landlock { abi, namespace, mounts: namespace && works(stage::PROBE_MOUNTS) })
}

/// What a short process exits with; `None` if a signal ended it.
fn wait(mut command: Command) -> io::Result<Option<i32>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let over = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
    let ended = over.and_then(|over| {
        let limit = Timespec { tv_sec: TRIAL.as_secs().cast_signed(), tv_nsec: 0 };
        rustix::event::poll(&mut [PollFd::from_borrowed_fd(over.as_fd(), PollFlags::IN)], Some(&limit))
    });
    if !matches!(ended, Ok(1)) {
        child.kill()?;
    }
    Ok(child.wait()?.code())
}
