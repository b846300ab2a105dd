//! The program that stands between the host and a command: it is started inside the sandbox, puts on what the
//! sandbox itself cannot, starts the command, and tells the host exactly how that ended.

use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
mod below;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod reaper;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod supervise;
#[cfg(target_os = "linux")]
mod unshare;

/// The name by which a program knows that it is to be the shim.
#[cfg(target_os = "linux")]
pub(crate) const NAME: &str = "astrid-process-shim";

/// The stages of the shim, as its first argument.
#[cfg(target_os = "linux")]
pub(crate) mod stage {
    /// Starts the next stage in a user and a pid namespace of its own.
    pub(crate) const UNSHARE: &str = "unshare";
    /// Starts a command and stays with it.
    pub(crate) const SUPERVISE: &str = "supervise";
    /// Says that there is a shim, by [`PROBED`].
    pub(crate) const PROBE: &str = "probe";
    /// The same, if mounts can be had.
    pub(crate) const PROBE_MOUNTS: &str = "probe-mounts";
    /// What a probe exits with; nothing else does by chance.
    pub(crate) const PROBED: i32 = 83;
}

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Whether this program can be its own shim.
#[cfg(target_os = "linux")]
pub(crate) fn entered() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// Lets this program be the shim of the processes it starts: to be called first thing in `main`, before there is
/// any thread. Returns at once unless the program was started to be the shim; then it does not return.
pub fn enter_if_asked() {
    ENTERED.store(true, Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    if let Some(stage) = asked() {
        std::process::exit(run(&stage));
    }
}

/// The stage, if the name is ours. What is no UTF-8 is none.
#[cfg(target_os = "linux")]
fn asked() -> Option<String> {
    let mut args = std::env::args_os();
    let name = args.next()?;
    let stage = args.next()?.into_string().ok()?;
    (std::path::Path::new(&name).file_name()? == NAME).then_some(stage)
}

#[cfg(target_os = "linux")]
fn run(stage: &str) -> i32 {
    match stage {
        stage::PROBE => stage::PROBED,
        stage::PROBE_MOUNTS => mounts::hold(&[]).map_or(1, |()| stage::PROBED),
        stage::UNSHARE => unshare::run(),
        stage::SUPERVISE => supervise::run(),
        _ => {
            eprintln!("{NAME}: no such stage");
            2
        }
    }
}
