//! Which limits can be put on a process here.

use astrid_host_process::{LaunchError, Limits};

use super::means::Means;
use crate::plan::Rlimits;

/// Limits as the kernel inherits them: each holds for every process by itself, but that of processes, which
/// counts all in the namespace.
///
/// # Errors
/// [`LaunchError::NotEnforceable`] for one that the guest named.
pub(super) fn plan(limits: &Limits, means: &Means) -> Result<Rlimits, LaunchError> {
    let counted = counts_processes(means);
    if limits.pids.explicit && !counted {
        return Err(LaunchError::NotEnforceable("max-pids"));
    }
    Ok(Rlimits {
        // Runtimes reserve far more than they use, so no default may hold them to addresses.
        memory: limits.memory.explicit.then_some(limits.memory.value),
        cpu: Some(limits.cpu_secs.value),
        files: Some(limits.open_files.value),
        pids: counted.then(|| limits.pids.value.saturating_add(own(means))),
    })
}

/// Of what is counted with the command: the shim, its thread, and whoever made the namespace for it.
fn own(means: &Means) -> u64 {
    match means {
        Means::Bubblewrap { .. } => 2,
        Means::Landlock { .. } | Means::Off => 3,
    }
}

/// The kernel counts processes of a user in a user namespace since 5.14, and never those of the real root.
fn counts_processes(means: &Means) -> bool {
    means.namespace() && !rustix::process::getuid().is_root() && kernel() >= (5, 14)
}

fn kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
