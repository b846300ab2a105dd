//! A namespace for pids where there is no bubblewrap: what is started in it dies with its first process.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::{fs, io};

use rustix::process::Signal;

use super::{NAME, stage};

/// Starts the stage named by the second argument in it, and ends as that ends.
pub(super) fn run() -> i32 {
    match namespaced() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{NAME}: no namespace: {error}");
            1
        }
    }
}

fn namespaced() -> io::Result<i32> {
    crate::raw::close_the_rest()?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let next = std::env::args_os().nth(2).unwrap_or_else(|| stage::SUPERVISE.into());
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    crate::raw::unshare_user_and_pids()?;
    // Without it, an unprivileged process may not map groups.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    let status = Command::new("/proc/self/exe").arg0(NAME).arg(next).status()?;
    Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1))
}
