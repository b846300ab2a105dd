//! System calls for which neither the standard library nor a crate in the tree has a safe interface.
#![expect(unsafe_code, reason = "nothing else in this crate has any")]

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::{fs, io};

use rustix::io::FdFlags;
use rustix::thread::UnshareFlags;
use tokio::io::unix::AsyncFd;

/// Gives `fds` to the program that `command` starts, under the numbers they have here.
pub(crate) fn inherit(command: &mut Command, fds: Vec<OwnedFd>) {
    let keep = move || {
        for fd in &fds {
            rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: the closure makes one system call for each descriptor it owns; it neither allocates nor locks.
    unsafe { command.pre_exec(keep) };
}

/// Starts `command`; `work` runs in the child, last thing before the program.
///
/// # Errors
/// If this process has more than one thread, or whatever `work` and the start fail with.
pub(crate) fn spawn_after(
    mut command: Command,
    work: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<Child> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with threads cannot do this"));
    }
    // SAFETY: there is one thread, this one, so no lock of the allocator or of anything else can be held by
    // another at the fork, and the child may do whatever its parent might.
    unsafe { command.pre_exec(work) };
    command.spawn()
}

/// Lets tokio say when `fd` is ready; within a runtime.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned by what is returned, which gives out no more than a look at it, so it
    // stays open and the same.
    Ok(unsafe { AsyncFd::register(fd)? })
}

/// Has every descriptor above 2 closed at the next exec.
pub(crate) fn close_the_rest() -> io::Result<()> {
    // SAFETY: it sets a flag of descriptors and touches no memory.
    let done = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Processor time in microseconds and the largest resident set in KiB of all that was waited for.
pub(crate) fn usage_of_the_dead() -> (u64, u64) {
    // SAFETY: zeroes are a valid `rusage`, which the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let micros = |time: libc::timeval| {
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_usec).unwrap_or(0)
    };
    (micros(usage.ru_utime) + micros(usage.ru_stime), u64::try_from(usage.ru_maxrss).unwrap_or(0))
}

/// Moves this process to a user namespace of its own, and what it starts to a pid namespace.
pub(crate) fn unshare_user_and_pids() -> io::Result<()> {
    // SAFETY: of the flags, only `FILES` can pull descriptors away from under another thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWPID)? };
    Ok(())
}

/// Gives this process mounts of its own.
pub(crate) fn unshare_mounts() -> io::Result<()> {
    // SAFETY: of the flags, only `FILES` can pull descriptors away from under another thread.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
    Ok(())
}

/// Makes the mount of `path` read-only, and all below it.
pub(crate) fn make_read_only(path: &CStr) -> io::Result<()> {
    // As the kernel has it: attributes to set, to clear, propagation, user namespace.
    let attributes: [u64; 4] = [libc::MOUNT_ATTR_RDONLY, 0, 0, 0];
    // SAFETY: the path ends with a NUL, and the kernel reads as many bytes as it is told the attributes have.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The version of Landlock that the kernel has switched on, 0 without.
pub(crate) fn landlock_abi() -> u32 {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no attributes and only answers a number.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION)
    };
    u32::try_from(answer).unwrap_or(0)
}
